"""The air of the hall over the year: season, time of day, and weather that lasts for days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed

HOTTEST_DAY, HOTTEST_HOUR = 200.0, 15.0
YEAR_DAYS = 365.25
P_MEAN_BAR = 1.01325
"""The standard pressure; the plant is near the sea."""


@dataclass(frozen=True)
class Air:
    """The air beside the presses at one moment."""

    T_C: float
    RH_pct: float
    p_bar: float


@dataclass(frozen=True)
class Climate:
    """Climate of one plant; ``weather`` has a row of three unit-normal numbers for each day."""

    start: datetime
    shift_days: float
    weather: tuple[tuple[float, float, float], ...]
    assumed: Assumed = ASSUMED

    def at(self, moment: datetime) -> Air:
        """The air then; the weather goes straight from noon to noon."""
        a = self.assumed
        of_year = moment.timetuple().tm_yday + self.shift_days
        season = math.cos(2.0 * math.pi * (of_year - HOTTEST_DAY) / YEAR_DAYS)
        hour = moment.hour + moment.minute / 60.0
        of_day = math.cos(2.0 * math.pi * (hour - HOTTEST_HOUR) / 24.0)
        warm, damp, high = self._weather((moment - self.start).total_seconds() / 86_400.0)
        return Air(
            T_C=a.T_hall_mean_C
            + a.T_hall_season_C * season
            + a.T_hall_day_C * of_day
            + a.T_hall_sigma_C * warm,
            RH_pct=min(
                95.0,
                max(10.0, a.RH_mean_pct + a.RH_season_pct * season + a.RH_sigma_pct * damp),
            ),
            p_bar=P_MEAN_BAR + a.p_ambient_sigma_bar * high,
        )

    def _weather(self, day: float) -> tuple[float, float, float]:
        last = len(self.weather) - 1
        at = min(max(day, 0.0), float(last))
        before = int(at)
        share = at - before
        one, other = self.weather[before], self.weather[min(before + 1, last)]
        warm, damp, high = (x + share * (y - x) for x, y in zip(one, other, strict=True))
        return warm, damp, high


def draw_climate(
    rng: np.random.Generator, start: datetime, days: float, assumed: Assumed = ASSUMED
) -> Climate:
    """A climate from ``start`` on, for ``days``."""
    memory = assumed.weather_memory
    fresh = math.sqrt(1.0 - memory**2)
    row = rng.standard_normal(3)
    rows = []
    for _ in range(math.ceil(days) + 2):
        rows.append((float(row[0]), float(row[1]), float(row[2])))
        row = memory * row + fresh * rng.standard_normal(3)
    shift = float(rng.uniform(-assumed.season_shift_days, assumed.season_shift_days))
    return Climate(start, shift, tuple(rows), assumed)
