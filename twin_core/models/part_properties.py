"""What the part can bear at each time: stiffness, strength, hardness; and how the liquid flows."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.compiled import compiled
from twin_core.models import foam as f
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.physics import gas, mechanics, rheology

PART = ("cure", "E", "strength", "hardness", "viscosity")
CURE_, E_, STRENGTH_, HARDNESS_, VISCOSITY_ = range(5)
"""Columns: least cure factor of the layers, modulus [Pa] across the thickness (layers in series),
collapse stress [Pa] of the weakest layer, Shore proxy of the softer outer layer, viscosity [Pa s]
of the middle layer's liquid."""


@compiled
def cure_at_gel(y: Array, p: Any) -> float:
    """Mean degree of cure of the state at gel; 1 where there is none: no stiffness."""
    if y.size == 0:
        return 1.0
    return layers.cure_of(y, s.layer_count(y.size), p)


@compiled
def collapse_stress(rho: float, alpha: float, alpha_gel: float, T: float, c: Any) -> float:
    """Stress [Pa] that a layer bears for minutes.

    Long chains between junctions stretch further before they break, by the root of their length:
    strength falls with the root of the stiffness of the network (assumed).
    """
    cure = mechanics.cure_factor(
        alpha, alpha_gel, T, 0.5 * c.cure_exponent, c.T_glass_uncured, c.T_glass_cured,
        c.rubbery_strength_share, c.relaxation_shift, c.glass_width,
    )  # fmt: skip
    return mechanics.strength(
        rho, cure, c.strength_solid, c.rho_solid, c.strut_fraction, c.face_strength
    )


@compiled
def hardness_of(rho: float, alpha: float, alpha_gel: float, T: float, c: Any) -> float:
    """Shore proxy of a layer: a reading takes a second, so the transition is not shifted."""
    cure = mechanics.cure_factor(
        alpha, alpha_gel, T, c.cure_exponent, c.T_glass_uncured, c.T_glass_cured,
        c.rubbery_share, 0.0, c.glass_width,
    )  # fmt: skip
    E = mechanics.modulus(rho, cure, c.E_solid, c.rho_solid, c.strut_fraction)
    return mechanics.shore_proxy(E, c.hardness_scale)


@compiled
def part_row(y: Array, p: Any, P: float, c: Any, alpha_gel: float, out: Array) -> None:
    """``PART`` of one state at the pressure ``P`` of its cells; ``c`` is a record of limits."""
    n = s.layer_count(y.size)
    least, weakest, soft, thickness, hardness = 1.0, np.inf, 0.0, 0.0, np.inf
    for i in range(n):
        j = s.LAYER_STATES * i
        OH, W, CO2, BA, T = y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4]
        V_liquid, n_cells = f.volumes(CO2, BA, p)
        V = gas.foam_volume(n_cells, T, P, V_liquid)
        rho = f.mass(p) / V
        alpha = f.degree_of_cure(OH, W, p)
        cure = mechanics.cure_factor(
            alpha, alpha_gel, T, c.cure_exponent, c.T_glass_uncured, c.T_glass_cured,
            c.rubbery_share, c.relaxation_shift, c.glass_width,
        )  # fmt: skip
        E = mechanics.modulus(rho, cure, c.E_solid, c.rho_solid, c.strut_fraction)
        least = min(least, cure)
        weakest = min(weakest, collapse_stress(rho, alpha, alpha_gel, T, c))
        thickness += p.share[i] * V
        soft += p.share[i] * V / max(E, 1e-9 * c.E_solid)
        if i == 0 or (i == n - 1 and p.sides < 2.0):
            hardness = min(hardness, hardness_of(rho, alpha, alpha_gel, T, c))
        if i == s.middle(n, p):
            out[VISCOSITY_] = rheology.viscosity(
                1.0 - OH / p.n_OH0, T, p.X_gel, c.eta_A, c.eta_E, c.eta_a, c.eta_b
            )
    out[CURE_] = least
    out[E_] = thickness / soft
    out[STRENGTH_] = weakest
    out[HARDNESS_] = hardness


@compiled
def part(
    y: Array, observables: Array, params: Parameters, limits: Parameters, gelled: Array, out: Array
) -> None:
    """``part_row`` for every row; the mode of ``params`` does not matter.

    Args:
        gelled: state at gel, empty where there is none.
    """
    alpha_gel = cure_at_gel(gelled, params[0])
    for i in range(y.shape[0]):
        part_row(y[i], params[0], observables[i, s.P_CELLS_], limits[0], alpha_gel, out[i])


@compiled
def hardness_24h(rho: float, alpha_gel: float, mixed: float, c: Any) -> float:
    """Shore proxy after 24 h: all that is mixed has cured, at ambient temperature (assumed)."""
    return hardness_of(rho, mixed, alpha_gel, c.T_ambient, c)
