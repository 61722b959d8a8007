"""Cure with a blocked isocyanate, without foam: unblocking, then isocyanate with hydroxyl."""

from __future__ import annotations

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import allocating, compiled

BLOCKED, FREE, OH = range(3)
STEP_SHARE = 0.05
"""Of the fastest time constant that one Runge-Kutta step takes; its error is then below 1e-7."""


@compiled
def slopes(
    y: Array, OH0: float, k_unblock: float, k_gel: float, beta: float, gamma: float, out: Array
) -> None:
    """Rates of the concentrations [mol/m3/s] of blocked NCO B, free NCO N and hydroxyl O.

    B' = -r1, N' = r1 - r2, O' = -r2 with r1 = k_unblock (1 + beta U) B and
    r2 = k_gel (1 + gamma U) N O; U = O0 - O is the urethane formed, which speeds up both. The form
    is phenomenological: first-order unblocking and a plain second order give neither the late start
    of a fully blocked mixture nor the slow end of a partly blocked one.
    """
    U = OH0 - y[OH]
    r1 = k_unblock * (1.0 + beta * U) * y[BLOCKED]
    r2 = k_gel * (1.0 + gamma * U) * y[FREE] * y[OH]
    out[BLOCKED], out[FREE], out[OH] = -r1, r1 - r2, -r2


def hydroxyl(
    t_s: Array, y0: Array, k_unblock: float, k_gel: float, beta: float, gamma: float
) -> Array:
    """Hydroxyl [mol/m3] at ascending times [s], from the concentrations ``y0`` at 0 s."""
    fastest = k_unblock * (1.0 + beta * y0[OH])
    fastest += k_gel * (1.0 + gamma * y0[OH]) * (y0[BLOCKED] + y0[FREE] + y0[OH])
    found = np.empty(t_s.size)
    _march(t_s, y0.copy(), STEP_SHARE / fastest, k_unblock, k_gel, beta, gamma, found)
    return found


@allocating
def _march(
    t_s: Array, y: Array, longest: float, k_unblock: float, k_gel: float, beta: float,
    gamma: float, found: Array,
) -> None:  # fmt: skip
    """Classical Runge-Kutta of fourth order between the times of the output."""
    OH0, t = y[OH], 0.0
    k1, k2, k3, k4 = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for i in range(t_s.size):
        steps = int(np.ceil((t_s[i] - t) / longest))
        h = (t_s[i] - t) / max(steps, 1)
        for _ in range(steps):
            slopes(y, OH0, k_unblock, k_gel, beta, gamma, k1)
            slopes(y + 0.5 * h * k1, OH0, k_unblock, k_gel, beta, gamma, k2)
            slopes(y + 0.5 * h * k2, OH0, k_unblock, k_gel, beta, gamma, k3)
            slopes(y + h * k3, OH0, k_unblock, k_gel, beta, gamma, k4)
            for m in range(3):
                y[m] += h / 6.0 * (k1[m] + 2.0 * k2[m] + 2.0 * k3[m] + k4[m])
        t = t_s[i]
        found[i] = y[OH]
