"""A virtual press: shots with small random variation, everything it sends labelled simulated.

It stands in for a machine we do not have. It pours with the recipe that it reports, but the foam in
it is simulated from slightly other temperatures and humidity than its sensors show.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.timed import Timed
from twin_core import MaterialSystem, Mold, Process, Scenario, free_rise_density, simulate
from twin_core.errors import InputError
from twin_core.shot import Quality, SimulationOptions
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


def virtual_shot(
    recipes: Recipes,
    nominal: Process,
    shot_id: str,
    mold_id: str,
    poured_at: datetime,
    rng: random.Random,
) -> list[Timed]:
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
    common: dict[str, Any] = {"shot_id": shot_id, "mold_id": mold_id, "simulated": True}
    started = poured_at - timedelta(seconds=LEAD_S)
    shown = {
        name: round(getattr(metered, name), 2)
        for name in ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
    }
    recipe = Recipe(m_polyol_kg=metered.m_polyol_kg, m_iso_kg=metered.m_iso_kg)

    def frame(ts: datetime, seq: int, sensors: dict[str, float]) -> Timed:
        device = f"virtual-{mold_id}"
        return Timed(
            ts, TelemetryFrame(ts=ts, device_id=device, seq=seq, sensors=sensors, **common)
        )

    messages = [
        Timed(started, ShotEvent(ts=started, event="started", **common)),
        frame(started, 0, shown),
        Timed(
            poured_at,
            ShotEvent(
                ts=poured_at,
                event="poured",
                system_id=recipes.system.system_id,
                recipe=recipe,
                **common,
            ),
        ),
    ]
    t, seq = FRAME_SPACING_S, 1
    while t < opened_s:
        state = foam.at(t)
        sensors = {
            "T_core_C": round(celsius(state["T_core_K"]) + rng.gauss(0.0, SENSOR_NOISE_C), 2),
            "T_mold_C": round(celsius(state["T_mold_K"]) + rng.gauss(0.0, SENSOR_NOISE_C), 2),
            "p_cavity_bar": round(bar(state["p_total_Pa"]) + rng.gauss(0.0, SENSOR_NOISE_BAR), 4),
        }
        messages.append(frame(poured_at + timedelta(seconds=t), seq, sensors))
        t, seq = t + FRAME_SPACING_S, seq + 1
    end = poured_at + timedelta(seconds=opened_s)
    return [*messages, Timed(end, ShotEvent(ts=end, event="demolded", **common))]
