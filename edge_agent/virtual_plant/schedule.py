"""Times of the pours of each mold: over the working hours of the days, never two at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from twin_core.errors import InputError

DAY_BEGINS_H, DAY_ENDS_H = 6.0, 22.0
"""Two shifts, every day of the week."""
DAY_S = 3600.0 * (DAY_ENDS_H - DAY_BEGINS_H)
LEAST_SPACING_S = 2400.0
"""From pour to pour of a mold: longer than the longest cycle (``quality.t_cycle_max_s``)."""
JITTER = 0.5
"""Of the mean spacing."""


@dataclass(frozen=True)
class Slot:
    """A shot that is to be made: its number in the plant's order of time, and its mold."""

    number: int
    mold: int
    poured_at: datetime


def draw_slots(seed: int, shots: int, molds: int, start: datetime, days: float) -> list[Slot]:
    """So many shots in order of time, shared out evenly among the molds.

    Raises:
        InputError: the days are too short for so many shots.
    """
    work_s = days * DAY_S
    most = int(work_s * (1.0 - JITTER) / LEAST_SPACING_S)
    each = math.ceil(shots / molds)
    if each > most:
        raise InputError(
            f"{shots} shots in {molds} molds need {each} a mold; {days:g} days take {most}: "
            "give more days or molds, or fewer shots"
        )
    rng = np.random.default_rng([seed, 3])
    found: list[tuple[datetime, int]] = []
    for mold in range(molds):
        count = shots // molds + (mold < shots % molds)
        shift = rng.uniform(0.0, 1.0 - JITTER)
        places = (np.arange(count) + shift + JITTER * rng.uniform(size=count)) / max(count, 1)
        for worked_s in (places * work_s).tolist():
            day, left_s = divmod(worked_s, DAY_S)
            at = timedelta(days=day, hours=DAY_BEGINS_H, seconds=round(left_s, 3))
            found.append((midnight(start) + at, mold))
    found.sort()
    return [Slot(number, mold, at) for number, (at, mold) in enumerate(found, start=1)]


def midnight(moment: datetime) -> datetime:
    """The beginning of its day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
