"""Panels of any system, thickness, packing and wall, for what is said of the demold window."""

from __future__ import annotations

from functools import cache
from typing import Any

from twin_core import MaterialSystem, Mold, Process, Quality, Scenario, free_rise_density
from twin_core.materials import Components
from twin_core.scenario import SimulationOptions
from twin_core.shipped_files import configs_folder
from twin_core.system_versions import load_systems
from twin_core.units import M_H2O_KG_PER_MOL, M_NCO_KG_PER_MOL, MG_KOH_PER_MOL

SYSTEMS = (
    *("SYSTEM_R1", "SYSTEM_M1", "WATER_CYCLOPENTANE", "WATER_N_PENTANE"),
    *("APPLIANCE_CYCLOPENTANE", "INTEGRAL_SKIN", "RIGID_PANEL"),
)
"""Systems of the catalogue that are foamed in closed molds."""
ROOM_C = 23.0


@cache
def shipped() -> dict[str, MaterialSystem]:
    """Systems of the catalogue."""
    return load_systems(configs_folder() / "systems")


def pour(system_id: str, m_kg: float, index: float = 1.05, **fields: Any) -> Process:
    """So much foam at the temperature of the room.

    Args:
        index: isocyanate index of a system of two components; a mixture has its own.
    """
    mix = shipped()[system_id].composition
    iso = 1.0
    if isinstance(mix, Components):
        per_polyol = 1e3 * mix.oh_number.value / MG_KOH_PER_MOL
        per_polyol += 2.0 * mix.water_fraction.value / M_H2O_KG_PER_MOL
        iso = index * per_polyol * M_NCO_KG_PER_MOL / (mix.nco_content.value / 100.0)
    temperatures = {"T_polyol_C": ROOM_C, "T_iso_C": ROOM_C, "T_ambient_C": ROOM_C}
    masses = {"m_polyol_kg": m_kg / (1.0 + iso), "m_iso_kg": m_kg * iso / (1.0 + iso)}
    return Process.model_validate(masses | temperatures | fields)


@cache
def free_rise(system_id: str) -> float:
    """Free-rise density of a system, kg/m3."""
    cup = Mold(mold_id="cup", open=True)
    shot = Scenario(system=shipped()[system_id], process=pour(system_id, 0.2), mold=cup)
    return free_rise_density(shot)


def panel_of(
    system_id: str = "WATER_CYCLOPENTANE",
    thickness_mm: float = 50.0,
    packing: float = 1.15,
    wall_C: float = 40.0,
    *,
    layers: int | None = None,
    process: dict[str, Any] | None = None,
    vents: int = 4,
    **quality: Any,
) -> Scenario:
    """A panel of 0.5 x 0.5 m between tempered steel walls."""
    d = 1e-3 * thickness_mm
    volume = 0.25 * d
    options = {} if layers is None else {"layers": layers}
    mass = packing * free_rise(system_id) * volume
    return Scenario(
        scenario_id=f"{system_id} {thickness_mm:g} mm, {packing:g}, {wall_C:g} C",
        system=shipped()[system_id],
        process=pour(system_id, mass, T_mold_C=wall_C, **(process or {})),
        mold=Mold.model_validate(
            {
                "cavity_volume_m3": volume,
                "surface_area_m2": 0.5 + 2.0 * d,
                "thickness_m": d,
                "mass_kg": 40.0,
                "h_ambient_W_per_m2_K": 10.0,
                "heater_W_per_K": 100.0,
                "T_set_C": wall_C,
                "vents": {"count": vents, "area_per_vent_m2": 1e-5},
            }
        ),
        quality=Quality(**quality),
        simulation=SimulationOptions(**options),
    )
