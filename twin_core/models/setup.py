"""A scenario brought to SI: the numbers a model starts from."""

from __future__ import annotations

from dataclasses import dataclass

from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.physics import stoichiometry
from twin_core.physics.stoichiometry import Amounts
from twin_core.shot import Scenario
from twin_core.units import kelvin, pascal


@dataclass(frozen=True)
class Setup:
    """One shot in SI."""

    system: MaterialSystem
    mold: Mold
    amounts: Amounts
    X_gel: float
    mixing_eff: float
    T_pour_K: float
    """Temperature of the mixed stream, weighted by mass (equal heat capacities)."""
    T_mold_K: float
    T_ambient_K: float
    T_heater_K: float
    P_ambient_Pa: float


def prepare(scenario: Scenario) -> Setup:
    """Amounts, temperatures and pressures of a scenario."""
    system, process, mold = scenario.system, scenario.process, scenario.mold
    T_ambient = kelvin(process.T_ambient_C)
    headspace = 0.0
    if not mold.open:
        liquid = (process.m_polyol_kg + process.m_iso_kg) / system.liquid.density.value
        headspace = max((mold.cavity_volume_m3 or 0.0) - liquid, 0.0)
    water_from_rh = stoichiometry.humid_air_water(
        process.RH_ambient_pct / 100.0, T_ambient, headspace
    )
    a = stoichiometry.amounts(system, process, water_from_rh if system.water_reaction else 0.0)
    warm = process.m_polyol_kg * process.T_polyol_C + process.m_iso_kg * process.T_iso_C
    warm += process.m_additives_kg * process.T_polyol_C  # additives come with the polyol
    total = process.m_polyol_kg + process.m_iso_kg + process.m_additives_kg
    T_mold_C = process.T_ambient_C if process.T_mold_C is None else process.T_mold_C
    return Setup(
        system=system,
        mold=mold,
        amounts=a,
        X_gel=stoichiometry.gel_conversion(system, a),
        mixing_eff=process.mixing_eff,
        T_pour_K=kelvin(warm / total),
        T_mold_K=kelvin(T_mold_C),
        T_ambient_K=T_ambient,
        T_heater_K=kelvin(T_mold_C if mold.T_set_C is None else mold.T_set_C),
        P_ambient_Pa=pascal(mold.p_ambient_bar),
    )
