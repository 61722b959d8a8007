"""Values that hold from one day on until the next: lots, maintenance, cleaning, new sensors."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Steps:
    """Rows of values, each in use from its day of the plant on; the first began before day 0."""

    since_days: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def number(self, day: float) -> int:
        """Number of the step in use on a day."""
        return max(0, bisect_right(self.since_days, day) - 1)

    def at(self, day: float) -> tuple[float, ...]:
        """Values in use on a day."""
        return self.values[self.number(day)]

    def age_days(self, day: float) -> float:
        """Days since the step in use began."""
        return day - self.since_days[self.number(day)]


def draw_days(
    rng: np.random.Generator, days: float, shortest: float, longest: float
) -> tuple[float, ...]:
    """Days on which steps begin, the first before day 0 and the last after the end."""
    since = [-float(rng.uniform(0.0, shortest))]
    while since[-1] <= days:
        since.append(since[-1] + float(rng.uniform(shortest, longest)))
    return tuple(since)


def steps(since_days: tuple[float, ...], columns: Sequence[Sequence[float]]) -> Steps:
    """Steps from their days and columns of values."""
    return Steps(since_days, tuple(zip(*columns, strict=True)))
