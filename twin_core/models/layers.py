"""All layers of a shot together: one pressure of all cells, the network, heat, mold, vents; events.

The one right-hand side of every backend and both dimensions; equations in docs/physics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.compiled import allocating, compiled
from twin_core.models import foam as f
from twin_core.models import state as s
from twin_core.physics import gas, rise, thermal, vents
from twin_core.units import R_J_PER_MOL_K


@compiled
def pressure(y: Array, n: int, p: Any) -> float:
    """The one pressure of all cells [Pa]: that of headspace or air and what the network bears."""
    stress = y[s.LAYER_STATES * n + s.STRESS]
    if p.is_open > 0.0:
        return float(p.P_ambient + stress)
    n_T, V_liquid = 0.0, 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        V, n_cells = f.volumes(y[j + s.CO2], y[j + s.BA], p)
        n_T += p.share[i] * n_cells * y[j + s.T]
        V_liquid += p.share[i] * V
    n_air = y[s.LAYER_STATES * n + s.AIR]
    P_air = gas.cavity_pressure(n_T, n_air * p.T_air, p.V_mold, V_liquid, stress)
    return float(stress + P_air)


@compiled
def all_foam(t: float, y: Array, n: int, P: float, p: Any, work: Array) -> None:
    """``foam`` for every layer, into the rows of ``work``."""
    for i in range(n):
        j = s.LAYER_STATES * i
        f.foam(t, y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4], P, p, work[i])


@compiled
def _heat_flows(y: Array, n: int, V_all: float, p: Any, work: Array, q: Array) -> None:
    """Heat across each face from wall 1 to wall 2 [W], positive towards wall 2; ``q`` (n + 1,).

    Of a symmetric part (two ``sides``) the layers are one half, with both walls at its face.
    """
    half = 0.5 * p.sides * p.area * min(1.0, V_all / p.V_mold)
    thickness = p.thickness / p.sides
    before, T_before = 0.0, y[s.LAYER_STATES * n + s.WALL_1]
    for i in range(n):
        V_layer = work[i, f.V_FOAM]
        k = thermal.foam_conductivity(work[i, f.MASS] / V_layer)
        resistance = 0.5 * thickness * p.share[i] * V_layer / (V_all * k)
        T_here = y[s.LAYER_STATES * i + s.T]
        if i == 0:
            q[i] = p.wall_factor * half * (T_before - T_here) / resistance
        else:
            q[i] = half * (T_before - T_here) / (before + resistance)
        before, T_before = resistance, T_here
    q[n] = 0.0
    if p.sides < 2.0:
        q[n] = p.wall_factor * half * (T_before - y[s.LAYER_STATES * n + s.WALL_2]) / before


@compiled
def pressure_rates(
    n_T: float, n_T_rate: float, V_liquid_rate: float, soft: float, stiff: float, V_all: float,
    P: float, P_air: float, vented: float, p: Any,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Rates of the pressure in the cells and of the stress [Pa/s], and both by ``n_T_rate``.

    Args:
        n_T: of the gas in all cells [mol K]; n_T_rate: its rate without the work of the pressure.
        soft: sum of n V/C of the layers [mol m3 K/J]; stiff: of K V [Pa m3].
        P, P_air: in the cells and in the headspace; vented: air that leaves [mol/s].
    """
    by_n_T = R_J_PER_MOL_K / P
    swell = V_liquid_rate + by_n_T * n_T_rate
    compliance = by_n_T * (n_T / P - soft)
    air_rate = -R_J_PER_MOL_K * p.T_air * vented / P_air
    P_rate, stress_rate, P_by_swell, stress_by_swell = rise.rates(
        p.is_open > 0.0, swell, compliance, stiff / (V_all * V_all), p.V_mold - V_all, P_air,
        air_rate,
    )  # fmt: skip
    return P_rate, stress_rate, by_n_T * P_by_swell, by_n_T * stress_by_swell


@compiled
def assemble(y: Array, n: int, P: float, p: Any, work: Array, q: Array, dy: Array) -> None:
    """Derivatives of the whole state from what ``foam`` found for each layer; ``P`` of cells."""
    end = s.LAYER_STATES * n
    P_air = P - y[end + s.STRESS]
    V_all = 0.0
    for i in range(n):
        V_all += p.share[i] * work[i, f.V_FOAM]
    if p.area > 0.0:
        _heat_flows(y, n, V_all, p, work, q)
    vented = 0.0
    if p.vent_open > 0.0:
        free = vents.vent_opening(1.0 - V_all / p.V_mold)
        vented = vents.vent_flow(p.vent_area * free, p.vent_discharge, P_air, p.P_ambient, p.T_air)

    to_mold, n_T, n_T_rate, V_liquid_rate, soft, stiff = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        j, share = s.LAYER_STATES * i, p.share[i]
        lost = 0.0
        if p.area > 0.0:
            lost = (q[i + 1] - q[i]) / share
        elif p.cup_loss > 0.0:
            lost = p.cup_loss * (y[j + s.T] - p.T_ambient)
            to_mold += share * lost
        to_co2, to_agent = work[i, f.TO_CO2], work[i, f.TO_AGENT]
        T_rate = (work[i, f.HEAT] - lost) / work[i, f.CAPACITY]
        dy[j + s.OH] = -work[i, f.R1]
        dy[j + s.W] = -work[i, f.R2]
        dy[j + s.CO2] = to_co2
        dy[j + s.BA] = to_agent
        dy[j + s.T] = T_rate
        n_T_rate += share * ((to_co2 + to_agent) * y[j + s.T] + work[i, f.N_CELLS] * T_rate)
        n_T += share * work[i, f.N_CELLS] * y[j + s.T]
        V_liquid_rate += share * work[i, f.DV_LIQUID]
        soft += share * work[i, f.N_CELLS] * work[i, f.V_FOAM] / work[i, f.CAPACITY]
        stiff += share * work[i, f.STIFFNESS] * work[i, f.V_FOAM]
    dy[end + s.STRESS] = 0.0
    if p.is_open <= 0.0 or stiff > 0.0:  # the work V dP, solved together with the temperatures
        P_rate, dy[end + s.STRESS], _, _ = pressure_rates(
            n_T, n_T_rate, V_liquid_rate, soft, stiff, V_all, P, P_air, vented, p
        )
        for i in range(n):
            dy[s.LAYER_STATES * i + s.T] += work[i, f.V_FOAM] * P_rate / work[i, f.CAPACITY]

    dy[end + s.WALL_1] = 0.0
    dy[end + s.WALL_2] = 0.0
    if p.area > 0.0:
        to_mold = q[n] - q[0]
    if p.C_mold > 0.0:
        to_second = q[n] if p.sides < 2.0 else -0.5 * q[0]
        dy[end + s.WALL_1] = _wall_rate(-q[0] / p.sides, y[end + s.WALL_1], p.T_heater_1, p)
        dy[end + s.WALL_2] = _wall_rate(to_second, y[end + s.WALL_2], p.T_heater_2, p)
    dy[end + s.AIR] = -vented
    dy[end + s.Q_WALL] = to_mold


@compiled
def _wall_rate(q: float, T: float, T_heater: float, p: Any) -> float:
    """Warming of one mold half [K/s], which has half the mass, surface and heater."""
    return float(
        (2.0 * q - p.UA_ambient * (T - p.T_ambient) + p.UA_heater * (T_heater - T)) / p.C_mold
    )


@allocating
def rhs(t: float, y: Array, params: Parameters, dy: Array) -> None:
    """Time derivative of the state."""
    p = params[0]
    n = s.layer_count(y.size)
    work = np.empty((n, f.FOAM_COLUMNS))
    q = np.empty(n + 1)
    P = pressure(y, n, p)
    all_foam(t, y, n, P, p, work)
    assemble(y, n, P, p, work, q, dy)


@compiled
def event_row(y: Array, n: int, P: float, p: Any, out: Array) -> None:
    """Values that rise through zero at the events, from a state and the pressure of its cells."""
    X, V_all = 0.0, 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        V_liquid, n_cells = f.volumes(y[j + s.CO2], y[j + s.BA], p)
        V_all += p.share[i] * gas.foam_volume(n_cells, y[j + s.T], P, V_liquid)
        X += p.share[i] * (1.0 - y[j + s.OH] / p.n_OH0)
    air_fraction = 1.0 - V_all / p.V_mold
    out[s.CREAM] = V_all / p.V_foam0 - s.CREAM_EXPANSION
    out[s.GEL] = X - p.X_gel
    out[s.FULL] = vents.CLOGGING_AIR_FRACTION - air_fraction
    out[s.CLOSED] = vents.CLOSED_AIR_FRACTION - air_fraction


@compiled
def event_values(t: float, y: Array, params: Parameters, out: Array) -> None:
    """Values that rise through zero at the events of ``EVENTS``."""
    n = s.layer_count(y.size)
    event_row(y, n, pressure(y, n, params[0]), params[0], out)


@compiled
def cure_of(y: Array, n: int, p: Any) -> float:
    """Mean degree of cure of all layers."""
    alpha = 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        alpha += p.share[i] * f.degree_of_cure(y[j + s.OH], y[j + s.W], p)
    return alpha


@allocating
def enter_mode(event: int, y: Array, params: Parameters) -> None:
    """Change ``params`` to the mode after an event: a network at gel, vents shut by foam."""
    p = params[0]
    if event == s.GEL:
        params[0].alpha_gel = cure_of(y, s.layer_count(y.size), p)
    elif event == s.CLOSED and p.is_open <= 0.0:
        params[0].vent_open = 0.0


def transition(event: str, y: Array, parameters: Parameters) -> Parameters:
    """Parameters of the mode after a terminal event."""
    after = parameters.copy()
    enter_mode(s.EVENTS.index(event), y, after)
    return after
