"""Drift: columns of two tables of shots compared, without disk.

What molds, weather and season explain is taken out of a column first (``drift_explained``). Then it
is tested for another level (``drift_level``), another distribution (Kolmogorov-Smirnov) and another
share of missing values (Fisher); residuals, measured less said, also for a larger bias (the test of
the level) and scatter (Brown-Forsythe); flags such as a defect for another rate (Fisher). Chance
alone moves something in every window, so a column alarms only when what moved is BOTH

    significant   its p-value, adjusted for all tests of the check (Holm, weighted), is at most the
                  rate: of checks without drift at most 1 % alarm, and at most 0.1 % say ALERT
    large         its effect is at least 0.1 (WARNING) or 0.2 (ALERT) on the scale of the population
                  stability index (PSI); that of a distribution less what PSI shows by chance

The scale is one for all tests. For normal distributions PSI is the square of a shift in standard
deviations, so 0.1 is a shift by 0.32 of them and 0.2 by 0.45; a scatter that grows by 25 % or 37 %
is the same. Missing values count as PSI of two bins. A defect rate has a scale of its own, for few
defects matter: doubled is an ALERT, half as many again (2 ** 0.5) a WARNING.

Shots are not independent: the counts behind the other p-values are effective ones
(``autocorrelation``), and no more than the level's. Rows must be in order of time. Residuals have
control charts as well, mold by mold (``drift_charts``): they name molds, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning import two_sample_tests as two
from twin_core.learning.autocorrelation import Autocorrelation, autocorrelation_of
from twin_core.learning.drift_charts import mold_charts
from twin_core.learning.drift_columns import (
    FEWEST_VALUES,
    Ready,
    counts_as_missing,
    is_defect,
    is_flag,
    made_ready,
    numbers,
    pairs,
)
from twin_core.learning.drift_explained import Context, Explanation
from twin_core.learning.drift_level import DRAWN_IN, Series, levels_of
from twin_core.learning.drift_level import Level as LevelMoved
from twin_core.learning.drift_result import (
    LARGEST_EFFECT,
    About,
    Column,
    DriftResult,
    Kind,
    Options,
    Test,
    shift_of,
)

FEWEST_ROWS = 30
"""Shots in a table below which there is no verdict."""
FEWEST_A_BIN = 5
"""Expected in a bin: the usual rule for tests on counts."""
LIMIT_SIGMA = 4.0
"""Further out, a value counts as this far when the begin of a shift is looked for."""
SMALL = 0.1
"""Share of the rates that tests of another shape or scatter take, beside 1 of each level."""
SHORTEST_RUN = 10
"""Fewer shots than these at the end do not make the begin of a shift."""


def check(
    baseline: Mapping[str, Array],
    current: Mapping[str, Array],
    options: Options | None = None,
    context: Context | None = None,
) -> DriftResult:
    """Compare the columns that both tables have; rows in order of time, NaN for missing.

    Residuals of quality results (``qc_x`` less ``sim_x``, ``qc_x`` less ``ml_x``) are made here.

    Args:
        baseline: columns by name.
        current: as many columns of the shots to judge.
        options: thresholds.
        context: molds and times of the shots, where they are known.

    Raises:
        InputError: no common column, or too few rows for a verdict.
    """
    options = options or Options()
    names = [name for name in baseline if name in current]
    if not names:
        raise InputError("the two tables have no column of numbers in common: compare feature sets")
    rows = len(baseline[names[0]]), len(current[names[0]])
    for label, count in zip(("baseline", "current"), rows, strict=True):
        if count < FEWEST_ROWS:
            raise InputError(
                f"{label}: {count} rows are too few for a verdict: give at least {FEWEST_ROWS} "
                "shots, better 200"
            )
    before, now = ({name: numbers(table[name]) for name in names} for table in (baseline, current))
    explanation = Explanation(before, now, context or Context())
    ready = [
        made_ready(name, kind, a, b, explanation) for name, kind, a, b in pairs(names, before, now)
    ]
    series = [None if one.left_out else one.series for one in ready]
    levels = levels_of(series, FEWEST_VALUES, explanation.weather_lasts)
    left_out = [(one.column.name, one.left_out) for one in ready if one.left_out]
    examined = [
        (_examined(one, level, options), level)
        for one, level in zip(ready, levels.levels, strict=True)
        if not one.left_out
    ]
    judged = _judged(_with_limits(examined, options), options)
    charts = mold_charts(
        ((one.column.name, *one.rows) for one in ready if one.rows is not None),
        _molds(context, rows),
    )
    return DriftResult(*rows, options, judged, tuple(left_out), levels.blocks, charts)


def _with_limits(
    examined: list[tuple[Column, LevelMoved | None]], options: Options
) -> list[Column]:
    """The smallest shift that this check finds, of each column."""
    tests = sum(test.weight for column, _ in examined for test in column.tests)
    least = options.warn_threshold**0.5
    return [
        column
        if level is None or not column.sd_before > 0.0
        else replace(
            column,
            detectable=max(level.detectable(options.warn_rate / tests) * column.sd_left, least),
        )
        for column, level in examined
    ]


def _molds(context: Context | None, rows: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of each row; one where it is not known."""
    if context is not None and context.molds is not None:
        return context.molds
    return np.full(rows[0], ""), np.full(rows[1], "")


def _examined(one: Ready, level: LevelMoved | None, options: Options) -> Column:
    """The column with its tests."""
    column, (before, now) = one.column, one.values
    tests = _missing(column, one.gone)
    if min(len(before), len(now)) < FEWEST_VALUES:
        return replace(column, tests=tuple(tests))
    column, more = _compared(one, level, options)
    series = one.series
    shift = column.shift if series is None else _shift(column, series)
    since = None
    if shift**2 >= options.warn_threshold and not is_flag(now):
        rows = _in_rows(now, one.gone[1]) if series is None else series.now
        since = _since(rows, column.mean_before if series is None else 0.0, column.sd_before)
    return replace(column, tests=(*more, *tests), since=since)


def _in_rows(values: Array, gone: NDArray[Any]) -> Array:
    rows = np.full(len(gone), np.nan)
    rows[~gone] = values
    return rows


def _missing(column: Column, gone: tuple[Array, Array]) -> list[Test]:
    """Its wandering is that of the baseline: a sensor that never failed fails anew."""
    before, now = column.missing_before, column.missing_now
    if not counts_as_missing(column):
        return []
    sizes = _sizes(autocorrelation_of(gone[0].astype(np.float64)), len(gone[0]), len(gone[1]))
    p = two.fisher_p_value(before, now, sizes)
    effect = two.psi_of_shares(before, now, len(gone[0]), len(gone[1]))
    return [Test(About.MISSING, Kind.DATA, p, effect, before, now)]


def _sizes(wander: Autocorrelation, n: int, m: int) -> two.Sizes:
    return two.Sizes(wander.effective(n), wander.effective(m))


def _compared(one: Ready, level: LevelMoved | None, options: Options) -> tuple[Column, list[Test]]:
    """Level, distribution and, for residuals, bias and scatter; the rate of a flag."""
    column, (before, now) = one.column, one.values
    left = one.values if one.series is None else _given(one.series)
    ranks = two.ranked(*left)
    sizes = _sizes(autocorrelation_of(ranks.baseline, ranks.current), len(left[0]), len(left[1]))
    if level is not None:
        sizes = two.Sizes(*map(min, sizes, level.sizes))
    bins = min(options.bins, max(len(now) // FEWEST_A_BIN, 2))
    edges = two.bin_edges(np.sort(before), bins)
    psi = max(two.psi(edges, before, now) - two.psi_by_chance(edges, sizes), 0.0)
    sd_left = float(left[0].std()) / column.sd_before if column.sd_before > 0.0 else 1.0
    column = replace(
        column,
        n_eff_before=sizes.baseline,
        n_eff_now=sizes.current,
        psi=psi,
        ks=ranks.distance,
        sd_left=sd_left,
    )
    means = column.mean_before, column.mean_now
    if is_flag(before) and is_flag(now):
        effect = _growth(before, now) if is_defect(column.name) else psi
        p = two.fisher_p_value(*means, sizes)
        return column, [Test(About.RATE, column.kind, p, effect, *means)]
    p = two.ks_p_value(ranks.distance, sizes)
    if one.series is None or level is None:  # two looks at one thing: twice the smaller p-value
        p = min(2.0 * min(p, two.shift_p_value(ranks, sizes)), 1.0)
        return column, [Test(About.DISTRIBUTION, column.kind, p, psi, *means)]
    p = two.as_student(p, level.freedom)
    shift = min(_shift(column, one.series) ** 2, LARGEST_EFFECT)
    tests = [
        Test(About.LEVEL, column.kind, level.p_value, shift, *means),
        Test(About.DISTRIBUTION, column.kind, p, psi, *means, SMALL),
    ]
    if column.kind in (Kind.PHYSICS, Kind.MODEL):
        grown = shift if abs(means[1]) > abs(means[0]) else 0.0  # one that shrinks is no alarm
        tests.append(Test(About.BIAS, column.kind, level.p_value, grown, *means, 0.0))
        tests.append(_scatter(column.kind, *left, level.freedom))
    return column, tests


def _given(series: Series) -> tuple[Array, Array]:
    before, now = series.before, series.now
    return before[~np.isnan(before)], now[~np.isnan(now)]


def _shift(column: Column, series: Series) -> float:
    """Of the mean, without what explains it, on the scale of the column; outliers drawn in."""
    before, now = _given(series)
    if not len(now):
        return 0.0
    now = np.clip(now, *np.quantile(now, (DRAWN_IN, 1.0 - DRAWN_IN)))
    return shift_of(0.0, float(now.mean() - before.mean()), column.sd_before)


def _growth(before: Array, now: Array) -> float:
    """Growth of a rate: 0.2 for each doubling, less is no alarm."""
    a, b = ((float(part.sum()) + two.HALF) / (len(part) + 1.0) for part in (before, now))
    return 0.2 * max(float(np.log2(b / a)), 0.0)


def _scatter(kind: Kind, before: Array, now: Array, freedom: float) -> Test:
    """Test whether the scatter of the error has grown: PSI of normals with one mean."""
    away = [np.abs(part - np.median(part)) for part in (before, now)]
    sizes = _sizes(autocorrelation_of(*away), len(before), len(now))
    a, b = (float(part.mean()) for part in away)
    ratio = b / a if a > 0.0 else float("inf")
    effect = min((ratio**2 + ratio**-2) / 2.0 - 1.0, LARGEST_EFFECT) if ratio > 1.0 else 0.0
    p = two.as_student(two.welch_p_value(away[0], away[1], sizes), freedom)
    return Test(About.SCATTER, kind, p, effect, a, b, SMALL)


def _since(now: Array, mean: float, sd: float) -> int:
    """Row from which on the mean differs most clearly from the baseline: the largest sum of the
    deviations up to the end, over the root of their number (a CUSUM from behind)."""
    away = np.clip((now - mean) / (sd if sd > 0.0 else 1.0), -LIMIT_SIGMA, LIMIT_SIGMA)
    given = ~np.isnan(away)
    sums = np.cumsum(np.where(given, away, 0.0)[::-1])[::-1]
    counts = np.cumsum(given[::-1])[::-1]
    contrast = np.abs(sums) / np.sqrt(np.maximum(counts, 1))
    return int(np.argmax(np.where(counts >= SHORTEST_RUN, contrast, -1.0)))


def _judged(columns: list[Column], options: Options) -> tuple[Column, ...]:
    """Adjust the p-values over all tests, set the levels, and sort."""
    counted = [test for column in columns for test in column.tests if test.weight]
    adjusted = iter(two.holm([t.p_value for t in counted], [t.weight for t in counted]))
    found = []
    for column in columns:
        tests = []
        of_level = 1.0
        for test in column.tests:
            p = next(adjusted) if test.weight else of_level
            of_level = p if test.about is About.LEVEL else of_level
            tests.append(replace(test, p_adjusted=p, level=options.level(p, test.effect)))
        found.append(replace(column, tests=tuple(tests)))
    return tuple(sorted(found, key=lambda c: (-c.level, -c.effect, c.p_adjusted)))
