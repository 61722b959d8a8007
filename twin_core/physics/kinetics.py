"""Rate laws of the two reactions; amounts in mol, volumes in m3, rates in mol/s."""

from __future__ import annotations

import math

from twin_core.compiled import compiled
from twin_core.units import R_J_PER_MOL_K

SECOND_ORDER = 0
BASER_KHAKHAR = 1
KAMAL = 2
GELLING_LAWS = {"second_order": SECOND_ORDER, "baser_khakhar": BASER_KHAKHAR, "kamal": KAMAL}
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
    law: int,
    A: float,
    E: float,
    A_auto: float,
    E_auto: float,
    order_auto: float,
    order_left: float,
    T: float,
    X: float,
    n_OH: float,
    n_NCO: float,
    n_NCO0: float,
    V: float,
) -> float:
    """Isocyanate with hydroxyl, r1 [mol/s]; ``X`` the OH conversion, ``V`` [m3] the liquid.

    second_order, baser_khakhar: A exp(-E/RT) f(X) n_OH n_NCO / V, ``A`` in m3/mol/s; diluted by
    liquid blowing agent through V.
    kamal: n_OH (k1 + k2 X^m) (1 - X)^(n-1) n_NCO/(n_NCO + 1e-3 n_NCO0), k in 1/s, m ``order_auto``,
    n ``order_left``: Kamal and Sourour, Polym. Eng. Sci. 13 (1973) 59, faded out as water_rate is.
    """
    if law == KAMAL:
        done = min(max(X, 0.0), 1.0)
        k = arrhenius(A, E, T) + arrhenius(A_auto, E_auto, T) * math.pow(done, order_auto)
        left = math.pow(max(1.0 - done, 1e-12), order_left - 1.0)
        return k * n_OH * left * n_NCO / (n_NCO + NCO_LIMIT * n_NCO0)
    factor = baser_khakhar_factor(X) if law == BASER_KHAKHAR else 1.0
    return arrhenius(A, E, T) * factor * n_OH * n_NCO / V


@compiled
def diffusion_factor(
    X: float,
    T: float,
    w: float,
    beta: float,
    C1: float,
    C2: float,
    T_glass0: float,
    T_glass1: float,
    shape: float,
) -> float:
    """Slowdown of both reactions as the network vitrifies, 1 when mobile, towards 0 in the glass.

    (1 + w a_T)^-beta, a_T = 10^(-C1 (T - Tg)/(C2 + T - Tg)) (Williams, Landel, Ferry), Tg(X) after
    DiBenedetto: the form of the PMDI-10 model in Sandia's Goma. T - Tg is held above -0.8 C2, where
    the factor has long vanished.
    """
    done = min(max(X, 0.0), 1.0)
    weight = shape * done
    T_glass = (T_glass0 * (1.0 - done) + weight * T_glass1) / (1.0 - done + weight)
    above = max(T - T_glass, -0.8 * C2)
    return math.pow(1.0 + w * math.pow(10.0, -C1 * above / (C2 + above)), -beta)


@compiled
def water_rate(A: float, E: float, T: float, n_W: float, n_NCO: float, n_NCO0: float) -> float:
    """Isocyanate with water: r2 = A exp(-E/RT) n_W n_NCO/(n_NCO + 1e-3 n_NCO0) [mol/s].

    First order in water (``A`` in 1/s), faded out when the NCO is used up; one mol takes two NCO
    and gives one CO2.
    """
    return arrhenius(A, E, T) * n_W * n_NCO / (n_NCO + NCO_LIMIT * n_NCO0)
