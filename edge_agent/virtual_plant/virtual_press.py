"""A virtual press: shots with small random variation, everything it sends labelled simulated.

It stands in for a machine we do not have. It pours with the recipe that it reports, but the foam in
it is simulated from slightly other temperatures and humidity than its sensors show. What a whole
plant of presses hides from its twin is in the other modules, which speak through this one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.shots.timed_messages import TimedMessage
from twin_core import MaterialSystem, Mold, Process, Scenario, free_rise_density, simulate
from twin_core.errors import InputError
from twin_core.scenario import Quality, SimulationOptions
from twin_core.units import bar, celsius

FRAME_SPACING_S = 5.0
SENSOR_NOISE_C = 0.3
SENSOR_NOISE_BAR = 0.005
LEAD_S = 5.0
"""The shot is started this long before the pour."""


@dataclass(frozen=True)
class Recipes:
    """Nominal pour of a mold: masses follow from the packing and the free-rise density."""

    system: MaterialSystem
    mold: Mold
    packing_ratio: float = 1.15
    iso_per_polyol: float = 1.05
    T_component_C: float = 23.0
    T_mold_C: float = 40.0
    T_ambient_C: float = 23.0
    RH_ambient_pct: float = 50.0

    @classmethod
    def of(cls, system: MaterialSystem, mold: Mold, packing_ratio: float = 1.15) -> Self:
        """The recipe for a tempered mold, with the sheet's ratio of the components if it has one.

        Raises:
            InputError: the mold is not tempered.
        """
        if mold.T_set_C is None:
            raise InputError(f"mold {mold.mold_id}: T_set_C is missing: give its set temperature")
        sheet = system.sheet.get("iso_per_polyol")
        ratio = cls.iso_per_polyol if sheet is None else sheet.value
        return cls(system, mold, packing_ratio, ratio, T_mold_C=mold.T_set_C)

    def nominal(self) -> Process:
        """The pour that fills the mold to ``packing_ratio`` times its free-rise mass.

        Raises:
            InputError: the mold has no volume.
        """
        if self.mold.cavity_volume_m3 is None:
            raise InputError(f"mold {self.mold.mold_id}: an open cup cannot be packed")
        probe = self._pour(1.0)
        scenario = Scenario(system=self.system, process=probe, mold=self.mold.as_open_cup())
        mass = self.packing_ratio * free_rise_density(scenario) * self.mold.cavity_volume_m3
        return self._pour(mass / (1.0 + self.iso_per_polyol))

    def _pour(self, m_polyol_kg: float) -> Process:
        return Process(
            m_polyol_kg=m_polyol_kg,
            m_iso_kg=self.iso_per_polyol * m_polyol_kg,
            T_polyol_C=self.T_component_C,
            T_iso_C=self.T_component_C,
            T_mold_C=self.T_mold_C,
            T_ambient_C=self.T_ambient_C,
            RH_ambient_pct=self.RH_ambient_pct,
        )


def shot_messages(
    shot_id: str,
    mold_id: str,
    system_id: str,
    recipe: Recipe,
    poured_at: datetime,
    inputs: Mapping[str, float],
    frames: Iterable[tuple[float, Mapping[str, float]]],
    opened_s: float,
) -> list[TimedMessage]:
    """Everything a press sends of one shot, in order of time, labelled simulated.

    Args:
        inputs: readings at the start, before the pour.
        frames: later readings, by seconds after the pour; one without readings was lost on the
            way: its number is missing.
        opened_s: demolded so long after the pour.
    """
    common: dict[str, Any] = {"shot_id": shot_id, "mold_id": mold_id, "simulated": True}
    device_id = f"virtual-{mold_id}"

    def frame(ts: datetime, seq: int, sensors: Mapping[str, float]) -> TimedMessage:
        message = TelemetryFrame(
            ts=ts, device_id=device_id, seq=seq, sensors=dict(sensors), **common
        )
        return TimedMessage(ts, message)

    started, ended = (poured_at + timedelta(seconds=t) for t in (-LEAD_S, opened_s))
    pour = ShotEvent(ts=poured_at, event="poured", system_id=system_id, recipe=recipe, **common)
    return [
        TimedMessage(started, ShotEvent(ts=started, event="started", **common)),
        *([frame(started, 0, inputs)] if inputs else []),
        TimedMessage(poured_at, pour),
        *(
            frame(poured_at + timedelta(seconds=t), seq, sensors)
            for seq, (t, sensors) in enumerate(frames, start=1)
            if sensors
        ),
        TimedMessage(ended, ShotEvent(ts=ended, event="demolded", **common)),
    ]


def virtual_shot(
    recipes: Recipes,
    nominal: Process,
    shot_id: str,
    mold_id: str,
    poured_at: datetime,
    rng: random.Random,
) -> list[TimedMessage]:
    """Everything a press sends of one shot, in order of time; demolded when the foam allows."""
    metered = Process.model_validate(
        nominal.model_dump()
        | {
            "m_polyol_kg": nominal.m_polyol_kg * rng.gauss(1.0, 0.005),
            "m_iso_kg": nominal.m_iso_kg * rng.gauss(1.0, 0.005),
            "T_polyol_C": nominal.T_polyol_C + rng.gauss(0.0, 0.7),
            "T_iso_C": nominal.T_iso_C + rng.gauss(0.0, 0.7),
            "T_mold_C": (nominal.T_mold_C or 40.0) + rng.gauss(0.0, 1.0),
            "T_ambient_C": nominal.T_ambient_C + rng.gauss(0.0, 1.0),
            "RH_ambient_pct": min(100.0, max(0.0, nominal.RH_ambient_pct + rng.gauss(0.0, 8.0))),
        }
    )
    true = Process.model_validate(
        metered.model_dump()
        | {"T_polyol_C": metered.T_polyol_C + rng.gauss(0.0, 0.3)}
        | {"T_iso_C": metered.T_iso_C + rng.gauss(0.0, 0.3)}
    )
    foam = simulate(
        Scenario(
            system=recipes.system,
            process=true,
            mold=recipes.mold,
            quality=Quality(),
            simulation=SimulationOptions(t_end_s=900.0, dt_s=1.0),
        )
    )
    opened_s = (foam.t_demold_opt_s or 600.0) + rng.uniform(5.0, 30.0)
    shown = {
        name: round(getattr(metered, name), 2)
        for name in ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
    }
    frames, t = [], FRAME_SPACING_S
    while t < opened_s:
        state = foam.at(t)
        sensors = {
            "T_core_C": round(celsius(state["T_core_K"]) + rng.gauss(0.0, SENSOR_NOISE_C), 2),
            "T_mold_C": round(celsius(state["T_mold_K"]) + rng.gauss(0.0, SENSOR_NOISE_C), 2),
            "p_cavity_bar": round(bar(state["p_total_Pa"]) + rng.gauss(0.0, SENSOR_NOISE_BAR), 4),
        }
        frames.append((t, sensors))
        t += FRAME_SPACING_S
    return shot_messages(
        shot_id,
        mold_id,
        recipes.system.system_id,
        Recipe(m_polyol_kg=metered.m_polyol_kg, m_iso_kg=metered.m_iso_kg),
        poured_at,
        shown,
        frames,
        opened_s,
    )
