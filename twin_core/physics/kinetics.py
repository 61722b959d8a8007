"""Rate laws of the two reactions; amounts in mol, volumes in m3, rates in mol/s."""

from __future__ import annotations

import math

from twin_core.compiled import compiled
from twin_core.units import R_J_PER_MOL_K

SECOND_ORDER = 0
BASER_KHAKHAR = 1
GELLING_LAWS = {"second_order": SECOND_ORDER, "baser_khakhar": BASER_KHAKHAR}
"""Names in the system files and the codes that the compiled right-hand side switches on."""

NCO_LIMIT = 1e-3
"""Share of the initial NCO below which the water reaction fades. A hard stop made an implicit
solver spin for ever within one step; this smooth one does not change the result visibly."""


@compiled
def arrhenius(A: float, E: float, T: float) -> float:
    """k = A exp(-E / (R T)), in the unit of ``A``; ``E`` in J/mol, ``T`` in K."""
    return A * math.exp(-E / (R_J_PER_MOL_K * T))


@compiled
def baser_khakhar_factor(X: float) -> float:
    """Factor f(X) on the second-order rate of the R-11 kinetics (dimensionless).

    1 for X < 0.5; -2.027 X + 2.013 for X < 0.87; 3.461 X - 2.761 above. Baser and Khakhar,
    Polym. Eng. Sci. 34 (1994) 632, as used by the MoDeNa project.
    """
    if X < 0.5:
        return 1.0
    if X < 0.87:
        return 2.013 - 2.027 * X
    return 3.461 * X - 2.761


@compiled
def gelling_rate(
    law: int, A: float, E: float, T: float, X: float, n_OH: float, n_NCO: float, V_liquid: float
) -> float:
    """Isocyanate with hydroxyl: r1 = A exp(-E/RT) f(X) n_OH n_NCO / V_liquid [mol/s].

    ``A`` in m3/mol/s, ``X`` the OH conversion; diluted by liquid blowing agent through V_liquid.
    """
    factor = baser_khakhar_factor(X) if law == BASER_KHAKHAR else 1.0
    return arrhenius(A, E, T) * factor * n_OH * n_NCO / V_liquid


@compiled
def water_rate(A: float, E: float, T: float, n_W: float, n_NCO: float, n_NCO0: float) -> float:
    """Isocyanate with water: r2 = A exp(-E/RT) n_W n_NCO/(n_NCO + 1e-3 n_NCO0) [mol/s].

    First order in water (``A`` in 1/s), faded out when the NCO is used up; one mol takes two NCO
    and gives one CO2.
    """
    return arrhenius(A, E, T) * n_W * n_NCO / (n_NCO + NCO_LIMIT * n_NCO0)
