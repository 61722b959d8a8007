"""Columns of a check of drift: which there are, of what kind, made ready for their tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from twin_core.arrays import Array
from twin_core.learning.columns import TARGETS, ml_column
from twin_core.learning.drift_explained import Explanation
from twin_core.learning.drift_level import Series
from twin_core.learning.drift_result import SAME, Column, Kind

FEWEST_VALUES = 20
"""Values of a column below which its distribution is not compared."""


def counts_as_missing(column: Column) -> bool:
    """Whether another share of its values is missing, and this says something."""
    if column.missing_before == column.missing_now:
        return False
    # what a model said is missing where none was in use
    return residual_parts(column.name)[1] is None and not column.name.startswith("ml_")


def kind_of(name: str) -> Kind:
    """Kind of a column, by the group that its name begins with."""
    if name.startswith("delta_"):
        return Kind.PHYSICS
    return Kind.RESULTS if name.startswith("qc_") or is_defect(name) else Kind.INPUTS


def residual_name(measured: str, said: str) -> str:
    """Name of the residual of two columns."""
    return f"{measured} - {said}"


def residual_parts(name: str) -> tuple[str, str | None]:
    """Both columns of a residual; the name itself and None of any other column."""
    measured, _, said = name.partition(" - ")
    return measured, said or None


def is_defect(name: str) -> bool:
    return "defect" in name and "risk" not in name


def _comes_late(name: str) -> bool:
    """Quality results follow hours later: the newest shots have none yet."""
    return name.startswith(("qc_", "delta_")) or is_defect(name)


def pairs(
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


def numbers(values: Array) -> Array:
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Ready:
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
    rows: tuple[Array, Array] | None = None
    """Values in their rows, molds in them: of residuals, for charts."""


def made_ready(name: str, kind: Kind, before: Array, now: Array, explanation: Explanation) -> Ready:
    gone = np.isnan(before), np.isnan(now)
    if _comes_late(name):
        gone = gone[0][: _end(before)], gone[1][: _end(now)]
    given = before[~np.isnan(before)], now[~np.isnan(now)]
    column = _described(name, kind, given, gone)
    if not len(given[0]) and not len(given[1]):
        return Ready(column, gone, given, None, "no values in either table")
    if _comes_late(name) and not (len(given[0]) and len(given[1])):
        missing = "current" if len(given[0]) else "baseline"
        return Ready(column, gone, given, None, f"no values in the {missing} table yet")
    if min(len(given[0]), len(given[1])) < FEWEST_VALUES:
        words = f"fewer than {FEWEST_VALUES} values in one of the tables"
        return Ready(column, gone, given, None, "" if counts_as_missing(column) else words)
    if np.ptp(given[0]) <= SAME * abs(given[0][0]) or (is_flag(given[0]) and is_flag(given[1])):
        return Ready(column, gone, (given[0], _snapped(*given)), None)
    found = explanation.of(name, before, now)
    column = replace(column, explained=found.share)
    values = found.before[~np.isnan(before)], found.now[~np.isnan(now)]
    series = _without_rounding(found.series, column)
    rows = (found.before, found.now) if kind in (Kind.PHYSICS, Kind.MODEL) else None
    return Ready(column, gone, values, series, rows=rows)


def _without_rounding(series: Series, column: Column) -> Series:
    """Differences that are rounding, where the mold says all of a value, are none."""
    least = SAME * max(abs(column.mean_before), column.sd_before)
    if np.nanmax(np.abs(series.before - np.nanmean(series.before))) > least:
        return series
    return Series(
        np.where(np.isnan(series.before), np.nan, 0.0),
        np.where(np.abs(series.now) <= least, 0.0, series.now),
    )


def _end(values: Array) -> int:
    """Rows up to the last that has a value."""
    given = np.flatnonzero(~np.isnan(values))
    return int(given[-1]) + 1 if len(given) else 0


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


def is_flag(values: Array) -> bool:
    return bool(np.all((values == 0.0) | (values == 1.0)))
