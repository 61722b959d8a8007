"""Times of the pours of each mold: spread over the days, or minutes apart; never two at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Busy:
    """Work without idle hours: minutes from pour to pour of a mold."""

    spacing_s: tuple[float, ...]
    """Of each mold, on average."""
    least_s: tuple[float, ...]
    """Of each mold: its cycle, and what it takes to make it ready."""
    sigma: float = 0.1
    """Scatter of the spacing, relative."""
    stop_share: float = 0.0
    """Shots that come after a stop."""
    stop_hours_max: float = 0.0
    week_days: float = 7.0
    """Days of a week that are worked, from Monday on."""


STOP_HOURS_MIN = 0.5
SLOWEST_MIN = 60.0
"""From pour to pour in the slowest mold of a harsh plant, stops included, about."""


def days_at_most(shots: int, spacing_min: float | None) -> float:
    """Days that weather and wear are drawn for, before the last pour of busy molds is known.

    Args:
        shots: of each mold.
        spacing_min: minutes from pour to pour; None: of a harsh plant.
    """
    worked = shots * 60.0 * (spacing_min or SLOWEST_MIN) / DAY_S
    return float(math.ceil(7.0 / 5.0 * worked) + 7)


def draw_busy_slots(
    seed: int, shots: int, busy: Busy, start: datetime, days: float | None = None
) -> list[Slot]:
    """So many shots in order of time, minutes apart, shared out evenly among the molds.

    Args:
        days: they are spread over so many days; None: over as many as they take.

    Raises:
        InputError: the days are too short for so many shots.
    """
    rng = np.random.default_rng([seed, 10])
    molds = len(busy.spacing_s)
    worked: list[NDArray[np.float64]] = []
    for mold, (mean_s, least_s) in enumerate(zip(busy.spacing_s, busy.least_s, strict=True)):
        count = shots // molds + (mold < shots % molds)
        scatter = np.clip(rng.standard_normal(count), -3.0, 3.0)
        gaps = np.maximum(least_s, mean_s * (1.0 + busy.sigma * scatter))
        stops = rng.uniform(STOP_HOURS_MIN, max(busy.stop_hours_max, STOP_HOURS_MIN), size=count)
        gaps += np.where(rng.uniform(size=count) < busy.stop_share, 3600.0 * stops, 0.0)
        worked.append(np.cumsum(gaps) - gaps[:1] * rng.uniform())
    last_s = max((float(one[-1]) for one in worked if len(one)), default=0.0)
    stretch = 1.0
    if days is not None:
        work_s = sum(1 for i in range(math.floor(days)) if _is_worked(start, i, busy)) * DAY_S
        stretch = work_s / (last_s + 1.0)
        if stretch < 1.0:
            raise InputError(
                f"{shots} shots in {molds} molds, minutes apart, take {last_s / DAY_S:.1f} days of "
                f"work; {days:g} days have {work_s / DAY_S:g}: give more days or molds, fewer "
                "shots, or leave the days out"
            )
    calendar = _work_days(start, math.ceil(last_s * stretch / DAY_S) + 1, busy)
    found: list[tuple[datetime, int]] = []
    for mold, one in enumerate(worked):
        for worked_s in (one * stretch).tolist():
            day, left_s = divmod(worked_s, DAY_S)
            at = timedelta(days=calendar[int(day)], hours=DAY_BEGINS_H, seconds=round(left_s, 3))
            found.append((midnight(start) + at, mold))
    found.sort()
    return [Slot(number, mold, at) for number, (at, mold) in enumerate(found, start=1)]


def _is_worked(start: datetime, day: int, busy: Busy) -> bool:
    return (start + timedelta(days=day)).weekday() < busy.week_days


def _work_days(start: datetime, count: int, busy: Busy) -> list[int]:
    """Numbers of the first so many days of the plant that are worked."""
    found: list[int] = []
    day = 0
    while len(found) < count:
        if _is_worked(start, day, busy):
            found.append(day)
        day += 1
    return found


def midnight(moment: datetime) -> datetime:
    """The beginning of its day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
