"""From metered masses to amounts of reacting groups; isocyanate index; gel point; humidity.

Amounts in mol, masses in kg, temperatures in K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin_core.errors import InputError
from twin_core.materials import Components, MaterialSystem
from twin_core.scenario import Process
from twin_core.units import (
    M_H2O_KG_PER_MOL,
    M_NCO_KG_PER_MOL,
    MG_KOH_PER_MOL,
    R_J_PER_MOL_K,
    celsius,
)

HUMID_AIR_UPTAKE_FRACTION = 0.5
"""Part of the headspace's water vapour that ends in the foam. Assumed: no measurement was found."""


VAPOUR_TRANSFER_M_PER_S = 4e-3
"""From the air of the hall to a mold wall: h/(rho c_p) with h = 5 W/m2/K of free convection (Lewis
relation). Assumed; it decides only what a wall below the dew point collects."""


@dataclass(frozen=True)
class Amounts:
    """What is in the mixture at the pour; groups and water in mol as far as they are mixed."""

    n_OH_mol: float
    n_NCO_mol: float
    n_water_mol: float
    m_agent_kg: float
    """Physical blowing agent."""
    m_liquid_kg: float
    """Everything but the physical blowing agent."""
    water_from_polyol_kg: float
    water_from_rh_kg: float

    @property
    def index(self) -> float:
        """Isocyanate index as a fraction: NCO over OH plus twice the water."""
        return self.n_NCO_mol / (self.n_OH_mol + 2.0 * self.n_water_mol)


def saturation_vapour_pressure(T: float) -> float:
    """Water vapour pressure over liquid [Pa] at ``T`` [K].

    p = 610.94 exp(17.625 t / (t + 243.04)), t in degrees Celsius; Magnus form of Alduchov and
    Eskridge, J. Appl. Meteorol. 35 (1996) 601, within 0.4 % from -40 to 50 C.
    """
    t = celsius(T)
    return 610.94 * math.exp(17.625 * t / (t + 243.04))


def humid_air_water(relative_humidity: float, T_ambient: float, V_headspace: float) -> float:
    """Water [kg] that the humid air of the cavity gives to the foam.

    m = fraction * RH * p_sat(T) V M / (R T); ``relative_humidity`` 0..1, volume in m3.
    """
    p_water = relative_humidity * saturation_vapour_pressure(T_ambient)
    n_water = p_water * V_headspace / (R_J_PER_MOL_K * T_ambient)
    return HUMID_AIR_UPTAKE_FRACTION * n_water * M_H2O_KG_PER_MOL


def condensate(
    relative_humidity: float, T_ambient: float, T_wall: float, area: float, t_open: float
) -> float:
    """Water [kg] that settles on a mold wall below the dew point while the mold stands open.

    m = k (c - c_sat(T_wall)) area t, c = p M/(R T) the vapour of the hall; nothing settles on a
    wall above its dew point. ``area`` in m2, ``t_open`` in s.
    """
    vapour = relative_humidity * saturation_vapour_pressure(T_ambient) / T_ambient
    excess = max(vapour - saturation_vapour_pressure(T_wall) / T_wall, 0.0)
    per_area = VAPOUR_TRANSFER_M_PER_S * excess * M_H2O_KG_PER_MOL / R_J_PER_MOL_K * t_open
    return per_area * area


def amounts(system: MaterialSystem, process: Process, water_from_rh_kg: float) -> Amounts:
    """Reacting amounts of a pour.

    Components: n_OH = m_polyol OH#/56100, n_NCO = m_iso %NCO/(100 * 0.04202),
    n_W = m_polyol w/0.018015; water and blowing agent are part of the metered polyol.
    Mixture: concentrations times the polymer volume, whatever the ratio of the masses.
    Groups and water count as far as they are mixed; what is not stays inert.
    """
    mixed = process.mixing_eff
    mix = system.composition
    total = process.m_polyol_kg + process.m_iso_kg + process.m_additives_kg
    extra = water_from_rh_kg / M_H2O_KG_PER_MOL
    override = None if process.blowing_agent_pct is None else process.blowing_agent_pct / 100.0
    if override and system.blowing_agent is None:
        raise InputError(
            f"process.blowing_agent_pct is {100 * override:g}, but system {system.system_id} has "
            "no blowing_agent: add one to the system, or leave the field out"
        )
    if isinstance(mix, Components):
        share = mix.blowing_agent_fraction.value if override is None else override
        m_agent = share * process.m_polyol_kg
        water = mix.water_fraction.value * process.m_polyol_kg
        return Amounts(
            n_OH_mol=mixed * process.m_polyol_kg * 1e3 * mix.oh_number.value / MG_KOH_PER_MOL,
            n_NCO_mol=mixed * process.m_iso_kg * mix.nco_content.value / 100.0 / M_NCO_KG_PER_MOL,
            n_water_mol=mixed * (water / M_H2O_KG_PER_MOL + extra),
            m_agent_kg=m_agent,
            m_liquid_kg=total - m_agent + water_from_rh_kg,
            water_from_polyol_kg=water,
            water_from_rh_kg=water_from_rh_kg,
        )
    share = mix.blowing_agent_per_polymer.value if override is None else override
    m_liquid = total / (1.0 + share)
    volume = m_liquid / system.liquid.density.value
    return Amounts(
        n_OH_mol=mixed * mix.C_OH0.value * volume,
        n_NCO_mol=mixed * mix.C_NCO0.value * volume,
        n_water_mol=mixed * (mix.C_W0.value * volume + extra),
        m_agent_kg=total - m_liquid,
        m_liquid_kg=m_liquid + water_from_rh_kg,
        water_from_polyol_kg=mix.C_W0.value * volume * M_H2O_KG_PER_MOL,
        water_from_rh_kg=water_from_rh_kg,
    )


def gel_conversion(system: MaterialSystem, a: Amounts) -> float:
    """OH conversion at the gel point; 1 when the network cannot gel.

    As given by the system, else X_gel = sqrt(r / ((f - 1)(g - 1))) with r the NCO left after the
    water over the OH (Flory 1941, Stockmayer 1943; inverted to the OH scale as Macosko and Miller,
    Macromolecules 9 (1976) 199). The NCO ends before that when r (f - 1)(g - 1) <= 1: no gel.
    """
    if system.gel.conversion is not None:
        return system.gel.conversion.value
    mix = system.composition
    assert isinstance(mix, Components)  # a mixture must give its gel conversion
    ratio = max(a.n_NCO_mol - 2.0 * a.n_water_mol, 0.0) / a.n_OH_mol
    branching = (mix.polyol_functionality.value - 1.0) * (mix.iso_functionality.value - 1.0)
    if ratio * branching <= 1.0:
        return 1.0
    return min(1.0, math.sqrt(ratio / branching))
