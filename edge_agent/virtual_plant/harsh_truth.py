"""The hidden truth of a harsh plant: the averages of a calm one, and how they step and drift.

A step (maintenance, cleaning, a lot, a new sensor) holds until the next; all sizes are assumed
(``edge_agent.virtual_plant.harsh_sizes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.hidden_truth import (
    FOULING_MIN,
    Lot,
    MoldTruth,
    PlantTruth,
    PressTruth,
    even,
    normal,
)
from edge_agent.virtual_plant.steps import Steps, draw_days, steps

COMPONENTS = ("polyol", "isocyanate", "additives")
PRESS_SENSORS = ("T_polyol_C", "T_iso_C", "RH_ambient_pct")
MOLD_SENSORS = ("T_mold_C", "T_core_C")
Sensor = tuple[int, int | None, str]
"""Press, mold (None: of the press), channel."""


@dataclass(frozen=True)
class Traits:
    """How a mold follows what the 1D model does not know."""

    sensitivity_ratio: float
    age_shots: float
    """When the plant begins."""


@dataclass(frozen=True)
class HarshTruth:
    """Everything hidden of a harsh plant beside the averages, ``PlantTruth``."""

    services: tuple[Steps, ...]
    """Of each press: factors on both gains, and what is added to the mixing efficiency."""
    wear_per_day: tuple[tuple[float, float], ...]
    """Of both gains of each press, since its last maintenance."""
    sensors: Mapping[Sensor, Steps]
    """Offset of each sensor."""
    cleanings: tuple[Steps, ...]
    """Of each mold: share of the vents that would be fouled after the longest time."""
    lots: Mapping[tuple[str, str], Steps]
    """Of each system and component: the four factors of ``lot_on``."""
    campaigns: tuple[Steps, ...]
    """Of each mold: number of the system that is poured."""
    traits: tuple[Traits, ...]
    activation_J_per_mol: Mapping[str, float]
    """Of each system, minus that of the model."""
    sizes: Harsh

    def system_on(self, mold: int, day: float) -> int:
        """Number of the system that is poured into a mold."""
        return int(self.campaigns[mold].at(day)[0])

    def press_on(self, press: int, average: PressTruth, day: float) -> PressTruth:
        """A press as it is on a day."""
        service = self.services[press]
        polyol, iso, mixing = service.at(day)
        age = service.age_days(day)
        worn = [1.0 - wear * age for wear in self.wear_per_day[press]]
        offset = {name: self.sensors[press, None, name].at(day)[0] for name in PRESS_SENSORS}
        return replace(
            average,
            polyol_gain=average.polyol_gain * polyol * worn[0],
            iso_gain=average.iso_gain * iso * worn[1],
            mixing_eff=min(1.0, average.mixing_eff + mixing),
            T_polyol_offset_C=offset["T_polyol_C"],
            T_iso_offset_C=offset["T_iso_C"],
            RH_offset_pct=offset["RH_ambient_pct"],
        )

    def mold_on(self, press: int, mold: int, average: MoldTruth, day: float) -> MoldTruth:
        """A mold as it is on a day."""
        offset = {name: self.sensors[press, mold, name].at(day)[0] for name in MOLD_SENSORS}
        return replace(
            average, T_mold_offset_C=offset["T_mold_C"], T_core_offset_C=offset["T_core_C"]
        )

    def fouled_on(self, mold: int, day: float) -> float:
        """Share of the vent area that is fouled."""
        return self.cleanings[mold].at(day)[0] * self.skin_on(mold, day)

    def skin_on(self, mold: int, day: float) -> float:
        """Time since the mold was cleaned, over the longest time between two cleanings."""
        return min(1.0, self.cleanings[mold].age_days(day) / self.sizes.cleaning_days_max)

    def lot_on(self, system_id: str, day: float) -> tuple[Lot, float]:
        """The lots of a system in use as one, and the factor on the isocyanate that reacts."""
        gelling = water_rate = water = strength = 1.0
        for component in COMPONENTS:
            factors = self.lots[system_id, component].at(day)
            gelling *= factors[0]
            water_rate *= factors[1]
            water *= factors[2]
            strength *= factors[3]
        return Lot(0.0, gelling, water_rate, water), strength


def draw_harsh_truth(
    seed: int,
    averages: PlantTruth,
    molds_per_press: int,
    system_ids: Sequence[str],
    of_mold: Sequence[tuple[int, ...]],
    days: float,
    assumed: Assumed,
    sizes: Harsh,
) -> HarshTruth:
    """The steps and traits of a plant, the same for the same seed.

    As in ``draw_truth``, values are drawn from shares of equal probability.

    Args:
        of_mold: numbers of the systems that each mold is poured with, one after the other.
    """
    rng = np.random.default_rng([seed, 11])
    presses, molds = len(averages.presses), len(averages.molds)
    shifts = even(rng, molds, sizes.sensitivity_min, sizes.sensitivity_max)
    ages = even(rng, molds, 0.0, 300.0)
    return HarshTruth(
        services=tuple(_service(rng, days, sizes) for _ in range(presses)),
        wear_per_day=tuple(
            zip(
                even(rng, presses, 0.0, sizes.wear_max_per_day),
                even(rng, presses, 0.0, sizes.wear_max_per_day),
                strict=True,
            )
        ),
        sensors=_sensors(rng, averages, molds_per_press, days, assumed, sizes),
        cleanings=tuple(_cleaning(rng, days, assumed, sizes) for _ in range(molds)),
        lots=_lots(rng, system_ids, days, sizes),
        campaigns=tuple(_campaign(rng, numbers, days, sizes) for numbers in of_mold),
        traits=tuple(Traits(*row) for row in zip(shifts, ages, strict=True)),
        activation_J_per_mol=dict(
            zip(
                system_ids,
                normal(rng, len(system_ids), sizes.activation_sigma_J_per_mol),
                strict=True,
            )
        ),
        sizes=sizes,
    )


def _service(rng: np.random.Generator, days: float, s: Harsh) -> Steps:
    since = draw_days(rng, days, s.maintenance_days_min, s.maintenance_days_max)
    gain = [normal(rng, len(since), s.maintenance_gain_sigma, 1.0) for _ in range(2)]
    return steps(since, [*gain, normal(rng, len(since), s.maintenance_mixing_sigma)])


def _cleaning(rng: np.random.Generator, days: float, a: Assumed, s: Harsh) -> Steps:
    since = draw_days(rng, days, s.cleaning_days_min, s.cleaning_days_max)
    return steps(since, [even(rng, len(since), FOULING_MIN, a.fouling_max)])


def _sensors(
    rng: np.random.Generator,
    averages: PlantTruth,
    molds_per_press: int,
    days: float,
    a: Assumed,
    s: Harsh,
) -> dict[Sensor, Steps]:
    """Offsets: what the averages say until a sensor is replaced, then one of its own."""
    sigma = {
        "T_polyol_C": a.T_component_offset_sigma_C,
        "T_iso_C": a.T_component_offset_sigma_C,
        "RH_ambient_pct": a.RH_offset_sigma_pct,
        "T_mold_C": a.T_mold_offset_sigma_C,
        "T_core_C": a.T_core_offset_sigma_C,
    }
    found: dict[Sensor, Steps] = {}
    for press, truth in enumerate(averages.presses):
        own: dict[Sensor, list[tuple[float, float]]] = {
            (press, None, "T_polyol_C"): [(-1.0, truth.T_polyol_offset_C)],
            (press, None, "T_iso_C"): [(-1.0, truth.T_iso_offset_C)],
            (press, None, "RH_ambient_pct"): [(-1.0, truth.RH_offset_pct)],
        }
        for mold in range(press * molds_per_press, (press + 1) * molds_per_press):
            of = averages.molds[mold]
            own[press, mold, "T_mold_C"] = [(-1.0, of.T_mold_offset_C)]
            own[press, mold, "T_core_C"] = [(-1.0, of.T_core_offset_C)]
        names = list(own)
        for day in draw_days(rng, days, s.sensor_days_min, s.sensor_days_max):
            sensor = names[int(rng.integers(len(names)))]
            (offset,) = normal(rng, 1, sigma[sensor[2]])
            if day > 0.0:
                own[sensor].append((day, offset))
        for sensor, rows in own.items():
            since, offsets = zip(*rows, strict=True)
            found[sensor] = steps(since, [offsets])
    return found


def _lots(
    rng: np.random.Generator, system_ids: Sequence[str], days: float, s: Harsh
) -> dict[tuple[str, str], Steps]:
    found = {}
    for system_id in system_ids:
        for component, shortest, longest in (
            ("polyol", s.lot_polyol_days_min, s.lot_polyol_days_max),
            ("isocyanate", s.lot_iso_days_min, s.lot_iso_days_max),
            ("additives", s.lot_additives_days_min, s.lot_additives_days_max),
        ):
            since = draw_days(rng, days, shortest, longest)
            count = len(since)
            one = [1.0] * count
            if component == "polyol":
                columns = [
                    normal(rng, count, s.lot_polyol_gelling_sigma, 1.0),
                    one,
                    normal(rng, count, s.lot_polyol_water_sigma, 1.0),
                    one,
                ]
            elif component == "isocyanate":
                columns = [
                    normal(rng, count, s.lot_iso_gelling_sigma, 1.0),
                    one,
                    one,
                    normal(rng, count, s.lot_iso_strength_sigma, 1.0),
                ]
            else:
                rates = normal(rng, count, s.lot_additives_rate_sigma, 1.0)
                columns = [[rate**0.5 for rate in rates], rates, one, one]
            found[system_id, component] = steps(since, columns)
    return found


def draw_systems(seed: int, molds: int, systems: int, s: Harsh) -> list[tuple[int, ...]]:
    """Numbers of the systems of each mold: its own, and of some molds a second one.

    Each system has as many molds as any other, or one less.
    """
    rng = np.random.default_rng([seed, 16])
    own = [i % systems for i in rng.permutation(max(molds, systems))[:molds].tolist()]
    order = rng.permutation(molds).tolist()
    shifts = rng.integers(1, max(systems, 2), size=molds).tolist()
    changing = round(s.second_system_share * molds) if systems > 1 else 0
    return [
        (own[i], (own[i] + shifts[i]) % systems) if order[i] < changing else (own[i],)
        for i in range(molds)
    ]


def _campaign(rng: np.random.Generator, numbers: tuple[int, ...], days: float, s: Harsh) -> Steps:
    """Number of the system in a mold: one after the other."""
    since = draw_days(rng, days, s.campaign_days_min, s.campaign_days_max)
    return steps(since, [[float(numbers[i % len(numbers)]) for i in range(len(since))]])
