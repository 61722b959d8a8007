"""Derivatives of a closed stack of layers, column by column, at constant pressure.

A state of one layer acts on its own amounts, on the heat across its two faces, and on all others
through few numbers only: the volume of all foam (which stretches the layers) and the rates of the
pressure and of the stress of the network. So a column costs one evaluation of its layer and a few
operations a layer; evaluating the whole stack for each column took most of the time of a shot.
"""

from __future__ import annotations

from typing import Any

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.models import foam as f
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.physics import thermal, vents

RESISTANCE, LOST, BASE = range(3)
STACK = 3
"""Of a layer: half its thermal resistance times area and stretch, heat lost to its neighbours per
share [W], temperature rate without the work of the pressure [K/s]."""
VOLUME_DIFFERENCE = 1e-7


@compiled
def _resistance(work: Array, share: float, p: Any) -> float:
    k = thermal.foam_conductivity(work[f.MASS] / work[f.V_FOAM])
    return float(0.5 * p.thickness / p.sides * share * work[f.V_FOAM] / k)


@compiled
def _spread(V_all: float, p: Any) -> float:
    """Area times stretch: heat flows are this times the difference over the resistances."""
    return float(0.5 * p.sides * p.area * min(1.0, V_all / p.V_mold) * V_all)


@compiled
def _flow(i: int, y: Array, n: int, spread: float, stack: Array, p: Any) -> float:
    """Heat across face ``i`` towards wall 2 [W]."""
    if i == 0:
        fall = y[s.LAYER_STATES * n + s.WALL_1] - y[s.T]
        return float(p.wall_factor * spread * fall / stack[0, RESISTANCE])
    T = y[s.LAYER_STATES * (i - 1) + s.T]
    if i == n:
        if p.sides > 1.0:
            return 0.0
        fall = T - y[s.LAYER_STATES * n + s.WALL_2]
        return float(p.wall_factor * spread * fall / stack[n - 1, RESISTANCE])
    fall = T - y[s.LAYER_STATES * i + s.T]
    return float(spread * fall / (stack[i - 1, RESISTANCE] + stack[i, RESISTANCE]))


@compiled
def _vented(P: float, V_all: float, p: Any) -> float:
    if p.vent_open <= 0.0:
        return 0.0
    free = vents.vent_opening(1.0 - V_all / p.V_mold)
    return vents.vent_flow(p.vent_area * free, p.vent_discharge, P, p.P_ambient, p.T_air)


@compiled
def _warming(work: Array, T: float, base: float) -> float:
    """Rate of n T of a layer without the work of the pressure [mol K/s]."""
    return float((work[f.TO_CO2] + work[f.TO_AGENT]) * T + work[f.N_CELLS] * base)


@compiled
def columns(
    t: float, y: Array, n: int, P: float, p: Any, scale: Array, difference: float, smallest: float,
    work: Array, trial: Array, q: Array, stack: Array, local: Array, border: Array,
) -> None:  # fmt: skip
    """Derivatives of the amounts of each layer by its own states, ``local``, and of temperatures
    and tail by everything, ``border``, by one-sided differences at the pressure ``P`` of the cells.

    Args:
        work: what ``foam`` found at this state; trial: space of one more such row.
        q: (layers + 1,), stack: (layers, ``STACK``), space.
        difference, smallest: see ``newton``.
    """
    end, nb = s.LAYER_STATES * n, n + s.TAIL_STATES
    P_air = P - y[end + s.STRESS]
    V_all, n_T, V_liquid_rate, soft, stiff = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        share = p.share[i]
        stack[i, RESISTANCE] = _resistance(work[i], share, p)
        V_all += share * work[i, f.V_FOAM]
        n_T += share * work[i, f.N_CELLS] * y[s.LAYER_STATES * i + s.T]
        stiff += share * work[i, f.STIFFNESS] * work[i, f.V_FOAM]
        V_liquid_rate += share * work[i, f.DV_LIQUID]
        soft += share * work[i, f.N_CELLS] * work[i, f.V_FOAM] / work[i, f.CAPACITY]
    spread = _spread(V_all, p)
    for i in range(n + 1):
        q[i] = _flow(i, y, n, spread, stack, p)
    vented = _vented(P_air, V_all, p)
    by_volume = 0.0
    if p.vent_open > 0.0:
        dV = VOLUME_DIFFERENCE * V_all
        by_volume = (_vented(P_air, V_all + dV, p) - vented) / dV
    n_T_rate, stretched = 0.0, 0.0
    for i in range(n):
        C, share = work[i, f.CAPACITY], p.share[i]
        stack[i, LOST] = (q[i + 1] - q[i]) / share
        stack[i, BASE] = (work[i, f.HEAT] - stack[i, LOST]) / C
        n_T_rate += share * _warming(work[i], y[s.LAYER_STATES * i + s.T], stack[i, BASE])
        stretched += share * work[i, f.N_CELLS] * stack[i, LOST] / C
    P_rate, stress_rate, P_by_n_T, stress_by_n_T = layers.pressure_rates(
        n_T, n_T_rate, V_liquid_rate, soft, stiff, V_all, P, P_air, vented, p
    )

    for column in range(end):
        i, kept = column // s.LAYER_STATES, y[column]
        j, share, old, resistance = s.LAYER_STATES * i, p.share[i], work[i], stack[i, RESISTANCE]
        d = difference * max(abs(kept), smallest * scale[column])
        y[column] = kept + d
        d = y[column] - kept
        f.foam(t, y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4], P, p, trial)
        stack[i, RESISTANCE] = _resistance(trial, share, p)
        dV = share * (trial[f.V_FOAM] - old[f.V_FOAM])
        wider = _spread(V_all + dV, p) / spread - 1.0
        left = _flow(i, y, n, spread * (1.0 + wider), stack, p) - q[i]
        right = _flow(i + 1, y, n, spread * (1.0 + wider), stack, p) - q[i + 1]
        dv = by_volume * dV
        # all layers are stretched; the neighbours get the change of their face instead
        dn_T = -wider * stretched
        for m in range(max(i - 1, 0), min(i + 2, n)):
            dn_T += p.share[m] * work[m, f.N_CELLS] * wider * stack[m, LOST] / work[m, f.CAPACITY]
        T_old = _T(kept, column, y, j)
        own = (trial[f.HEAT] - stack[i, LOST] - (right - left) / share) / trial[f.CAPACITY]
        dn_T += share * (_warming(trial, y[j + s.T], own) - _warming(old, T_old, stack[i, BASE]))
        before, after = 0.0, 0.0
        if i > 0:
            lost = left - wider * q[i - 1]
            before = -lost / (p.share[i - 1] * work[i - 1, f.CAPACITY])
            dn_T += p.share[i - 1] * work[i - 1, f.N_CELLS] * before
        if i < n - 1:
            lost = wider * q[i + 2] - right
            after = -lost / (p.share[i + 1] * work[i + 1, f.CAPACITY])
            dn_T += p.share[i + 1] * work[i + 1, f.N_CELLS] * after
        dhot = share * (trial[f.N_CELLS] * y[j + s.T] - old[f.N_CELLS] * T_old)
        dstiff = share * (trial[f.STIFFNESS] * trial[f.V_FOAM] - old[f.STIFFNESS] * old[f.V_FOAM])
        dV_liquid_rate = share * (trial[f.DV_LIQUID] - old[f.DV_LIQUID])
        dsoft = share * (
            trial[f.N_CELLS] * trial[f.V_FOAM] / trial[f.CAPACITY]
            - old[f.N_CELLS] * old[f.V_FOAM] / old[f.CAPACITY]
        )
        new_rate, new_stress_rate, _, _ = layers.pressure_rates(
            n_T + dhot, n_T_rate + dn_T, V_liquid_rate + dV_liquid_rate, soft + dsoft,
            stiff + dstiff, V_all + dV, P, P_air, vented + dv, p,
        )  # fmt: skip
        dP_rate = new_rate - P_rate
        for m in range(n):
            C = work[m, f.CAPACITY]
            border[m, column] = (work[m, f.V_FOAM] * dP_rate - wider * stack[m, LOST]) / (C * d)
        border[i, column] = own + trial[f.V_FOAM] * new_rate / trial[f.CAPACITY]
        border[i, column] -= stack[i, BASE] + old[f.V_FOAM] * P_rate / old[f.CAPACITY]
        border[i, column] /= d
        if i > 0:
            C = work[i - 1, f.CAPACITY]
            border[i - 1, column] = (before + work[i - 1, f.V_FOAM] * dP_rate / C) / d
        if i < n - 1:
            C = work[i + 1, f.CAPACITY]
            border[i + 1, column] = (after + work[i + 1, f.V_FOAM] * dP_rate / C) / d
        first = left if i == 0 else wider * q[0]
        last = right if i == n - 1 else wider * q[n]
        _tail_rows(first, last, dv, column, n, d, p, border)
        border[n + s.STRESS, column] = (new_stress_rate - stress_rate) / d
        local[i, 0, column - j] = (old[f.R1] - trial[f.R1]) / d
        local[i, 1, column - j] = (old[f.R2] - trial[f.R2]) / d
        local[i, 2, column - j] = (trial[f.TO_CO2] - old[f.TO_CO2]) / d
        local[i, 3, column - j] = (trial[f.TO_AGENT] - old[f.TO_AGENT]) / d
        stack[i, RESISTANCE] = resistance
        y[column] = kept

    for wall in range(2):
        column, i = end + wall, 0 if wall == 0 else n - 1
        slope = 0.0  # of the heat across this wall's face, per kelvin
        if wall == 0 or p.sides < 2.0:
            slope = p.wall_factor * spread / stack[i, RESISTANCE]
        C = work[i, f.CAPACITY]
        by_base = slope / (p.share[i] * C)
        warmed = p.share[i] * work[i, f.N_CELLS] * by_base
        by_P = P_by_n_T * warmed
        for m in range(n):
            border[m, column] = work[m, f.V_FOAM] * by_P / work[m, f.CAPACITY]
        border[i, column] += by_base
        for b in range(n, nb):
            border[b, column] = 0.0
        if wall == 0:
            _tail_rows(slope, 0.0, 0.0, column, n, 1.0, p, border)
        else:
            _tail_rows(0.0, -slope, 0.0, column, n, 1.0, p, border)
        if p.C_mold > 0.0:
            border[n + wall, column] -= (p.UA_ambient + p.UA_heater) / p.C_mold
        border[n + s.STRESS, column] = stress_by_n_T * warmed

    column, d = end + s.STRESS, difference * P
    vented_less = _vented(P_air - d, V_all, p)
    new_rate, new_stress_rate, _, _ = layers.pressure_rates(
        n_T, n_T_rate, V_liquid_rate, soft, stiff, V_all, P, P_air - d, vented_less, p
    )
    for m in range(n):
        border[m, column] = work[m, f.V_FOAM] * (new_rate - P_rate) / (work[m, f.CAPACITY] * d)
    _tail_rows(0.0, 0.0, vented_less - vented, column, n, d, p, border)
    border[n + s.STRESS, column] = (new_stress_rate - stress_rate) / d


@compiled
def _T(kept: float, column: int, y: Array, j: int) -> float:
    """Temperature of the layer before the change of ``column``."""
    if column == j + s.T:
        return kept
    return float(y[j + s.T])


@compiled
def _tail_rows(
    first: float, last: float, vented: float, column: int, n: int, d: float, p: Any, border: Array
) -> None:  # fmt: skip
    """Rows of walls, air and heat from changes of the heat at both ends and of the vent."""
    border[n + s.WALL_1, column] = 0.0
    border[n + s.WALL_2, column] = 0.0
    if p.C_mold > 0.0:
        to_second = last if p.sides < 2.0 else -0.5 * first
        border[n + s.WALL_1, column] = -2.0 * first / p.sides / (p.C_mold * d)
        border[n + s.WALL_2, column] = 2.0 * to_second / (p.C_mold * d)
    border[n + s.AIR, column] = -vented / d
    border[n + s.Q_WALL, column] = (last - first) / d
