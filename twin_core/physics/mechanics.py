"""Stiffness, strength and a hardness proxy of the foam, as arrays over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin_core.materials import Mechanics

Array = NDArray[np.float64]

TG_SHAPE = 0.5
"""Curvature of the glass temperature with conversion (DiBenedetto); assumed."""
TG_TRANSITION_WIDTH_K = 12.0
"""Half width of the glass transition in the softening factor; assumed."""
RUBBERY_SHARE = 0.02
"""Stiffness above the glass transition relative to below; assumed, typical of cross-linked PU."""


def glass_temperature(m: Mechanics, alpha: Array) -> Array:
    """Tg [K] at conversion ``alpha``: (Tg0 (1-a) + A a Tg1)/(1 - a + A a), DiBenedetto 1987."""
    weight = TG_SHAPE * alpha
    mixed = m.T_glass_uncured.value * (1.0 - alpha) + weight * m.T_glass_cured.value
    return np.asarray(mixed / (1.0 - alpha + weight))


def cure_factor(m: Mechanics, alpha: Array, alpha_gel: float, T: Array) -> Array:
    """Share of the full solid stiffness, 0..1: cure past gel times softening above Tg.

    ((a - a_gel)/(1 - a_gel))^p, zero before gel, times a smooth step from 1 below Tg(a) to the
    rubbery share above. The exponent p (2 to 3) is assumed.
    """
    past = np.clip((alpha - alpha_gel) / max(1.0 - alpha_gel, 1e-9), 0.0, 1.0)
    step = 0.5 * (1.0 - np.tanh((T - glass_temperature(m, alpha)) / TG_TRANSITION_WIDTH_K))
    return np.asarray(past**m.cure_exponent.value * (RUBBERY_SHARE + (1.0 - RUBBERY_SHARE) * step))


def modulus(m: Mechanics, rho: Array, cure: Array) -> Array:
    """Young's modulus of a closed-cell foam [Pa] at density ``rho`` [kg/m3].

    E = E_s cure ((phi R)^2 + (1 - phi) R), R = rho/rho_s, phi the share of solid in the struts
    (Gibson and Ashby, Cellular Solids, 1997, eq. 5.13, without the gas term).
    """
    R = np.minimum(rho / m.density_solid.value, 1.0)
    phi = m.strut_fraction.value
    return np.asarray(m.E_solid.value * cure * ((phi * R) ** 2 + (1.0 - phi) * R))


def strength(m: Mechanics, rho: Array, cure: Array) -> Array:
    """Plastic collapse stress [Pa]: s_s cure (0.3 (phi R)^1.5 + 0.4 (1 - phi) R), eq. 5.27."""
    R = np.minimum(rho / m.density_solid.value, 1.0)
    phi = m.strut_fraction.value
    return np.asarray(
        m.strength_solid.value * cure * (0.3 * (phi * R) ** 1.5 + 0.4 * (1.0 - phi) * R)
    )


def shore_proxy(m: Mechanics, E: Array) -> Array:
    """Shore hardness PROXY, 0..100, from the modulus ``E`` [Pa].

    Gent's relation for elastomers (Gent, Trans. Inst. Rubber Ind. 34 (1958) 46),
    E/MPa = 0.0981 (56 + 7.66 S)/(0.137505 (254 - 2.54 S)), solved for S with E scaled by the
    product's ``hardness_scale``. A foam is no elastomer: no source ties the Shore value of a PU
    foam to its density and cure, so this is a monotone map to be fitted per product.
    """
    k = 0.137505 * m.hardness_scale.value * E * 1e-6 / 0.0981
    return np.asarray(np.maximum((254.0 * k - 56.0) / (7.66 + 2.54 * k), 0.0))
