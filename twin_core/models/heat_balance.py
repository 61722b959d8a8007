"""The heat account of a run, kept along the dense output of its steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.models import foam as f
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.physics import gas
from twin_core.solvers import rosenbrock as ros
from twin_core.units import M_CO2_KG_PER_MOL

SENSIBLE, WORK, WORST, RELEASED, EVAPORATED, TO_MOLD = range(6)
ACCOUNTS = 6
"""Heat in warmer foam, work V dP, largest residual so far, heat of reaction, of evaporation, and to
the mold [J], since the pour."""

GAUSS_AT = np.array([0.06943184420297371, 0.33000947820757187, 0.6699905217924281])
GAUSS_AT = np.append(GAUSS_AT, 0.9305681557970263)
GAUSS_WEIGHT = np.array([0.17392742256872693, 0.3260725774312731, 0.3260725774312731])
GAUSS_WEIGHT = np.append(GAUSS_WEIGHT, 0.17392742256872693)
"""Four points: exact for the polynomials of the dense output."""


@compiled
def heat_capacity(CO2: float, BA: float, p: Any) -> float:
    """Of a layer [J/K]."""
    return float(
        (p.m_liquid - M_CO2_KG_PER_MOL * CO2) * p.c_liquid
        + M_CO2_KG_PER_MOL * CO2 * p.c_CO2
        + p.M_agent * ((p.n_BA0 - BA) * p.c_agent_l + BA * p.c_agent_g)
    )


@compiled
def parabolas(x: float, f0: float, f1: float, f2: float, g0: float, g1: float, g2: float) -> float:
    """Integral of f dg over three points, the middle one at the share ``x``, as two parabolas."""
    fb = ((f2 - f0) - (f1 - f0) / x) / (1.0 - x)
    gb = ((g2 - g0) - (g1 - g0) / x) / (1.0 - x)
    fa, ga = f2 - f0 - fb, g2 - g0 - gb
    return f0 * (ga + gb) + fa * (0.5 * ga + 2.0 / 3.0 * gb) + fb * (ga / 3.0 + 0.5 * gb)


@compiled
def _volume_and_pressure(y: Array, n: int, p: Any) -> tuple[float, float]:
    P, V_all = layers.pressure(y, n, p), 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        V_liquid, n_cells = f.volumes(y[j + s.CO2], y[j + s.BA], p)
        V_all += p.share[i] * gas.foam_volume(n_cells, y[j + s.T], P, V_liquid)
    return V_all, P


@compiled
def settle(y: Array, n: int, p: Any, account: Array) -> None:
    """Bring ``account`` to this state: what came in, and by how much the sum is off."""
    released, evaporated = 0.0, 0.0
    for i in range(n):
        j, share = s.LAYER_STATES * i, p.share[i]
        released += share * (p.dH1 * (p.n_OH0 - y[j + s.OH]) + p.dH2 * (p.n_W0 - y[j + s.W]))
        evaporated += share * p.latent * p.M_agent * y[j + s.BA]
    to_mold = y[s.LAYER_STATES * n + s.Q_WALL]
    off = account[SENSIBLE] - account[WORK] - released + evaporated + to_mold
    account[WORST] = max(account[WORST], abs(off))
    account[RELEASED], account[EVAPORATED], account[TO_MOLD] = released, evaporated, to_mold


@compiled
def add_step(
    x_end: float, y0: Array, y1: Array, weights: Array, n: int, p: Any, probe: Array,
    account: Array,
) -> None:  # fmt: skip
    """Add the integrals C dT and V dP over the share ``x_end`` of a step."""
    for k in range(GAUSS_AT.size):
        x = GAUSS_AT[k] * x_end
        ros.dense_state(x, y0, y1, weights, probe)
        for i in range(n):
            j = s.LAYER_STATES * i
            T_rate = ros.dense_slope(x, y0, y1, weights, j + s.T)
            C = heat_capacity(probe[j + s.CO2], probe[j + s.BA], p)
            account[SENSIBLE] += GAUSS_WEIGHT[k] * x_end * p.share[i] * C * T_rate
    if p.is_open > 0.0 and p.alpha_gel >= 1.0:  # at the pressure of the air
        return
    ros.dense_state(0.0, y0, y1, weights, probe)
    V0, P0 = _volume_and_pressure(probe, n, p)
    for half in range(2):
        ros.dense_state((0.5 * half + 0.25) * x_end, y0, y1, weights, probe)
        V1, P1 = _volume_and_pressure(probe, n, p)
        ros.dense_state((0.5 * half + 0.5) * x_end, y0, y1, weights, probe)
        V2, P2 = _volume_and_pressure(probe, n, p)
        account[WORK] += parabolas(0.5, V0, V1, V2, P0, P1, P2)
        V0, P0 = V2, P2
