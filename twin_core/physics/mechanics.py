"""Stiffness, strength and a hardness proxy of the foam."""

from __future__ import annotations

import math

from twin_core.compiled import compiled

TG_SHAPE = 0.5
"""Curvature of the glass temperature with conversion (DiBenedetto); assumed."""
TG_TRANSITION_WIDTH_K = 12.0
"""Half width of the glass transition in the softening factor; assumed."""
RUBBERY_SHARE = 0.02
"""Stiffness above the glass transition relative to below; assumed, typical of cross-linked PU."""


@compiled
def glass_temperature(alpha: float, T_uncured: float, T_cured: float) -> float:
    """Tg [K] at conversion ``alpha``: (Tg0 (1-a) + A a Tg1)/(1 - a + A a), DiBenedetto 1987."""
    weight = TG_SHAPE * alpha
    return (T_uncured * (1.0 - alpha) + weight * T_cured) / (1.0 - alpha + weight)


@compiled
def cure_factor(
    alpha: float, alpha_gel: float, T: float, exponent: float, T_uncured: float, T_cured: float
) -> float:
    """Share of the full solid stiffness, 0..1: cure past gel times softening above Tg.

    ((a - a_gel)/(1 - a_gel))^p, zero before gel, times a smooth step from 1 below Tg(a) to the
    rubbery share above. The exponent p (2 to 3) is assumed.
    """
    past = min(max((alpha - alpha_gel) / max(1.0 - alpha_gel, 1e-9), 0.0), 1.0)
    if past <= 0.0:
        return 0.0
    above = T - glass_temperature(alpha, T_uncured, T_cured)
    step = 0.5 * (1.0 - math.tanh(above / TG_TRANSITION_WIDTH_K))
    return math.pow(past, exponent) * (RUBBERY_SHARE + (1.0 - RUBBERY_SHARE) * step)


@compiled
def modulus(rho: float, cure: float, E_solid: float, rho_solid: float, phi: float) -> float:
    """Young's modulus of a closed-cell foam [Pa] at density ``rho`` [kg/m3].

    E = E_s cure ((phi R)^2 + (1 - phi) R), R = rho/rho_s, phi the share of solid in the struts
    (Gibson and Ashby, Cellular Solids, 1997, eq. 5.13, without the gas term).
    """
    R = min(rho / rho_solid, 1.0)
    return E_solid * cure * ((phi * R) ** 2 + (1.0 - phi) * R)


@compiled
def strength(rho: float, cure: float, s_solid: float, rho_solid: float, phi: float) -> float:
    """Plastic collapse stress [Pa]: s_s cure (0.3 (phi R)^1.5 + 0.4 (1 - phi) R), eq. 5.27."""
    R = min(rho / rho_solid, 1.0)
    return s_solid * cure * (0.3 * math.pow(phi * R, 1.5) + 0.4 * (1.0 - phi) * R)


@compiled
def shore_proxy(E: float, scale: float) -> float:
    """Shore hardness PROXY, 0..100, from the modulus ``E`` [Pa].

    Gent's relation for elastomers (Gent, Trans. Inst. Rubber Ind. 34 (1958) 46),
    E/MPa = 0.0981 (56 + 7.66 S)/(0.137505 (254 - 2.54 S)), solved for S with E scaled by the
    product's ``hardness_scale``. A foam is no elastomer: no source ties the Shore value of a PU
    foam to its density and cure, so this is a monotone map to be fitted per product.
    """
    k = 0.137505 * scale * E * 1e-6 / 0.0981
    return max((254.0 * k - 56.0) / (7.66 + 2.54 * k), 0.0)
