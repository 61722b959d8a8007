"""What is seen of a state: pressure, density, conversions, temperatures; see ``OBSERVABLES``."""

from __future__ import annotations

from typing import Any

from twin_core.arrays import Array, Parameters
from twin_core.compiled import compiled
from twin_core.models import foam as f
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.physics import gas, vents
from twin_core.units import R_J_PER_MOL_K


@compiled
def observe_row(y: Array, p: Any, out: Array) -> None:
    """``OBSERVABLES`` of one state, into ``out``."""
    n = s.layer_count(y.size)
    end = s.LAYER_STATES * n
    P_cells = layers.pressure(y, n, p)
    P = P_cells - y[end + s.STRESS]
    V_all, mass, X, X_min, alpha, alpha_min = 0.0, 0.0, 0.0, 1.0, 0.0, 1.0
    nuclei_T, CO2_T, BA_T, CO2_all = 0.0, 0.0, 0.0, 0.0
    skin_mass, skin_V, edge = 0.0, 0.0, 0.0
    for i in range(n):
        j, share = s.LAYER_STATES * i, p.share[i]
        OH, W, CO2, BA, T = y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4]
        V_liquid, n_cells = f.volumes(CO2, BA, p)
        V = gas.foam_volume(n_cells, T, P_cells, V_liquid)
        m = f.mass(p)
        X_here, alpha_here = 1.0 - OH / p.n_OH0, f.degree_of_cure(OH, W, p)
        V_all += share * V
        mass += share * m
        X += share * X_here
        X_min = min(X_min, X_here)
        alpha += share * alpha_here
        alpha_min = min(alpha_min, alpha_here)
        nuclei_T += share * p.n_nuclei * T
        CO2_T += share * CO2 * T
        BA_T += share * BA * T
        CO2_all += share * CO2
        # the part of this layer's mass within the skin of either side
        in_skin = max(0.0, min(edge + share, p.sides * s.SKIN_SHARE) - edge)
        if p.sides < 2.0:
            in_skin += max(0.0, edge + share - max(edge, 1.0 - s.SKIN_SHARE))
        in_skin = min(in_skin, share)
        skin_mass += in_skin * m
        skin_V += in_skin * V
        edge += share
        if i == s.middle(n, p):
            out[s.T_CORE_] = T
            out[s.RHO_CORE_] = m / V
    air_T = y[end + s.AIR] * p.T_air if p.is_open <= 0.0 else 0.0
    per_nT = P / (R_J_PER_MOL_K * (nuclei_T + CO2_T + BA_T + air_T))
    out[s.P_] = P
    out[s.V_] = V_all
    out[s.RHO_] = mass / V_all
    out[s.VENT_] = p.vent_open * vents.vent_opening(1.0 - V_all / p.V_mold)
    out[s.X_] = X
    out[s.X_MIN_] = X_min
    out[s.ALPHA_] = alpha
    out[s.ALPHA_MIN_] = alpha_min
    out[s.T_MOLD_] = 0.5 * (y[end + s.WALL_1] + y[end + s.WALL_2])
    out[s.T_WALL_] = y[s.T]
    if p.sides < 2.0:
        out[s.T_WALL_] = max(y[s.T], y[end - s.LAYER_STATES + s.T])
    out[s.RHO_SKIN_] = skin_mass / skin_V
    out[s.P_AIR_] = R_J_PER_MOL_K * (nuclei_T + air_T) * per_nT
    out[s.P_CO2_] = R_J_PER_MOL_K * CO2_T * per_nT
    out[s.P_AGENT_] = R_J_PER_MOL_K * BA_T * per_nT
    out[s.N_CO2_] = CO2_all
    out[s.P_CELLS_] = P_cells


@compiled
def observe(y: Array, rows: Any, modes: Parameters, first: Any, count: int, out: Array) -> None:
    """``observe_row`` for the chosen rows of a run.

    Args:
        rows: ascending rows of ``y``.
        modes: parameters of each mode; first: the first row of ``y`` in it; count: of modes.
    """
    mode = 0
    for i in range(rows.size):
        while mode + 1 < count and first[mode + 1] <= rows[i]:
            mode += 1
        observe_row(y[rows[i]], modes[mode], out[i])


@compiled
def observe_layers(y: Array, P: Array, params: Parameters, out: Array) -> None:
    """Degree of cure, density and volume of every layer, ``out`` (times, layers, 3).

    Args:
        P: of the cells.
    """
    p = params[0]
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            j = s.LAYER_STATES * i
            CO2, BA = y[k, j + s.CO2], y[k, j + s.BA]
            V_liquid, n_cells = f.volumes(CO2, BA, p)
            V = gas.foam_volume(n_cells, y[k, j + s.T], P[k], V_liquid)
            out[k, i, 0] = f.degree_of_cure(y[k, j + s.OH], y[k, j + s.W], p)
            out[k, i, 1] = f.mass(p) / V
            out[k, i, 2] = V
