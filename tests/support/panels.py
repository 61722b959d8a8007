"""Panels of any system, thickness, packing and wall for tests of the demould window."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from tests.support.scenarios import catalogue, process
from twin_core import Mold, Process, Quality, Scenario, free_rise_density
from twin_core.scenario import SimulationOptions

SYSTEMS = ("SYSTEM_R1", "SYSTEM_M1", "WATER_CYCLOPENTANE", "WATER_N_PENTANE")
"""Systems of the catalogue that are foamed in closed molds."""


def _pour(system_id: str, m_kg: float, **fields: Any) -> Process:
    if catalogue()[system_id].composition.basis == "components":
        return process(m_kg, **fields)
    temperatures = {"T_polyol_C": 23.0, "T_iso_C": 23.0, "T_ambient_C": 23.0}
    return Process.model_validate(
        {"m_polyol_kg": 0.5 * m_kg, "m_iso_kg": 0.5 * m_kg, **temperatures, **fields}
    )


@cache
def free_rise(system_id: str) -> float:
    """Free-rise density of a system, kg/m3."""
    cup = Mold(mold_id="cup", open=True)
    pour = _pour(system_id, 0.2)
    return free_rise_density(Scenario(system=catalogue()[system_id], process=pour, mold=cup))


def panel_of(
    system_id: str = "WATER_CYCLOPENTANE",
    thickness_mm: float = 50.0,
    packing: float = 1.15,
    wall_C: float = 40.0,
    *,
    layers: int | None = None,
    **quality: Any,
) -> Scenario:
    """A panel of 0.5 x 0.5 m between tempered steel walls."""
    d = 1e-3 * thickness_mm
    volume = 0.25 * d
    options = {} if layers is None else {"layers": layers}
    return Scenario(
        scenario_id=f"{system_id} {thickness_mm:g} mm, {packing:g}, {wall_C:g} C",
        system=catalogue()[system_id],
        process=_pour(system_id, packing * free_rise(system_id) * volume, T_mold_C=wall_C),
        mold=Mold.model_validate(
            {
                "cavity_volume_m3": volume,
                "surface_area_m2": 0.5 + 2.0 * d,
                "thickness_m": d,
                "mass_kg": 40.0,
                "h_ambient_W_per_m2_K": 10.0,
                "heater_W_per_K": 100.0,
                "T_set_C": wall_C,
                "vents": {"count": 4, "area_per_vent_m2": 1e-5},
            }
        ),
        quality=Quality(**quality),
        simulation=SimulationOptions(**options),
    )


def random_panels(count: int, seed: int) -> list[dict[str, Any]]:
    """Arguments of ``panel_of``: walls 30 to 60 C, 20 to 100 mm, packing 1.05 to 1.5."""
    rng = random.Random(seed)
    return [
        {
            "system_id": rng.choice(SYSTEMS),
            "thickness_mm": rng.uniform(20.0, 100.0),
            "packing": rng.uniform(1.05, 1.5),
            "wall_C": rng.uniform(30.0, 60.0),
        }
        for _ in range(count)
    ]
