"""All layers of a shot together: one pressure, heat between them, mold, vents; rhs and events.

The one right-hand side of every backend and both dimensions; equations in docs/physics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.compiled import allocating, compiled
from twin_core.models import foam as f
from twin_core.models import state as s
from twin_core.physics import gas, thermal, vents
from twin_core.units import R_J_PER_MOL_K


@compiled
def pressure(y: Array, many: int | None, p: Any) -> float:
    """The one pressure of cells and headspace [Pa]."""
    n = s.count(many)
    if p.is_open > 0.0:
        return float(p.P_ambient)
    n_T, V_liquid = 0.0, 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        V, n_cells = f.volumes(y[j + s.CO2], y[j + s.BA], p)
        n_T += p.share[i] * n_cells * y[j + s.T]
        V_liquid += p.share[i] * V
    n_air = y[s.LAYER_STATES * n + s.AIR] * p.air_in_box
    return gas.cavity_pressure(n_T, n_air * p.T_air, p.V_box, V_liquid)


@compiled
def all_foam(t: float, y: Array, many: int | None, P: float, p: Any, work: Array) -> None:
    """``foam`` for every layer, into the rows of ``work``."""
    n = s.count(many)
    for i in range(n):
        j = s.LAYER_STATES * i
        f.foam(t, y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4], P, p, work[i])


@compiled
def _heat_flows(y: Array, many: int | None, V_all: float, p: Any, work: Array, q: Array) -> None:
    """Heat across each face from wall 1 to wall 2 [W], positive towards wall 2; ``q`` (n + 1,).

    Of a symmetric part (two ``sides``) the layers are one half, with both walls at its face.
    """
    n = s.count(many)
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
def assemble(
    y: Array, many: int | None, P: float, p: Any, work: Array, q: Array, dy: Array
) -> None:
    """Derivatives of the whole state from what ``foam`` found for each layer."""
    n = s.count(many)
    end = s.LAYER_STATES * n
    V_all = 0.0
    for i in range(n):
        V_all += p.share[i] * work[i, f.V_FOAM]
    if p.area > 0.0:
        _heat_flows(y, many, V_all, p, work, q)
    vented = 0.0
    if p.vent_open > 0.0:
        free = vents.vent_opening(1.0 - V_all / p.V_mold)
        vented = vents.vent_flow(p.vent_area * free, p.vent_discharge, P, p.P_ambient, p.T_air)

    to_mold, n_T_rate, V_liquid, V_liquid_rate, soft = 0.0, 0.0, 0.0, 0.0, 0.0
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
        n_T_rate += share * (
            p.retention * (to_co2 + to_agent) * y[j + s.T] + work[i, f.N_CELLS] * T_rate
        )
        V_liquid += share * work[i, f.V_LIQUID]
        V_liquid_rate += share * work[i, f.DV_LIQUID]
        soft += share * work[i, f.N_CELLS] * work[i, f.V_FOAM] / work[i, f.CAPACITY]
    if p.is_open <= 0.0:  # the work V dP, solved together with the temperatures
        n_T_rate -= vented * p.T_air * p.air_in_box
        P_rate = (R_J_PER_MOL_K * n_T_rate + P * V_liquid_rate) / (
            p.V_box - V_liquid - R_J_PER_MOL_K * soft
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
def event_row(y: Array, many: int | None, P: float, p: Any, out: Array) -> None:
    """Values that rise through zero at the events, from a state and its pressure."""
    n = s.count(many)
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


@allocating
def enter_mode(event: int, y: Array, params: Parameters) -> None:
    """Change ``params`` to the mode after gel or vent closure.

    Vents are shut by foam or gel. A short shot that gels stops growing: its volume is the box.
    """
    p = params[0]
    if p.is_open > 0.0 or (event not in (s.GEL, s.CLOSED)):
        return
    params[0].vent_open = 0.0
    if event == s.GEL:
        n = s.layer_count(y.size)
        values = np.empty(4)
        P = pressure(y, n, p)
        event_row(y, n, P, p, values)
        if values[s.FULL] < 0.0:
            params[0].V_box = (values[s.CREAM] + s.CREAM_EXPANSION) * p.V_foam0
            params[0].air_in_box = 0.0


def transition(event: str, y: Array, parameters: Parameters) -> Parameters:
    """Parameters of the mode after a terminal event."""
    after = parameters.copy()
    enter_mode(s.EVENTS.index(event), y, after)
    return after
