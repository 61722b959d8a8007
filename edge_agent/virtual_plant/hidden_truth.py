"""The hidden truth: what differs between a plant and its papers. The twin never sees it.

An offset is the true value minus the reported one; a gain or factor is true over reported or
nominal. All sizes are assumed (``edge_agent.virtual_plant.assumed_sizes``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed
from edge_agent.virtual_plant.climate import YEAR_DAYS, Climate, draw_climate

NORMAL = NormalDist()
MOST_SIGMA = 2.2
"""Nothing hidden is further out: somebody would have noticed."""
FOULING_MIN = 0.2


@dataclass(frozen=True)
class Lot:
    """A delivery of the material system; used from ``since_day`` of the plant on."""

    since_day: float
    gelling_factor: float
    water_rate_factor: float
    water_factor: float


@dataclass(frozen=True)
class PressTruth:
    """Hidden truth of a press."""

    polyol_gain: float
    iso_gain: float
    polyol_wear_per_year: float
    iso_wear_per_year: float
    T_polyol_offset_C: float
    T_iso_offset_C: float
    RH_offset_pct: float
    mixing_eff: float

    def polyol_gain_on(self, day: float) -> float:
        """True over reported mass on a day of the plant."""
        return self.polyol_gain * (1.0 - self.polyol_wear_per_year * day / YEAR_DAYS)

    def iso_gain_on(self, day: float) -> float:
        """True over reported mass on a day of the plant."""
        return self.iso_gain * (1.0 - self.iso_wear_per_year * day / YEAR_DAYS)


@dataclass(frozen=True)
class MoldTruth:
    """Hidden truth of a mold, which its drawing does not show."""

    volume_factor: float
    T_mold_offset_C: float
    T_core_offset_C: float
    tempering_factor: float
    flash_fraction: float
    fouling_fraction: float
    """Of the vent area, just before cleaning."""
    fouling_days: float
    fouled_since_day: float
    """A day (may be before the start) on which the vents were cleaned."""
    cycle_margin_ratio: float
    """Cycle time over the safe time of a usual shot."""

    def vents_open_fraction(self, day: float) -> float:
        """Share of the vent area that is free; 1 after cleaning, falling evenly until the next."""
        age = ((day - self.fouled_since_day) % self.fouling_days) / self.fouling_days
        return 1.0 - self.fouling_fraction * age


@dataclass(frozen=True)
class PlantTruth:
    """Everything hidden of a plant; ``presses`` and ``molds`` in the order of their names."""

    climate: Climate
    lots: tuple[Lot, ...]
    presses: tuple[PressTruth, ...]
    molds: tuple[MoldTruth, ...]

    def lot_on(self, day: float) -> Lot:
        """The lot in use on a day of the plant."""
        return self.lots[max(0, bisect_right([lot.since_day for lot in self.lots], day) - 1)]


def draw_truth(
    seed: int,
    presses: int,
    molds: int,
    start: datetime,
    days: float,
    assumed: Assumed = ASSUMED,
) -> PlantTruth:
    """The truth of a plant with so many presses and molds (in all), the same for the same seed.

    Presses, molds and lots are each drawn from shares of equal probability, one a share: also a
    small plant has good and bad ones, and plants of different seeds are about equally difficult.
    """
    rng = np.random.default_rng([seed, 1])
    return PlantTruth(
        climate=draw_climate(rng, start, days, assumed),
        lots=tuple(_lots(rng, days, assumed)),
        presses=tuple(_presses(rng, presses, assumed)),
        molds=tuple(_molds(rng, molds, assumed)),
    )


def even(rng: np.random.Generator, count: int, low: float, high: float) -> list[float]:
    """So many numbers between two, one from each of ``count`` equal parts, in random order."""
    shares = (rng.permutation(count) + rng.uniform(size=count)) / count
    return [low + float(share) * (high - low) for share in shares]


def normal(rng: np.random.Generator, count: int, sigma: float, mean: float = 0.0) -> list[float]:
    """So many normal numbers, one from each part of equal probability, in random order."""
    return [
        mean + sigma * min(MOST_SIGMA, max(-MOST_SIGMA, NORMAL.inv_cdf(share)))
        for share in even(rng, count, 1e-3, 1.0 - 1e-3)
    ]


def _lots(rng: np.random.Generator, days: float, a: Assumed) -> list[Lot]:
    since = [-float(rng.uniform(0.0, a.lot_days_min))]
    while since[-1] < days:
        since.append(since[-1] + float(rng.uniform(a.lot_days_min, a.lot_days_max)))
    count = len(since)
    columns = (
        since,
        normal(rng, count, a.lot_gelling_sigma, 1.0),
        normal(rng, count, a.lot_water_rate_sigma, 1.0),
        normal(rng, count, a.lot_water_sigma, 1.0),
    )
    return [Lot(*row) for row in _rows(columns)]


def _presses(rng: np.random.Generator, count: int, a: Assumed) -> list[PressTruth]:
    common = np.array(normal(rng, count, np.sqrt(a.gain_correlation) * a.gain_sigma))
    own_sigma = float(np.sqrt(1.0 - a.gain_correlation)) * a.gain_sigma
    own = [np.array(normal(rng, count, own_sigma, 1.0)) for _ in range(2)]
    gains: list[NDArray[np.float64]] = [common + one for one in own]
    columns = (
        gains[0].tolist(),
        gains[1].tolist(),
        even(rng, count, 0.0, a.wear_max_per_year),
        even(rng, count, 0.0, a.wear_max_per_year),
        normal(rng, count, a.T_component_offset_sigma_C),
        normal(rng, count, a.T_component_offset_sigma_C),
        normal(rng, count, a.RH_offset_sigma_pct),
        even(rng, count, a.mixing_eff_min, 1.0),
    )
    return [PressTruth(*row) for row in _rows(columns)]


def _molds(rng: np.random.Generator, count: int, a: Assumed) -> list[MoldTruth]:
    days = even(rng, count, a.fouling_days_min, a.fouling_days_max)
    columns = (
        normal(rng, count, a.volume_sigma, 1.0),
        normal(rng, count, a.T_mold_offset_sigma_C),
        normal(rng, count, a.T_core_offset_sigma_C),
        normal(rng, count, a.tempering_sigma, 1.0),
        even(rng, count, 0.0, a.flash_max),
        even(rng, count, FOULING_MIN, a.fouling_max),
        days,
        [-day * share for day, share in zip(days, even(rng, count, 0.0, 1.0), strict=True)],
        even(rng, count, a.cycle_margin_min, a.cycle_margin_max),
    )
    return [MoldTruth(*row) for row in _rows(columns)]


def _rows(columns: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    return list(zip(*columns, strict=True))
