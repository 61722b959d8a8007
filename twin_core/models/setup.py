"""A scenario brought to SI: the numbers a model starts from."""

from __future__ import annotations

from dataclasses import dataclass

from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.physics import stoichiometry
from twin_core.physics.stoichiometry import Amounts
from twin_core.scenario import Scenario
from twin_core.units import kelvin, pascal


@dataclass(frozen=True)
class Setup:
    """One shot in SI."""

    system: MaterialSystem
    mold: Mold
    amounts: Amounts
    """Of the mixed share: what can react. The masses are of everything."""
    X_gel: float
    mixed: float
    T_pour_K: float
    """Temperature of the mixed stream, weighted by mass (equal heat capacities)."""
    T_mold_K: tuple[float, float]
    """Of the two halves."""
    T_ambient_K: float
    T_heater_K: tuple[float, float]
    P_ambient_Pa: float


def prepare(scenario: Scenario) -> Setup:
    """Amounts, temperatures and pressures of a scenario."""
    system, process, mold = scenario.system, scenario.process, scenario.mold
    T_ambient = kelvin(process.T_ambient_C)
    T_1 = process.T_ambient_C if process.T_mold_C is None else process.T_mold_C
    T_2 = T_1 if process.T_mold_2_C is None else process.T_mold_2_C
    humidity = process.RH_ambient_pct / 100.0
    water_from_rh = 0.0
    if not mold.open and system.water_reaction is not None:
        liquid = (process.m_polyol_kg + process.m_iso_kg) / system.liquid.density.value
        headspace = max((mold.cavity_volume_m3 or 0.0) - liquid, 0.0)
        water_from_rh = stoichiometry.humid_air_water(humidity, T_ambient, headspace)
        half = 0.5 * (mold.surface_area_m2 or 0.0)
        for T_wall in (kelvin(T_1), kelvin(T_2)):
            water_from_rh += stoichiometry.condensate(
                humidity, T_ambient, T_wall, half, process.t_mold_open_s
            )
    a = stoichiometry.amounts(system, process, water_from_rh)
    warm = process.m_polyol_kg * process.T_polyol_C + process.m_iso_kg * process.T_iso_C
    warm += process.m_additives_kg * process.T_polyol_C  # additives come with the polyol
    total = process.m_polyol_kg + process.m_iso_kg + process.m_additives_kg
    set_1 = T_1 if mold.T_set_C is None else mold.T_set_C
    set_2 = (T_2 if mold.T_set_C is None else set_1) if mold.T_set_2_C is None else mold.T_set_2_C
    return Setup(
        system=system,
        mold=mold,
        amounts=a,
        X_gel=stoichiometry.gel_conversion(system, a),
        mixed=process.mixing_eff,
        T_pour_K=kelvin(warm / total),
        T_mold_K=(kelvin(T_1), kelvin(T_2)),
        T_ambient_K=T_ambient,
        T_heater_K=(kelvin(set_1), kelvin(set_2)),
        P_ambient_Pa=pascal(mold.p_ambient_bar),
    )
