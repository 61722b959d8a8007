"""The ODE problem of one shot in the 0D model: parameters, initial state, scales, events."""

from __future__ import annotations

import numpy as np

from twin_core.errors import InputError
from twin_core.materials import BlowingAgent, GaussSolubility
from twin_core.models import lumped
from twin_core.models.lumped import AIR, BA_L, NCO, OH, Q_WALL, T_MOLD, VENTED, T, W
from twin_core.models.setup import Setup
from twin_core.physics import blowing, kinetics
from twin_core.solvers.base import OdeProblem
from twin_core.units import R_J_PER_MOL_K

LARGEST_LIQUID_SHARE = 0.98
"""Of the cavity: beyond it there is no room to foam into."""


def problem(setup: Setup, t_end_s: float) -> OdeProblem:
    """The ODE problem of one shot.

    Raises:
        InputError: the liquid does not fit into the cavity.
    """
    s, a = setup.system, setup.amounts
    agent = s.blowing_agent
    n_agent = a.m_agent_kg / agent.M.value if agent else 0.0
    V_liquid = a.m_liquid_kg / s.liquid.density.value
    V_liquid += a.m_agent_kg / agent.liquid_density.value if agent else 0.0
    V_nuclei = V_liquid * s.liquid.entrained_air_fraction.value
    V_foam0 = V_liquid + V_nuclei
    numbers = _chemistry(setup) | _gas(setup) | _place(setup, V_foam0)
    numbers["n_nuclei"] = setup.P_ambient_Pa * V_nuclei / (R_J_PER_MOL_K * setup.T_pour_K)
    numbers["V_foam0"] = V_foam0
    parameters = np.zeros(1, lumped.PARAMETERS)
    for name, number in numbers.items():
        parameters[name] = number

    n_air = 0.0
    if not setup.mold.open:
        V_air = numbers["V_mold"] - V_foam0
        n_air = setup.P_ambient_Pa * V_air / (R_J_PER_MOL_K * setup.T_mold_K)
    y0 = np.zeros(lumped.STATE_COUNT)
    y0[[OH, NCO, W, BA_L]] = a.n_OH_mol, a.n_NCO_mol, a.n_water_mol, n_agent
    y0[[T, T_MOLD, AIR]] = setup.T_pour_K, setup.T_mold_K, n_air
    scale = np.full(lumped.STATE_COUNT, a.n_OH_mol)
    scale[[T, T_MOLD]] = setup.T_pour_K
    scale[[AIR, VENTED]] = max(n_air, 1e-3 * a.n_OH_mol)
    scale[Q_WALL] = a.m_liquid_kg * s.liquid.c_p.value * 10.0  # heat of a change by 10 K
    return OdeProblem(
        rhs=lumped.rhs,
        events=lumped.event_values,
        event_names=lumped.EVENTS,
        terminal=frozenset() if setup.mold.open else frozenset(("gel", "vent_closed")),
        transition=lumped.transition,
        parameters=parameters,
        y0=y0,
        scale=scale,
        t_end_s=t_end_s,
    )


def _chemistry(setup: Setup) -> dict[str, float]:
    s, a, gelling = setup.system, setup.amounts, setup.system.gelling
    numbers = {
        "gelling_law": float(kinetics.GELLING_LAWS[gelling.law]),
        "A1": gelling.A.value * setup.mixing_eff,
        "E1": gelling.E.value,
        "dH1": gelling.heat.value,
        "n_OH0": a.n_OH_mol,
        "n_NCO0": a.n_NCO_mol,
        "X_gel": setup.X_gel,
        "m_liquid": a.m_liquid_kg,
        "rho_liquid": s.liquid.density.value,
        "c_liquid": s.liquid.c_p.value,
    }
    if s.water_reaction is not None:
        numbers["A2"] = s.water_reaction.A.value * setup.mixing_eff
        numbers["E2"] = s.water_reaction.E.value
        numbers["dH2"] = s.water_reaction.heat.value
    return numbers


def _gas(setup: Setup) -> dict[str, float]:
    s = setup.system
    numbers = {"M_agent": 1.0, "rho_agent": 1.0}  # where there is no agent its amounts are zero
    if s.gel.transfer_decay_width is not None:
        numbers["gel_width"] = s.gel.transfer_decay_width.value
    if s.carbon_dioxide is not None:
        numbers["henry"] = s.carbon_dioxide.henry.value
        numbers["k_CO2"] = s.carbon_dioxide.k_transfer.value
        numbers["c_CO2"] = s.carbon_dioxide.c_p.value
    agent = s.blowing_agent
    if agent is not None:
        numbers |= {
            "k_agent": agent.k_transfer.value,
            "M_agent": agent.M.value,
            "rho_agent": agent.liquid_density.value,
            "latent": agent.latent_heat.value,
            "c_agent_l": agent.c_p_liquid.value,
            "c_agent_g": agent.c_p_gas.value,
            **_solubility(agent),
        }
    return numbers


def _solubility(agent: BlowingAgent) -> dict[str, float]:
    law = agent.solubility
    code = float(blowing.SOLUBILITY_LAWS[law.law])
    if isinstance(law, GaussSolubility):
        numbers = law.base.value, law.height.value, law.centre.value, law.width.value
    else:
        numbers = law.x0.value, law.T0.value, law.slope.value, agent.M.value / law.M_polymer.value
    return dict(zip(("solubility_law", "s_a", "s_b", "s_c", "s_d"), (code, *numbers), strict=True))


def _place(setup: Setup, V_foam0: float) -> dict[str, float]:
    """The mold or cup: volume, vents, heat."""
    mold = setup.mold
    numbers = {
        "P_ambient": setup.P_ambient_Pa,
        "T_air": setup.T_mold_K,
        "T_ambient": setup.T_ambient_K,
    }
    if mold.open:
        return numbers | {"is_open": 1.0, "V_mold": np.inf, "V_box": np.inf}
    assert mold.cavity_volume_m3 is not None  # a closed mold has all three
    assert mold.surface_area_m2 is not None
    assert mold.mass_kg is not None
    V_mold = mold.cavity_volume_m3
    if V_foam0 > LARGEST_LIQUID_SHARE * V_mold:
        raise InputError(
            f"the liquid takes {V_foam0 * 1e3:.3g} l, the cavity of mold {mold.mold_id} has "
            f"{V_mold * 1e3:.3g} l: correct the masses or mold.cavity_volume_m3"
        )
    return numbers | {
        "V_mold": V_mold,
        "V_box": V_mold,
        "air_in_box": 1.0,
        "vent_area": mold.vents.area_m2,
        "vent_discharge": mold.vents.discharge_coefficient,
        "vent_open": 1.0 if mold.vents.area_m2 > 0 else 0.0,
        "area": mold.surface_area_m2,
        "thickness": mold.slab_thickness_m(),
        "C_mold": mold.mass_kg * mold.cp_J_per_kg_K,
        "UA_ambient": mold.h_ambient_W_per_m2_K * mold.surface_area_m2,
        "UA_heater": mold.heater_W_per_K,
        "T_heater": setup.T_heater_K,
    }
