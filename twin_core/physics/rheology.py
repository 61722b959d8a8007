"""Viscosity of the reacting liquid."""

from __future__ import annotations

import math

from twin_core.compiled import compiled
from twin_core.units import R_J_PER_MOL_K

GELLED_PA_S = 1e6
"""Stands for a liquid that no longer flows: beyond gel, and as a ceiling before it."""
CASTRO_MACOSKO = {"A": 4.1e-8, "E": 38.3e3, "a": 4.0, "b": -2.0}
"""Castro and Macosko, AIChE J. 28 (1982) 250, as used by the MoDeNa project; Pa s, J/mol."""


@compiled
def viscosity(X: float, T: float, X_gel: float, A: float, E: float, a: float, b: float) -> float:
    """A exp(E/RT) (X_gel/(X_gel - X))^(a + b X) [Pa s], Castro and Macosko 1982, eq. 3.

    Of the liquid between the cells; the bubbles are not in it.
    """
    if X >= X_gel:
        return GELLED_PA_S
    thin = A * math.exp(E / (R_J_PER_MOL_K * T))
    return min(GELLED_PA_S, thin * math.pow(X_gel / (X_gel - X), a + b * X))
