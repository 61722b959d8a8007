"""Stiffness, strength and a hardness proxy of the foam."""

from __future__ import annotations

import math

from twin_core.compiled import compiled

TG_SHAPE = 0.5
"""Curvature of the glass temperature with conversion (DiBenedetto); assumed."""


@compiled
def glass_temperature(alpha: float, T_uncured: float, T_cured: float) -> float:
    """Tg [K] at conversion ``alpha``: (Tg0 (1-a) + A a Tg1)/(1 - a + A a), DiBenedetto 1987."""
    weight = TG_SHAPE * alpha
    return (T_uncured * (1.0 - alpha) + weight * T_cured) / (1.0 - alpha + weight)


@compiled
def glass_temperature_slope(alpha: float, T_uncured: float, T_cured: float) -> float:
    """dTg/dalpha [K]: A (Tg1 - Tg0)/(1 - a + A a)^2."""
    below = 1.0 - alpha + TG_SHAPE * alpha
    return TG_SHAPE * (T_cured - T_uncured) / (below * below)


@compiled
def network(alpha: float, alpha_gel: float, exponent: float) -> float:
    """Share of the full network, 0..1: ((a - a_gel)/(1 - a_gel))^p, zero before gel.

    The exponent p (2 to 3) is assumed.
    """
    past = min(max((alpha - alpha_gel) / max(1.0 - alpha_gel, 1e-9), 0.0), 1.0)
    return math.pow(past, exponent) if past > 0.0 else 0.0


@compiled
def glass_share(above: float, width: float) -> float:
    """Share of the glass, (1 - tanh(above/width))/2, at ``above`` [K] over the transition."""
    return 0.5 * (1.0 - math.tanh(above / width))


@compiled
def cure_factor(
    alpha: float, alpha_gel: float, T: float, exponent: float, T_uncured: float, T_cured: float,
    rubbery: float, shift: float, width: float,
) -> float:  # fmt: skip
    """Share of the full stiffness (or strength) of the solid, 0..1: network times glass step.

    c(a) (r + (1 - r) g): r the share left in the rubbery state (a network with 600 g/mol between
    its junctions has 3 rho R T/M_c of some 18 MPa, a hundredth of the glass), g = (1 - tanh((T -
    Tg(a) + s)/w))/2. The shift s [K] is for load that lasts minutes instead of an instant.
    """
    share = network(alpha, alpha_gel, exponent)
    if share <= 0.0:
        return 0.0
    above = T - glass_temperature(alpha, T_uncured, T_cured) + shift
    return share * (rubbery + (1.0 - rubbery) * glass_share(above, width))


@compiled
def modulus(rho: float, cure: float, E_solid: float, rho_solid: float, phi: float) -> float:
    """Young's modulus of a closed-cell foam [Pa] at density ``rho`` [kg/m3].

    E = E_s cure ((phi R)^2 + (1 - phi) R), R = rho/rho_s, phi the share of solid in the struts
    (Gibson and Ashby, Cellular Solids, 1997, eq. 5.13, without the gas term).
    """
    R = min(rho / rho_solid, 1.0)
    return E_solid * cure * ((phi * R) ** 2 + (1.0 - phi) * R)


@compiled
def constrained(E: float, poisson: float) -> float:
    """Stiffness across the thickness of a layer that cannot widen, M [Pa].

    M = E (1 - nu)/((1 + nu)(1 - 2 nu)).
    """
    return E * (1.0 - poisson) / ((1.0 + poisson) * (1.0 - 2.0 * poisson))


@compiled
def strength(
    rho: float, cure: float, s_solid: float, rho_solid: float, phi: float, faces: float
) -> float:
    """Collapse stress [Pa]: s_s cure (0.3 (phi R)^1.5 + 0.4 f (1 - phi) R), after eq. 5.27.

    f, ``faces``: share of the stress that thin cell faces bear before they fold; with f = 1, the
    equation as printed, rigid foams of 30 to 65 kg/m3 come out 1.3 to 2.8 times too strong.
    """
    R = min(rho / rho_solid, 1.0)
    return s_solid * cure * (0.3 * math.pow(phi * R, 1.5) + 0.4 * faces * (1.0 - phi) * R)


@compiled
def shore_proxy(E: float, scale: float) -> float:
    """Shore hardness PROXY, 0..100, from the modulus ``E`` [Pa] of a short load.

    Gent's relation for elastomers (Gent, Trans. Inst. Rubber Ind. 34 (1958) 46),
    E/MPa = 0.0981 (56 + 7.66 S)/(0.137505 (254 - 2.54 S)), S in Shore A, solved for S with E scaled
    by the product's ``hardness_scale``. A foam is no elastomer: no source ties the Shore value of a
    PU foam to its density and cure, so this is a monotone map to be fitted per product.
    """
    k = 0.137505 * scale * E * 1e-6 / 0.0981
    return max((254.0 * k - 56.0) / (7.66 + 2.54 * k), 0.0)
