"""The 0D model: one foam at one temperature in a mold or a cup, as one ODE system.

State, 12 doubles per shot (SI): n_OH, n_NCO, n_W, n_CO2 dissolved and in cells, n_agent liquid and
in cells [mol]; T foam, T mold [K]; n_air headspace [mol]; Q to the wall [J]; n air vented [mol].
The last two are integrals for the audit. All balances of matter are linear invariants.
"""

from __future__ import annotations

import numpy as np

from twin_core.compiled import compiled
from twin_core.physics import blowing, gas, kinetics, thermal, vents
from twin_core.solvers.base import Array, Parameters
from twin_core.units import M_CO2_KG_PER_MOL, R_J_PER_MOL_K

OH, NCO, W, CO2_L, CO2_G, BA_L, BA_G, T, T_MOLD, AIR, Q_WALL, VENTED = range(12)
STATE_COUNT = 12

EVENTS = ("cream", "gel", "mold_full", "vent_closed")
CREAM, GEL, FULL, CLOSED = range(4)
CREAM_EXPANSION = 1.05
"""Foam volume over initial volume at cream time (visible rise)."""

OBSERVABLES = ("P", "V_foam", "V_liquid", "n_cells", "rho", "vent_eff")
P_, VF_, VL_, NG_, RHO_, VENT_ = range(6)

_NUMBERS = """
    A1 E1 dH1 A2 E2 dH2 n_OH0 n_NCO0 X_gel gel_width
    m_liquid rho_liquid c_liquid n_nuclei V_foam0 henry k_CO2 c_CO2
    k_agent M_agent rho_agent c_agent_l c_agent_g latent s_a s_b s_c s_d
    is_open P_ambient V_mold V_box air_in_box T_air vent_area vent_discharge vent_open
    area thickness C_mold UA_ambient T_ambient UA_heater T_heater
"""
PARAMETERS = np.dtype(
    [
        ("gelling_law", np.int64),
        ("solubility_law", np.int64),
        *((name, np.float64) for name in _NUMBERS.split()),
    ]
)
"""Parameters of the right-hand side; ``V_box, air_in_box, vent_open`` are the mode of the shot."""


@compiled
def observe_row(y: Array, params: Parameters, out: Array) -> None:
    """Pressure, volumes, gas, density and vent opening of one state, into ``out`` (OBSERVABLES)."""
    p = params[0]
    V_liquid = (p.m_liquid - M_CO2_KG_PER_MOL * y[CO2_G]) / p.rho_liquid
    V_liquid += y[BA_L] * p.M_agent / p.rho_agent
    n_cells = y[CO2_G] + y[BA_G] + p.n_nuclei
    if p.is_open > 0.0:
        P = p.P_ambient
    else:
        n_air = y[AIR] * p.air_in_box
        P = gas.cavity_pressure(n_cells, y[T], n_air, p.T_air, p.V_box, V_liquid)
    V_foam = gas.foam_volume(n_cells, y[T], P, V_liquid)
    out[P_] = P
    out[VF_] = V_foam
    out[VL_] = V_liquid
    out[NG_] = n_cells
    out[RHO_] = (p.m_liquid + p.M_agent * (y[BA_L] + y[BA_G])) / V_foam
    out[VENT_] = p.vent_open * vents.vent_opening(1.0 - V_foam / p.V_mold)


@compiled
def rhs(t: float, y: Array, params: Parameters, dy: Array) -> None:
    """Time derivative of the state; equations of docs/physics/model.md."""
    p = params[0]
    seen = np.empty(6)
    observe_row(y, params, seen)
    P, V_foam, V_liquid, n_cells = seen[P_], seen[VF_], seen[VL_], seen[NG_]
    temperature = y[T]
    X = 1.0 - y[OH] / p.n_OH0

    # reactions
    r1 = kinetics.gelling_rate(p.gelling_law, p.A1, p.E1, temperature, X, y[OH], y[NCO], V_liquid)
    r2 = kinetics.water_rate(p.A2, p.E2, temperature, y[W], y[NCO], p.n_NCO0)

    # gas into the cells
    activity = blowing.bubble_area_factor(n_cells, p.n_nuclei)
    activity *= blowing.gel_slowdown(X, p.X_gel, p.gel_width)
    V_polymer = V_liquid - y[BA_L] * p.M_agent / p.rho_agent
    to_co2 = blowing.co2_transfer(
        p.k_CO2 * activity, y[CO2_L], p.henry, P * y[CO2_G] / n_cells, V_polymer
    )
    w_star = blowing.saturation(p.solubility_law, p.s_a, p.s_b, p.s_c, p.s_d, temperature)
    to_agent = blowing.agent_transfer(
        p.k_agent * activity,
        y[BA_L] * p.M_agent / p.m_liquid,
        w_star,
        P * y[BA_G] / n_cells,
        p.m_liquid,
        p.M_agent,
    )

    # air out of the headspace
    vented = 0.0
    if p.vent_open > 0.0:
        vented = vents.vent_flow(
            p.vent_area * seen[VENT_], p.vent_discharge, P, p.P_ambient, p.T_air
        )

    # heat
    wetted = min(1.0, V_foam / p.V_mold)
    q = 0.0
    if p.area > 0.0:
        k_foam = thermal.foam_conductivity(seen[RHO_])
        q = thermal.wall_heat_flow(k_foam, p.thickness, p.area, wetted, temperature, y[T_MOLD])
    capacity = (
        (p.m_liquid - M_CO2_KG_PER_MOL * y[CO2_G]) * p.c_liquid
        + M_CO2_KG_PER_MOL * y[CO2_G] * p.c_CO2
        + p.M_agent * (y[BA_L] * p.c_agent_l + y[BA_G] * p.c_agent_g)
    )
    heat = p.dH1 * r1 + p.dH2 * r2 - p.latent * p.M_agent * to_agent - q
    if p.is_open <= 0.0:  # work V dP of the closed cavity, solved for the temperature rate
        V_gas = p.V_box - V_liquid
        dV_liquid = -M_CO2_KG_PER_MOL * to_co2 / p.rho_liquid - to_agent * p.M_agent / p.rho_agent
        heat += (
            V_foam
            * (
                R_J_PER_MOL_K
                * ((to_co2 + to_agent) * temperature - vented * p.T_air * p.air_in_box)
                + P * dV_liquid
            )
            / V_gas
        )
        capacity -= V_foam * n_cells * R_J_PER_MOL_K / V_gas

    dy[OH] = -r1
    dy[NCO] = -r1 - 2.0 * r2
    dy[W] = -r2
    dy[CO2_L] = r2 - to_co2
    dy[CO2_G] = to_co2
    dy[BA_L] = -to_agent
    dy[BA_G] = to_agent
    dy[T] = heat / capacity
    dy[T_MOLD] = 0.0
    if p.C_mold > 0.0:
        dy[T_MOLD] = (
            q - p.UA_ambient * (y[T_MOLD] - p.T_ambient) + p.UA_heater * (p.T_heater - y[T_MOLD])
        ) / p.C_mold
    dy[AIR] = -vented
    dy[Q_WALL] = q
    dy[VENTED] = vented


@compiled
def event_values(t: float, y: Array, params: Parameters, out: Array) -> None:
    """Values that rise through zero at the events of ``EVENTS``."""
    p = params[0]
    seen = np.empty(6)
    observe_row(y, params, seen)
    air_fraction = 1.0 - seen[VF_] / p.V_mold
    out[CREAM] = seen[VF_] / p.V_foam0 - CREAM_EXPANSION
    out[GEL] = (1.0 - y[OH] / p.n_OH0) - p.X_gel
    out[FULL] = vents.CLOGGING_AIR_FRACTION - air_fraction
    out[CLOSED] = vents.CLOSED_AIR_FRACTION - air_fraction


@compiled
def observe(y: Array, params: Parameters, out: Array) -> None:
    """``observe_row`` for every row of ``y``."""
    for i in range(y.shape[0]):
        observe_row(y[i], params, out[i])


def transition(event: str, y: Array, parameters: Parameters) -> Parameters:
    """Next mode of a closed mold: vents shut by foam or gel; a gelled short shot stops growing."""
    after = parameters.copy()
    after["vent_open"] = 0.0
    if event == "gel":
        seen = np.empty(len(OBSERVABLES))
        observe_row(y, parameters, seen)
        if 1.0 - seen[VF_] / float(parameters["V_mold"][0]) > vents.CLOGGING_AIR_FRACTION:
            after["V_box"] = seen[VF_]
            after["air_in_box"] = 0.0
    return after
