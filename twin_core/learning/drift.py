"""Drift: columns of two tables of shots compared, without disk.

Every column is tested for another distribution (Kolmogorov-Smirnov, and Mann-Whitney for a shift)
and another share of missing values (Fisher); residuals, measured less said, also for a larger bias
(Welch) and scatter (Brown-Forsythe); flags such as a defect for another rate (Fisher). Chance alone
moves something in every window, so a column alarms only when what moved is BOTH

    significant   its p-value, adjusted for all tests of the check (Holm), is at most the rate: of
                  checks without drift at most 1 % alarm, and at most 0.1 % say ALERT
    large         its effect is at least 0.1 (WARNING) or 0.2 (ALERT) on the scale of the population
                  stability index (PSI), less what PSI shows by chance

The scale is one for all tests. For normal distributions PSI is the square of a shift in standard
deviations, so 0.1 is a shift by 0.32 of them and 0.2 by 0.45; a scatter that grows by 25 % or 37 %
is the same. Missing values count as PSI of two bins. A defect rate has a scale of its own, for few
defects matter: doubled is an ALERT, half as many again (2 ** 0.5) a WARNING.

Shots are not independent: the counts behind the p-values are effective ones (``autocorrelation``).
Rows must be in order of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning import two_sample_tests as two
from twin_core.learning.autocorrelation import Autocorrelation, autocorrelation_of
from twin_core.learning.columns import TARGETS, ml_column
from twin_core.learning.drift_explained import Context, Explanation
from twin_core.learning.drift_level import DRAWN_IN, Series, levels_of
from twin_core.learning.drift_level import Level as LevelMoved
from twin_core.learning.drift_result import (
    LARGEST_EFFECT,
    SAME,
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
FEWEST_VALUES = 20
"""Values of a column below which its distribution is not compared."""
FEWEST_A_BIN = 5
"""Expected in a bin: the usual rule for tests on counts."""
LIMIT_SIGMA = 4.0
"""Further out, a value counts as this far when the begin of a shift is looked for."""
SMALL = 0.2
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
    before, now = ({name: _numbers(table[name]) for name in names} for table in (baseline, current))
    explanation = Explanation(before, now, context or Context())
    ready = [
        _made_ready(name, kind, a, b, explanation)
        for name, kind, a, b in _pairs(names, before, now)
    ]
    series = [None if one.left_out else one.series for one in ready]
    levels = levels_of(series, FEWEST_VALUES, explanation.weather_lasts)
    columns, left_out = [], []
    for one, level in zip(ready, levels.levels, strict=True):
        if one.left_out:
            left_out.append((one.column.name, one.left_out))
        else:
            columns.append(_examined(one, level, options))
    judged = _judged(columns, options)
    return DriftResult(*rows, options, judged, tuple(left_out), levels.blocks)


def kind_of(name: str) -> Kind:
    """Kind of a column, by the group that its name begins with."""
    if name.startswith("delta_"):
        return Kind.PHYSICS
    return Kind.RESULTS if name.startswith("qc_") or _is_defect(name) else Kind.INPUTS


def residual_name(measured: str, said: str) -> str:
    """Name of the residual of two columns."""
    return f"{measured} - {said}"


def residual_parts(name: str) -> tuple[str, str | None]:
    """Both columns of a residual; the name itself and None of any other column."""
    measured, _, said = name.partition(" - ")
    return measured, said or None


def _is_defect(name: str) -> bool:
    return "defect" in name and "risk" not in name


def _comes_late(name: str) -> bool:
    """Quality results follow hours later: the newest shots have none yet."""
    return name.startswith(("qc_", "delta_")) or _is_defect(name)


def _pairs(
    names: list[str], before: dict[str, Array], now: dict[str, Array]
) -> Iterator[tuple[str, Kind, Array, Array]]:
    """Columns, then residuals of quality results, as finite numbers or NaN."""
    for name in names:
        yield name, kind_of(name), before[name], now[name]
    for measured, said, kind in _residuals(names):
        name = residual_name(measured, said)
        yield name, kind, before[measured] - before[said], now[measured] - now[said]


def _residuals(names: list[str]) -> list[tuple[str, str, Kind]]:
    """Residuals of what was measured, by the model that predicted it."""
    pairs = [
        (name, group + name.removeprefix("qc_"), kind)
        for name in names
        if name.startswith("qc_")
        for group, kind in (("sim_", Kind.PHYSICS), ("ml_", Kind.MODEL))
    ]
    for name, target in TARGETS.items():
        pairs.append((target.measured, ml_column(name), Kind.MODEL))
        if target.known == "lab":  # of others there is a delta_ column
            pairs.append((target.measured, target.physics, Kind.PHYSICS))
    there = set(names)
    return [pair for pair in dict.fromkeys(pairs) if {pair[0], pair[1]} <= there]


def _numbers(values: Array) -> Array:
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class _Ready:
    """A column made ready for its tests."""

    column: Column
    gone: tuple[Array, Array]
    """Whether a value is missing, without the end where results have not come yet."""
    values: tuple[Array, Array]
    """Given ones, without what weather and season explain."""
    series: Series | None
    """The same in their rows, without what the mold makes; None of flags and constants."""
    left_out: str = ""
    """Why it is not examined."""


def _made_ready(
    name: str, kind: Kind, before: Array, now: Array, explanation: Explanation
) -> _Ready:
    gone = np.isnan(before), np.isnan(now)
    if _comes_late(name):
        gone = gone[0][: _end(before)], gone[1][: _end(now)]
    given = before[~np.isnan(before)], now[~np.isnan(now)]
    column = _described(name, kind, given, gone)
    if not len(given[0]) and not len(given[1]):
        return _Ready(column, gone, given, None, "no values in either table")
    if _comes_late(name) and not (len(given[0]) and len(given[1])):
        missing = "current" if len(given[0]) else "baseline"
        return _Ready(column, gone, given, None, f"no values in the {missing} table yet")
    if min(len(given[0]), len(given[1])) < FEWEST_VALUES:
        words = f"fewer than {FEWEST_VALUES} values in one of the tables"
        return _Ready(column, gone, given, None, "" if _missing(column, gone) else words)
    if np.ptp(given[0]) <= SAME * abs(given[0][0]) or (_is_flag(given[0]) and _is_flag(given[1])):
        return _Ready(column, gone, (given[0], _snapped(*given)), None)
    found = explanation.of(name, before, now)
    column = replace(column, explained=found.share)
    values = found.before[~np.isnan(before)], found.now[~np.isnan(now)]
    series = _without_rounding(found.series, column)
    return _Ready(column, gone, values, series)


def _without_rounding(series: Series, column: Column) -> Series:
    """Differences that are rounding, where the mold says all of a value, are none."""
    least = SAME * max(abs(column.mean_before), column.sd_before)
    if np.nanmax(np.abs(series.before - np.nanmean(series.before))) > least:
        return series
    return Series(
        np.where(np.isnan(series.before), np.nan, 0.0),
        np.where(np.abs(series.now) <= least, 0.0, series.now),
    )


def _examined(one: _Ready, level: LevelMoved | None, options: Options) -> Column:
    """The column with its tests."""
    column, (before, now) = one.column, one.values
    tests = _missing(column, one.gone)
    if min(len(before), len(now)) < FEWEST_VALUES:
        return replace(column, tests=tuple(tests))
    column, more = _compared(one, level, options)
    series = one.series
    shift = column.shift if series is None else _shift(column, series)
    since = None
    if shift**2 >= options.warn_threshold and not _is_flag(now):
        rows = _in_rows(now, one.gone[1]) if series is None else series.now
        since = _since(rows, column.mean_before if series is None else 0.0, column.sd_before)
    return replace(column, tests=(*more, *tests), since=since)


def _end(values: Array) -> int:
    """Rows up to the last that has a value."""
    given = np.flatnonzero(~np.isnan(values))
    return int(given[-1]) + 1 if len(given) else 0


def _in_rows(values: Array, gone: Array) -> Array:
    rows = np.full(len(gone), np.nan)
    rows[~gone] = values
    return rows


def _snapped(before: Array, now: Array) -> Array:
    """Values that equal a constant baseline but for rounding are that constant."""
    if not len(before) or np.ptp(before) > SAME * abs(before[0]):
        return now
    return np.where(np.isclose(now, before[0], rtol=SAME, atol=0.0), before[0], now)


def _described(
    name: str, kind: Kind, given: tuple[Array, Array], gone: tuple[Array, Array]
) -> Column:
    (mean, sd), (mean_now, sd_now) = (_mean_and_sd(part) for part in given)
    n, m = (len(part) for part in given)
    before, now = (float(part.mean()) if len(part) else 0.0 for part in gone)
    return Column(name, kind, n, m, n, m, mean, mean_now, sd, sd_now, before, now)


def _mean_and_sd(values: Array) -> tuple[float, float]:
    mean = float(values.mean()) if len(values) else float("nan")
    return mean, float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _missing(column: Column, gone: tuple[Array, Array]) -> list[Test]:
    """Its wandering is that of the baseline: a sensor that never failed fails anew."""
    name, before, now = column.name, column.missing_before, column.missing_now
    # what a model said is missing where none was in use
    if before == now or residual_parts(name)[1] or name.startswith("ml_"):
        return []
    sizes = _sizes(autocorrelation_of(gone[0].astype(np.float64)), len(gone[0]), len(gone[1]))
    p = two.fisher_p_value(before, now, sizes)
    effect = two.psi_of_shares(before, now, len(gone[0]), len(gone[1]))
    return [Test(About.MISSING, Kind.DATA, p, effect, before, now)]


def _sizes(wander: Autocorrelation, n: int, m: int) -> two.Sizes:
    return two.Sizes(wander.effective(n), wander.effective(m))


def _compared(one: _Ready, level: LevelMoved | None, options: Options) -> tuple[Column, list[Test]]:
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
    column = replace(
        column, n_eff_before=sizes.baseline, n_eff_now=sizes.current, psi=psi, ks=ranks.distance
    )
    means = column.mean_before, column.mean_now
    if _is_flag(before) and _is_flag(now):
        effect = _growth(before, now) if _is_defect(column.name) else psi
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


def _is_flag(values: Array) -> bool:
    return bool(np.all((values == 0.0) | (values == 1.0)))


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
