"""Result of a check of drift: tests, columns, the verdict, and the thresholds behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from twin_core.errors import InputError
from twin_core.learning.drift_charts import MoldChart

SAME = 1e-9
"""Relative difference below which a value equals a constant baseline."""
LARGEST_EFFECT = 99.0


class Level(IntEnum):
    """Level of drift; the number is the exit code of the command."""

    OK = 0
    WARNING = 1
    ALERT = 2


class Kind(StrEnum):
    """Kind of drift, which decides what to do (docs/drift.md)."""

    DATA = "data quality moved"
    PHYSICS = "physics residual moved"
    MODEL = "model error grew"
    RESULTS = "quality results moved"
    INPUTS = "inputs moved"


class About(StrEnum):
    """Subject of a test."""

    LEVEL = "level"
    DISTRIBUTION = "distribution"
    MISSING = "missing values"
    BIAS = "bias"
    SCATTER = "scatter"
    RATE = "rate"


@dataclass(frozen=True)
class Options:
    """Thresholds of a check."""

    warn_threshold: float = 0.1
    alert_threshold: float = 0.2
    warn_rate: float = 0.01
    """False-alarm rate of a whole check, any level."""
    alert_rate: float = 0.001
    """False-alarm rate of a whole check, ALERT."""
    bins: int = 10

    def __post_init__(self) -> None:
        if not 0.0 < self.warn_threshold <= self.alert_threshold:
            raise InputError(
                f"thresholds: warning {self.warn_threshold:g}, alert {self.alert_threshold:g}: "
                "give positive numbers, the first not above the second (0.1 and 0.2 are usual)"
            )

    def level(self, p_adjusted: float, effect: float) -> Level:
        """Significant and large enough for what?"""
        if p_adjusted <= self.alert_rate and effect >= self.alert_threshold:
            return Level.ALERT
        if p_adjusted <= self.warn_rate and effect >= self.warn_threshold:
            return Level.WARNING
        return Level.OK


@dataclass(frozen=True)
class Test:
    """One comparison of one column."""

    about: About
    kind: Kind
    p_value: float
    effect: float
    """On the scale of PSI."""
    before: float
    now: float
    """What it compares: means, scatters (mean absolute deviation), shares."""
    weight: float = 1.0
    """Share of the rates that it takes; 0: it is the same question as another of the column."""
    p_adjusted: float = 1.0
    level: Level = Level.OK

    __test__ = False  # no test of pytest


@dataclass(frozen=True)
class Column:
    """Column of both tables; NaN where a table has no values."""

    name: str
    kind: Kind
    n_before: int
    n_now: int
    """Values, without missing ones."""
    n_eff_before: float
    n_eff_now: float
    """Independent ones that they are worth."""
    mean_before: float
    mean_now: float
    sd_before: float
    sd_now: float
    missing_before: float
    missing_now: float
    """Share of missing values."""
    psi: float = 0.0
    """Less what chance shows, at least 0."""
    ks: float = 0.0
    explained: float = 0.0
    """Part of the shift of the mean that weather and season explain, in units of the column."""
    sd_left: float = 1.0
    """Share of ``sd_before`` that molds, weather and season leave."""
    detectable: float = float("nan")
    """Shift of the mean that this check finds in 9 of 10 cases, standard deviations of the
    baseline; NaN where none is tested."""
    since: int | None = None
    """Row of the current table where the shift of the mean begins."""
    tests: tuple[Test, ...] = field(default=())

    @property
    def shift(self) -> float:
        """Shift of the mean, in standard deviations of the baseline."""
        return shift_of(self.mean_before, self.mean_now, self.sd_before)

    @property
    def level(self) -> Level:
        """The worst of its tests."""
        return max((test.level for test in self.tests), default=Level.OK)

    @property
    def p_adjusted(self) -> float:
        """The smallest of its tests."""
        return min((test.p_adjusted for test in self.tests), default=1.0)

    @property
    def effect(self) -> float:
        """The largest of those that decide its level."""
        return max((test.effect for test in self.tests if test.level == self.level), default=0.0)


@dataclass(frozen=True)
class DriftResult:
    """The verdict of a check; columns are sorted, worst first."""

    rows_before: int
    rows_now: int
    options: Options
    columns: tuple[Column, ...]
    not_examined: tuple[tuple[str, str], ...]
    """Name and reason."""
    blocks: int = 0
    """Parts of the baseline whose levels differ by more than its shots in a row make: then a
    window is judged by how these differ. 0: they do not."""
    charts: tuple[MoldChart, ...] = ()
    """Control charts of residuals, mold by mold; they do not change the verdict."""

    @property
    def level(self) -> Level:
        """The worst of all columns."""
        return max((column.level for column in self.columns), default=Level.OK)

    @property
    def moved(self) -> tuple[Column, ...]:
        """Columns that alarm."""
        return tuple(column for column in self.columns if column.level > Level.OK)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds that have moved, in the order in which to look at them."""
        found = {t.kind for c in self.moved for t in c.tests if t.level > Level.OK}
        return tuple(kind for kind in Kind if kind in found)

    @property
    def alarms(self) -> tuple[MoldChart, ...]:
        """Charts that passed their limit."""
        return tuple(chart for chart in self.charts if chart.side)

    def level_of(self, kind: Kind) -> Level:
        """The worst of all tests of a kind."""
        tests = (test for column in self.columns for test in column.tests if test.kind is kind)
        return max((test.level for test in tests), default=Level.OK)

    @property
    def tests(self) -> int:
        """Tests among which the rates are shared."""
        return sum(len(column.tests) for column in self.columns)


def shift_of(before: float, now: float, sd: float) -> float:
    """Shift of a mean in standard deviations; of a constant, by as much as there is."""
    if sd > SAME * abs(before):
        return (now - before) / sd
    close = abs(now - before) <= SAME * abs(before)
    return 0.0 if close else math.copysign(LARGEST_EFFECT, now - before)
