"""What explains a shift without drift: the mix of molds, the weather, the time of the year.

From each column is taken, by what the baseline shows,

    molds       the mean of each mold: a window with other molds has other values
    weather     hall temperature, humidity and moisture of the air, linear. The slopes come from
                what differs within a mold and a part of the baseline: between parts lots of
                material differ as well, which by chance go with the weather
    year        where the baseline spans a year: one wave of a year, so that a window is compared
                with the same season of the baseline

What is left is compared. What the weather explains is uncertain: by the scatter of the slopes,
without a year in the baseline by a share of it (``UNCERTAIN_SHARE``), for physics is not linear,
and by how far the weather is beyond what the baseline shows (``BEYOND``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from twin_core.arrays import Array
from twin_core.learning.drift_level import Series, parts_of

T_HALL, RH_HALL = "proc_T_ambient_C", "proc_RH_ambient"
YEAR_DAYS = 365.25
SPANS_A_YEAR_DAYS = 330.0
"""From here on a baseline shows every season."""
FEWEST_OF_A_MOLD = 5
"""Values of a mold in the baseline, else its shots are not compared."""
FEWEST_PER_SLOPE = 30
"""Values of a column for each slope, beside the means of its cells."""
LASTING = 1e-4
"""Chance below which parts of the baseline differ in their weather."""
IS_WEATHER = 0.35
"""A column with less than this left of its scatter is weather itself (moisture), and compared as
the hall is."""
BEYOND = 1.0
"""Standard deviations of what follows the weather, for each by which the weather is beyond the
baseline: that far a column is uncertain there. ASSUMED: air condenses in a humid summer only."""
UNCERTAIN_SHARE = 0.4
"""Of a shift that weather explains: ASSUMED."""


@dataclass(frozen=True)
class Context:
    """What is known of shots beside their numbers: of the baseline, and of the current table."""

    molds: tuple[NDArray[Any], NDArray[Any]] | None = None
    """Name of the mold of each shot."""
    days: tuple[Array, Array] | None = None
    """Time of each pour, days since any moment; NaN where it is not known."""
    weather: tuple[Mapping[str, Array], Mapping[str, Array]] = ({}, {})
    """Columns of the hall, where they are not among those to compare."""


@dataclass(frozen=True)
class Explained:
    """Column of both tables with what explains it taken out."""

    series: Series
    """Without molds, weather and year."""
    before: Array
    now: Array
    """Without weather and year: molds stay, as the scale on which a shift is large or not."""
    share: float = 0.0
    """Shift that weather and year explain, in units of the column."""


class Explanation:
    """Explains column after column of two tables."""

    def __init__(
        self, before: Mapping[str, Array], now: Mapping[str, Array], context: Context
    ) -> None:
        """Prepare what all columns share.

        Args:
            before: baseline, NaN for missing; the hall's columns are found by their names.
            now: current table.
            context: molds and times, as far as known.
        """
        self._rows = len(next(iter(before.values())))
        count = self._rows + len(next(iter(now.values())))
        self._mold = np.zeros(count, dtype=np.intp)
        if context.molds is not None:
            self._mold = np.unique(np.concatenate(context.molds), return_inverse=True)[1]
        self._part = parts_of(self._rows, count - self._rows)
        self._weather = _weather({**context.weather[0], **before}, {**context.weather[1], **now})
        self._year = _year(context, self._rows)
        self._outside = self._how_far_outside()

    def _how_far_outside(self) -> float:
        """Standard deviations by which the weather is beyond that of every part of the baseline."""
        if not self.weather_lasts:
            return 0.0
        assert self._weather is not None
        parts = self._part[: self._rows]
        means = np.array(
            [self._weather[: self._rows][parts == one].mean(axis=0) for one in np.unique(parts)]
        )
        now = self._weather[self._rows :].mean(axis=0)
        return float(max((now - means.max(axis=0)).max(), (means.min(axis=0) - now).max(), 0.0))

    @cached_property
    def weather_lasts(self) -> bool:
        """Whether the weather of the hall differs from part to part of the baseline."""
        if self._weather is None:
            return False
        parts = self._part[: self._rows]
        temperatures = [self._weather[: self._rows, 0][parts == one] for one in np.unique(parts)]
        return bool(stats.kruskal(*temperatures).pvalue < LASTING)

    def of(self, name: str, before: Array, now: Array) -> Explained:
        """Column with what explains it taken out."""
        whole = np.concatenate((before, now))
        taken, variance = np.zeros(len(whole)), 0.0
        if self._weather is not None:
            taken, variance = self._by_weather(whole, name in (T_HALL, RH_HALL))
        middle = self._mold_means(whole - taken)
        if self._year is not None:
            taken = taken + self._by_year(whole - taken - middle)
            middle = self._mold_means(whole - taken)
        left = whole - taken
        rest = left - middle
        sd = float(np.nanstd(rest[: self._rows])) if np.isfinite(rest[: self._rows]).any() else 0.0
        share = self._mean_difference(taken, whole)
        if self._year is None:  # a year shows the season itself
            variance += (UNCERTAIN_SHARE * share) ** 2
        variance = variance / sd**2 if sd > 0.0 else 0.0
        n = self._rows
        return Explained(Series(rest[:n], rest[n:], variance), left[:n], left[n:], share)

    def _mean_difference(self, values: Array, of: Array) -> float:
        there = ~np.isnan(of)
        now = there & (np.arange(len(of)) >= self._rows)
        before = there & ~now
        if not now.any() or not before.any():
            return 0.0
        return float(values[now].mean() - values[before].mean())

    def _mold_means(self, values: Array) -> Array:
        """Of the baseline, for each row; NaN for a mold that it hardly has."""
        before = values[: self._rows]
        there = ~np.isnan(before)
        molds = int(self._mold.max()) + 1
        if not there.any():
            return np.zeros(len(values))
        alone = np.full(len(values), before[there].mean())
        if molds == 1:
            return alone
        mold = self._mold[: self._rows][there]
        counts = np.bincount(mold, minlength=molds)
        known = counts >= FEWEST_OF_A_MOLD
        means = np.bincount(mold, before[there], molds) / np.maximum(counts, 1)
        given = ~np.isnan(values)
        lost = float(np.mean(~known[self._mold[given]]))
        if lost > 0.5:  # hardly a mold is known: compare without them
            return alone
        return np.asarray(np.where(known, means, np.nan)[self._mold])

    def _by_weather(self, values: Array, is_hall: bool) -> tuple[Array, float]:
        """Part that follows the weather, and variance of the shift that it explains."""
        assert self._weather is not None
        rows = np.flatnonzero(~np.isnan(values[: self._rows]))
        nothing = np.zeros(len(values)), 0.0
        if is_hall:
            return self._as_weather(values)
        cell = self._mold[rows] * (int(self._part.max()) + 1) + self._part[rows]
        cell = np.unique(cell, return_inverse=True)[1]
        weather = _within(self._weather[rows], cell)
        useful = weather.std(axis=0) > 1e-6
        freedom = len(rows) - int(cell.max(initial=0)) - 1 - int(useful.sum())
        if not useful.any() or freedom < FEWEST_PER_SLOPE * int(useful.sum()):
            return nothing
        away = _within(values[rows][:, None], cell)[:, 0]
        inverse = np.linalg.pinv(weather[:, useful].T @ weather[:, useful], rcond=1e-6)
        slopes = inverse @ (weather[:, useful].T @ away)
        left = float(((away - weather[:, useful] @ slopes) ** 2).sum())
        if left < IS_WEATHER * float(away @ away):
            return self._as_weather(values)
        noise = left / freedom
        taken = self._weather[:, useful] @ slopes
        there = ~np.isnan(values)
        now = there.copy()
        now[: self._rows] = False
        if not now.any():
            return nothing
        further = self._weather[now].mean(axis=0) - self._weather[rows].mean(axis=0)
        further = further[useful]
        follows = max(float(away @ away) - left, 0.0) / len(rows)
        beyond = follows * (BEYOND * self._outside) ** 2
        return np.asarray(taken), noise * float(further @ inverse @ further) + beyond

    def _as_weather(self, values: Array) -> tuple[Array, float]:
        """Nothing is explained; a season that the baseline does not have is not judged."""
        beyond = 0.0 if self._year is not None else BEYOND * self._outside
        return np.zeros(len(values)), float(np.nanvar(values[: self._rows])) * beyond**2

    def _by_year(self, values: Array) -> Array:
        """Wave of a year through the baseline."""
        assert self._year is not None
        there = ~np.isnan(values) & ~np.isnan(self._year[:, 0])
        there[self._rows :] = False
        if there.sum() < 3 * FEWEST_PER_SLOPE:
            return np.zeros(len(values))
        design = np.column_stack((np.ones(len(values)), self._year))
        found = np.linalg.lstsq(design[there], values[there], rcond=None)[0]
        return np.asarray(np.nan_to_num(self._year) @ found[1:])


def _within(values: Array, cell: NDArray[np.intp]) -> Array:
    """Columns, each less the mean of its cell."""
    count = np.bincount(cell)
    means = [np.bincount(cell, column) / count for column in values.T]
    return np.asarray(values - np.array(means).T[cell])


def _weather(before: Mapping[str, Array], now: Mapping[str, Array]) -> Array | None:
    """Temperature, humidity and moisture of the hall in standard deviations of the baseline;
    0 where it is not known."""
    if not all(name in table for table in (before, now) for name in (T_HALL, RH_HALL)):
        return None
    T, RH = (np.concatenate((before[name], now[name])) for name in (T_HALL, RH_HALL))
    moisture = RH * np.exp(17.625 * T / (T + 243.04))  # over that at 0 C: Magnus
    values = np.column_stack((T, RH, moisture))
    rows = len(before[T_HALL])
    given = np.asarray(~np.isnan(values).any(axis=1))
    if min(given[:rows].sum(), given[rows:].sum()) < FEWEST_PER_SLOPE:
        return None
    mean, sd = values[:rows][given[:rows]].mean(axis=0), values[:rows][given[:rows]].std(axis=0)
    return np.asarray(np.where(given[:, None], (values - mean) / np.maximum(sd, 1e-9), 0.0))


def _year(context: Context, rows: int) -> Array | None:
    """Cosine and sine of the time of the year, where the baseline spans one."""
    if context.days is None:
        return None
    before = context.days[0]
    if len(before) != rows or np.isnan(before).all():
        return None
    if np.nanmax(before) - np.nanmin(before) < SPANS_A_YEAR_DAYS:
        return None
    angle = 2.0 * np.pi * np.concatenate(context.days) / YEAR_DAYS
    return np.column_stack((np.cos(angle), np.sin(angle)))
