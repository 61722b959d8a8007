"""One closure for pressure and foam volume: headspace air and cells push on each other."""

from __future__ import annotations

import math

from twin_core.compiled import compiled
from twin_core.units import R_J_PER_MOL_K


@compiled
def cavity_pressure(
    nT_cells: float, nT_air: float, V_mold: float, V_liquid: float, stress: float = 0.0
) -> float:
    """Pressure P of a closed mold [Pa], from sums in mol K; that of the cells is P + s.

    R nT_cells/(P + s) + R nT_air/P = V_mold - V_liquid: cells and headspace air share the room, and
    the network of the foam bears ``stress`` s [Pa] of the pressure in the cells. Without stress it
    is R (nT_cells + nT_air)/(V_mold - V_liquid). Rise, filling, full, overpacked and short shots
    are all this one explicit relation.
    """
    cells, air, room = R_J_PER_MOL_K * nT_cells, R_J_PER_MOL_K * nT_air, V_mold - V_liquid
    if stress == 0.0:
        return (cells + air) / room
    out = cells - air - room * stress
    root = math.sqrt(out * out + 4.0 * cells * air)
    b = cells + air - room * stress
    if b > 0.0:
        return 0.5 * (b + root) / room
    return 2.0 * air * stress / (root - b)  # the same without cancellation


@compiled
def foam_volume(n_cells: float, T: float, P: float, V_liquid: float) -> float:
    """V_foam = V_liquid + n_g R T / P [m3], ``P`` that of the cells."""
    return V_liquid + n_cells * R_J_PER_MOL_K * T / P
