"""The ODE problem of one shot: parameters, initial state, scales, events."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.errors import InputError
from twin_core.materials import BlowingAgent, GaussSolubility, KamalGelling, LineSolubility
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.models.newton import jacobian
from twin_core.models.setup import Setup
from twin_core.physics import blowing, kinetics
from twin_core.solvers.base import OdeProblem
from twin_core.units import R_J_PER_MOL_K

LARGEST_LIQUID_SHARE = 0.98
"""Of the cavity: beyond it there is no room to foam into."""
WARMING_K = 20.0
"""A change of temperature that matters; the absolute temperature would ask too little."""
STRESS_PA = 1e4
"""A change of the stress of the network that matters."""
SLAB_MODE = 0.25 * np.pi**2
"""A slab as one lump loses heat by its first mode, (pi/2)^2 times its mid-plane resistance (Carslaw
and Jaeger 1959); several layers resolve the profile themselves."""


@lru_cache(maxsize=64)
def graded_shares(n: int) -> Array:
    """Mass shares of ``n`` layers from wall to wall, thin at both: differences of (1 - cos)/2."""
    return np.asarray(np.diff(0.5 * (1.0 - np.cos(np.pi * np.arange(n + 1) / n))))


def is_symmetric(setup: Setup, n_layers: int) -> bool:
    """True where half of the part stands for all of it: walls alike, an even number of layers."""
    alike = len(set(setup.T_mold_K)) == len(set(setup.T_heater_K)) == 1
    return alike and n_layers % 2 == 0 and not setup.mold.open


def problem(setup: Setup, t_end_s: float, n_layers: int = 1) -> OdeProblem:
    """The ODE problem of one shot; one layer is the 0D model.

    Raises:
        InputError: the liquid does not fit into the cavity.
    """
    parameters = parameter_record(setup, n_layers)
    computed = n_layers // int(parameters["sides"][0])
    y0 = initial_state(setup, parameters, computed)
    scale = scales(setup, parameters, computed)

    def dense(t: float, y: Array, p: Parameters, out: Array) -> None:
        jacobian(t, y, p, scale, out)

    return OdeProblem(
        rhs=layers.rhs,
        events=layers.event_values,
        event_names=s.EVENTS,
        terminal=frozenset(("gel",) if setup.mold.open else ("gel", "vent_closed")),
        transition=layers.transition,
        parameters=parameters,
        y0=y0,
        scale=scale,
        t_end_s=t_end_s,
        jacobian=dense,
    )


def initial_state(setup: Setup, parameters: Parameters, n: int) -> Array:
    """The shot at the end of injection."""
    n_OH, n_W, n_air = (float(parameters[name][0]) for name in ("n_OH0", "n_W0", "n_air0"))
    layer = n_OH, n_W, 0.0, 0.0, setup.T_pour_K
    return np.array((*(layer * n), *setup.T_mold_K, 0.0, n_air, 0.0))


def scales(setup: Setup, parameters: Parameters, n: int) -> Array:
    """How large a change of each state is that matters."""
    names = "n_OH0", "n_air0", "m_liquid", "c_liquid"
    n_OH, n_air, m, c = (float(parameters[name][0]) for name in names)
    layer = n_OH, n_OH, n_OH, n_OH, WARMING_K
    heat = m * c * 10.0  # of a change by 10 K
    return np.array((*(layer * n), WARMING_K, WARMING_K, STRESS_PA, max(n_air, 1e-3 * n_OH), heat))


def parameter_record(setup: Setup, n_layers: int) -> Parameters:
    """The numbers of the right-hand side, one record."""
    numbers = _chemistry(setup) | _gas(setup)
    V_liquid = numbers["m_liquid"] / numbers["rho_liquid"]
    V_liquid += numbers["n_BA0"] * numbers["M_agent"] / numbers["rho_agent"]
    V_nuclei = V_liquid * setup.system.liquid.entrained_air_fraction.value
    V_foam0 = V_liquid + V_nuclei
    numbers["n_nuclei"] = setup.P_ambient_Pa * V_nuclei / (R_J_PER_MOL_K * setup.T_pour_K)
    numbers["V_foam0"] = V_foam0
    numbers |= _place(setup, V_foam0)
    numbers["wall_factor"] = SLAB_MODE if n_layers == 1 else 1.0
    sides = 2 if is_symmetric(setup, n_layers) else 1
    numbers["sides"] = float(sides)
    values = np.zeros(s.PARAMETERS.itemsize // 8)
    values[: len(s.NUMBERS)] = [numbers.get(name, 0.0) for name in s.NUMBERS]
    shares = graded_shares(n_layers)
    if sides == 2:
        shares = 2.0 * shares[: n_layers // 2]
    values[len(s.NUMBERS) : len(s.NUMBERS) + len(shares)] = shares
    record = values.view(s.PARAMETERS)
    for law in s.LAWS:
        record[law] = int(numbers.get(law, 0.0))
    return record


def _chemistry(setup: Setup) -> dict[str, float]:
    system, a, gelling = setup.system, setup.amounts, setup.system.gelling
    numbers = {
        "gelling_law": float(kinetics.GELLING_LAWS[gelling.law]),
        "A1": gelling.A.value,
        "E1": gelling.E.value,
        "dH1": gelling.heat.value,
        "n_OH0": a.n_OH_mol,
        "n_NCO0": a.n_NCO_mol,
        "n_W0": a.n_water_mol,
        "mixed": setup.mixed,
        "X_gel": setup.X_gel,
        "m_liquid": a.m_liquid_kg,
        "rho_liquid": system.liquid.density.value,
        "c_liquid": system.liquid.c_p.value,
    }
    if isinstance(gelling, KamalGelling):
        numbers |= {
            "A1_auto": gelling.A_auto.value,
            "E1_auto": gelling.E_auto.value,
            "order_auto": gelling.order_auto.value,
            "order_left": gelling.order_left.value,
        }
    if system.water_reaction is not None:
        numbers["A2"] = system.water_reaction.A.value
        numbers["E2"] = system.water_reaction.E.value
        numbers["dH2"] = system.water_reaction.heat.value
    glass = system.vitrification
    if glass is not None:
        numbers |= {
            "glass_w": glass.w.value,
            "glass_beta": glass.beta.value,
            "glass_C1": glass.C1.value,
            "glass_C2": glass.C2.value,
            "glass_T0": glass.T_glass_uncured.value,
            "glass_T1": glass.T_glass_cured.value,
            "glass_shape": glass.shape.value,
        }
    return numbers | _network(setup)


def _network(setup: Setup) -> dict[str, float]:
    """The foam's skeleton; ``alpha_gel`` follows when it gels."""
    m, stop = setup.system.mechanics, setup.system.gel.stop_conversion
    return {
        "E_solid": m.E_solid.value,
        "rho_solid": m.density_solid.value,
        "strut_fraction": m.strut_fraction.value,
        "poisson": m.poisson.value,
        "cure_exponent": m.cure_exponent.value,
        "Tg_uncured": m.T_glass_uncured.value,
        "Tg_cured": m.T_glass_cured.value,
        "rubbery_share": m.rubbery_share.value,
        "relaxation_shift": m.relaxation_shift.value,
        "glass_width": m.glass_width.value,
        "alpha_gel": 1.0,
        "alpha_stop": 0.0 if stop is None else stop.value,
    }


def _gas(setup: Setup) -> dict[str, float]:
    system, foaming, agent = setup.system, setup.system.foaming, setup.system.blowing_agent
    # where there is no agent its amounts are zero
    numbers = {"M_agent": 1.0, "rho_agent": 1.0, "n_BA0": 0.0, "retention": 1.0}
    if foaming.nucleation_time is not None:
        numbers["t_nucleation"] = foaming.nucleation_time.value
    if foaming.gas_retention is not None:
        numbers["retention"] = foaming.gas_retention.value
    if system.gel.transfer_decay_width is not None:
        numbers["gel_width"] = system.gel.transfer_decay_width.value
    if system.carbon_dioxide is not None:
        numbers["henry"] = system.carbon_dioxide.henry.value
        numbers["k_CO2"] = system.carbon_dioxide.k_transfer.value
        numbers["c_CO2"] = system.carbon_dioxide.c_p.value
    if agent is not None:
        numbers |= {
            "n_BA0": setup.amounts.m_agent_kg / agent.M.value,
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
    law, M = agent.solubility, agent.M.value
    if isinstance(law, GaussSolubility):
        numbers = law.base.value, law.height.value, law.centre.value, law.width.value
    elif isinstance(law, LineSolubility):
        numbers = law.x0.value, law.T0.value, law.slope.value, M / law.M_polymer.value
    else:
        ratio = M / (law.M_polymer.value * law.activity.value)
        numbers = law.A.value, law.B.value, law.C.value, ratio
    code = float(blowing.SOLUBILITY_LAWS[law.law])
    return dict(zip(("solubility_law", "s_a", "s_b", "s_c", "s_d"), (code, *numbers), strict=True))


def _place(setup: Setup, V_foam0: float) -> dict[str, float]:
    """The mold or cup: volume, vents, heat."""
    mold = setup.mold
    T_air = 0.5 * sum(setup.T_mold_K)
    numbers = {"P_ambient": setup.P_ambient_Pa, "T_air": T_air, "T_ambient": setup.T_ambient_K}
    if mold.open:
        mass = setup.amounts.m_liquid_kg + setup.amounts.m_agent_kg
        loss = mold.cup_loss_W_per_K_kg * mass
        return numbers | {"is_open": 1.0, "V_mold": np.inf, "cup_loss": loss}
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
        "n_air0": setup.P_ambient_Pa * (V_mold - V_foam0) / (R_J_PER_MOL_K * T_air),
        "vent_area": mold.vents.area_m2,
        "vent_discharge": mold.vents.discharge_coefficient,
        "vent_open": 1.0 if mold.vents.area_m2 > 0 else 0.0,
        "area": mold.surface_area_m2,
        "thickness": mold.slab_thickness_m(),
        "C_mold": mold.mass_kg * mold.cp_J_per_kg_K,
        "UA_ambient": mold.h_ambient_W_per_m2_K * mold.surface_area_m2,
        "UA_heater": mold.heater_W_per_K,
        "T_heater_1": setup.T_heater_K[0],
        "T_heater_2": setup.T_heater_K[1],
    }
