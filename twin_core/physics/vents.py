"""Compressible flow of air through the vents, and how foam closes them."""

from __future__ import annotations

import math

from twin_core.compiled import compiled
from twin_core.units import M_AIR_KG_PER_MOL, R_J_PER_MOL_K

GAMMA_AIR = 1.4
CRITICAL_RATIO = 0.5283
"""(2/(gamma + 1))^(gamma/(gamma - 1)): below it the flow is choked."""
LAMINAR_PA = 20.0
"""Pressure difference below which the flow is linear: the orifice law has an infinite slope at
zero, which no solver likes. Assumed, far below the pressures of a mold."""
CLOGGING_AIR_FRACTION = 0.01
"""Headspace share of the cavity from which foam begins to cover the vents (assumed)."""
CLOSED_AIR_FRACTION = 5e-4
"""Headspace share of the cavity at which the vents count as closed (assumed)."""


@compiled
def vent_flow(area: float, discharge: float, P: float, P_ambient: float, T: float) -> float:
    """Air leaving the cavity [mol/s], negative when it flows in.

    Isentropic orifice flow with choking (any text on compressible flow, e.g. Shapiro 1953),
    ``area`` [m2], times sqrt(dP/(dP + 20 Pa)) to be linear near zero.
    """
    dP = P - P_ambient
    if dP == 0.0 or area == 0.0:
        return 0.0
    upstream = max(P, P_ambient)
    ratio = max(min(P, P_ambient) / upstream, CRITICAL_RATIO)
    R_specific = R_J_PER_MOL_K / M_AIR_KG_PER_MOL
    expanded = math.pow(ratio, 1.0 / GAMMA_AIR)
    velocity_term = math.sqrt(
        2.0 * GAMMA_AIR / ((GAMMA_AIR - 1.0) * R_specific * T) * expanded * (expanded - ratio)
    )
    smooth = math.sqrt(abs(dP) / (abs(dP) + LAMINAR_PA))
    flow = discharge * area * upstream / M_AIR_KG_PER_MOL * velocity_term * smooth
    return math.copysign(flow, dP)


@compiled
def vent_opening(air_fraction: float) -> float:
    """Free share of the vents, 1 down to 0 as foam takes the last per cent of the cavity."""
    return min(1.0, max(0.0, air_fraction / CLOGGING_AIR_FRACTION))
