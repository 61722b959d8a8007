"""One closure for pressure and foam volume: headspace air and cells share one pressure."""

from __future__ import annotations

from twin_core.compiled import compiled
from twin_core.units import R_J_PER_MOL_K


@compiled
def cavity_pressure(nT_cells: float, nT_air: float, V_box: float, V_liquid: float) -> float:
    """P = R (sum n_g T + n_air T_air) / (V_box - V_liquid) [Pa], from sums in mol K.

    Free rise, filling, full, overpacked and short shots are all this one explicit relation.
    Once a foam has gelled short of the walls, its own volume is the box and there is no air in it.
    """
    return R_J_PER_MOL_K * (nT_cells + nT_air) / (V_box - V_liquid)


@compiled
def foam_volume(n_cells: float, T: float, P: float, V_liquid: float) -> float:
    """V_foam = V_liquid + n_g R T / P [m3]."""
    return V_liquid + n_cells * R_J_PER_MOL_K * T / P
