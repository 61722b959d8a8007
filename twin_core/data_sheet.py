"""What a data sheet says about a cup test, and the lightest foam that its chemistry allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from twin_core.errors import InputError
from twin_core.materials import Components, MaterialSystem
from twin_core.parameters import Parameter
from twin_core.physics.stoichiometry import Amounts, amounts
from twin_core.scenario import Process
from twin_core.units import (
    M_CO2_KG_PER_MOL,
    M_NCO_KG_PER_MOL,
    MG_KOH_PER_MOL,
    P_ATM_PA,
    R_J_PER_MOL_K,
    kelvin,
)
from twin_core.units import M_H2O_KG_PER_MOL as M_WATER

FREE_RISE = "rho_free_rise_kg_per_m3"
CUP_TIMES = ("t_cream_s", "t_gel_s", "t_rise_s", "t_tack_free_s")

TIME_TOLERANCE = 0.05
DENSITY_TOLERANCE = 0.03
"""A simulated cup agrees with its sheet within these, relative."""
CUP_T_C = 25.0
CUP_INDEX = 1.05
"""Of a cup test whose sheet does not say (assumed, and said so)."""
CUP_POLYOL_KG = 0.1


@dataclass(frozen=True)
class CupRecipe:
    """The pour of a sheet's cup test, and what stands in for what the sheet does not say."""

    process: Process
    notes: tuple[str, ...]


def sheet_number(sheet: Mapping[str, Parameter], name: str) -> float | None:
    """An entry of ``materials.SHEET`` in its unit; None where the sheet says nothing."""
    return sheet[name].value if name in sheet else None


def iso_per_polyol(mix: Components, index: float) -> float:
    """Isocyanate per kg of polyol [kg/kg] at an isocyanate index (1.05, not 105).

    index (OH#/56.1 + 2000 w/18.015) 42.02/(10 %NCO), the definition of the index solved for it.
    """
    groups = 1e3 * mix.oh_number.value / MG_KOH_PER_MOL + 2.0 * mix.water_fraction.value / M_WATER
    return index * groups * M_NCO_KG_PER_MOL / (mix.nco_content.value / 100.0)


def cup_recipe(system: MaterialSystem) -> CupRecipe:
    """The cup test of a system's sheet: its temperature and mass ratio or index.

    Left out on the sheet: 25 C and index 1.05, assumed, with a note.

    Raises:
        InputError: the system is a mixture without components, so the sheet's cup is not known.
    """
    mix = system.composition
    if not isinstance(mix, Components):
        raise InputError(
            f"system {system.system_id} has basis 'mixture': a data sheet is about components"
        )
    notes: list[str] = []
    T = sheet_number(system.sheet, "T_components_C")
    if T is None:
        T = CUP_T_C
        notes.append(f"the sheet gives no temperature of its cup test: {CUP_T_C:g} C assumed")
    ratio = sheet_number(system.sheet, "iso_per_polyol")
    index = sheet_number(system.sheet, "nco_oh_index")
    if index is not None:
        ratio = iso_per_polyol(mix, index)
    elif ratio is None:
        ratio = iso_per_polyol(mix, CUP_INDEX)
        notes.append(f"the sheet gives no index and no mass ratio: index {CUP_INDEX:g} assumed")
    return CupRecipe(_cup_process(ratio, T), tuple(notes))


@lru_cache(maxsize=256)
def _cup_process(ratio: float, T_C: float) -> Process:
    return Process(
        m_polyol_kg=CUP_POLYOL_KG,
        m_iso_kg=CUP_POLYOL_KG * ratio,
        T_polyol_C=T_C,
        T_iso_C=T_C,
        T_ambient_C=T_C,
    )


@dataclass(frozen=True)
class Lightest:
    """The lightest foam that a recipe allows, with the numbers behind it (SI, per pour)."""

    rho_kg_per_m3: float
    T_K: float
    n_CO2_mol: float
    n_agent_mol: float
    n_air_mol: float
    m_kg: float
    V_polymer_m3: float

    def words(self) -> str:
        """The formula with its numbers."""
        gas = self.n_CO2_mol + self.n_agent_mol + self.n_air_mol
        return (
            f"m/(V_polymer + n R T/p) = {1e3 * self.m_kg:.4g} g/({1e3 * self.V_polymer_m3:.4g} l + "
            f"{gas:.4g} mol R {self.T_K:.4g} K/{P_ATM_PA / 1e5:.5g} bar) = "
            f"{self.rho_kg_per_m3:.3g} kg/m3 with all water as CO2 ({self.n_CO2_mol:.4g} mol), all "
            f"blowing agent evaporated ({self.n_agent_mol:.4g} mol), entrained air "
            f"({self.n_air_mol:.2g} mol) and no heat lost"
        )


def lightest_density(system: MaterialSystem, process: Process, P_Pa: float = P_ATM_PA) -> Lightest:
    """The lightest foam that stoichiometry and heat of reaction allow; no kinetics in it.

    rho = m/(V_polymer + (n_CO2 + n_B + n_air) R T/P), all water to CO2 as far as the NCO lasts, all
    blowing agent evaporated, nothing dissolved, nothing lost, and T the adiabatic temperature
    T0 + (dH1 n_urethane + dH2 n_CO2 - latent m_B)/C. C is that of the foam at the end, the least
    there is on the way, and the NCO is counted for either reaction in full, so this is a bound.
    """
    a = amounts(system, process, 0.0)
    n_CO2 = min(a.n_water_mol, 0.5 * a.n_NCO_mol)
    T = kelvin(
        (process.m_polyol_kg * process.T_polyol_C + process.m_iso_kg * process.T_iso_C)
        / (process.m_polyol_kg + process.m_iso_kg)
    )
    V_polymer = (a.m_liquid_kg - M_CO2_KG_PER_MOL * n_CO2) / system.liquid.density.value
    n_air, V_poured, agent = 0.0, a.m_liquid_kg / system.liquid.density.value, system.blowing_agent
    if agent is not None:
        V_poured += a.m_agent_kg / agent.liquid_density.value
    n_air = P_Pa * V_poured * system.liquid.entrained_air_fraction.value / (R_J_PER_MOL_K * T)
    n_agent = a.m_agent_kg / agent.M.value if agent is not None else 0.0
    T += _adiabatic_rise(system, a, n_CO2)
    m = a.m_liquid_kg + a.m_agent_kg
    V = V_polymer + (n_CO2 + n_agent + n_air) * R_J_PER_MOL_K * T / P_Pa
    return Lightest(m / V, T, n_CO2, n_agent, n_air, m, V_polymer)


def _adiabatic_rise(system: MaterialSystem, a: Amounts, n_CO2: float) -> float:
    water, gas, agent = system.water_reaction, system.carbon_dioxide, system.blowing_agent
    heat = system.gelling.heat.value * min(a.n_OH_mol, a.n_NCO_mol)
    capacity = (a.m_liquid_kg - M_CO2_KG_PER_MOL * n_CO2) * system.liquid.c_p.value
    if water is not None and gas is not None:
        heat += water.heat.value * n_CO2
        capacity += M_CO2_KG_PER_MOL * n_CO2 * gas.c_p.value
    if agent is not None:
        heat -= agent.latent_heat.value * a.m_agent_kg
        capacity += a.m_agent_kg * min(agent.c_p_gas.value, agent.c_p_liquid.value)
    return heat / capacity


@dataclass(frozen=True)
class Contradiction:
    """A sheet whose free-rise density is below what its own chemistry allows."""

    sheet_kg_per_m3: float
    lightest: Lightest

    def words(self) -> str:
        """For a person, with the numbers."""
        return (
            f"the sheet's free-rise density of {self.sheet_kg_per_m3:g} kg/m3 contradicts its own "
            f"chemistry: the lightest foam is {self.lightest.words()}"
        )


def contradiction(system: MaterialSystem) -> Contradiction | None:
    """Whether the sheet's free-rise density is out of reach of its own recipe, whatever the rates.

    None as well where the sheet gives no density or the system has no components.
    """
    rho = sheet_number(system.sheet, FREE_RISE)
    if rho is None or not isinstance(system.composition, Components):
        return None
    lightest = lightest_density(system, cup_recipe(system).process)
    if lightest.rho_kg_per_m3 * (1.0 - DENSITY_TOLERANCE) <= rho:
        return None
    return Contradiction(rho, lightest)
