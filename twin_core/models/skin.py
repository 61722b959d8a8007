"""The surface of the foam: a particle without thickness that has the temperature of its wall.

A layer has the mean of its thickness; the surface itself is colder than any of them, and it is what
sticks. Its conversion follows the rates of the foam at its own temperature.
"""

from __future__ import annotations

import math
from typing import Any

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.models import foam as f
from twin_core.models import state as s

SMALLEST_MOL = 1e-12


@compiled
def _temperature(y: Array, n: int, side: int, p: Any, c: Any) -> float:
    """Of the surface [K]: the wall, or in a cup a share of the warmth of the core."""
    if p.is_open > 0.0:
        return float(c.T_ambient + c.surface_warmth * (y[s.T] - c.T_ambient))
    return float(y[s.LAYER_STATES * n + s.WALL_1 + side])


@compiled
def _decay(OH: float, W: float, T: float, V_liquid: float, p: Any) -> tuple[float, float]:
    """Rates relative to the amounts [1/s]."""
    r1, r2 = f.reaction_rates(OH, W, T, V_liquid, p)
    return r1 / max(OH, SMALLEST_MOL), r2 / max(W, SMALLEST_MOL)


@compiled
def surface(t: Array, y: Array, rows: int, p: Any, c: Any, out: Array) -> None:
    """OH conversion of the less cured surface at each time, into ``out`` (times,).

    Exponential midpoint rule from row to row.
    """
    n = s.layer_count(y.shape[1])
    sides = 1 if p.is_open > 0.0 or p.sides > 1.0 else 2
    for side in range(sides):
        j = 0 if side == 0 else s.LAYER_STATES * (n - 1)
        OH, W = p.n_OH0, p.n_W0
        for k in range(rows):
            if k > 0:
                dt = t[k] - t[k - 1]
                T0 = _temperature(y[k - 1], n, side, p, c)
                T1 = _temperature(y[k], n, side, p, c)
                V = f.volumes(y[k, j + s.CO2], y[k, j + s.BA], p)[0]
                a, b = _decay(OH, W, T0, V, p)
                half = 0.5 * dt
                a, b = _decay(
                    OH * math.exp(-a * half), W * math.exp(-b * half), 0.5 * (T0 + T1), V, p
                )
                OH *= math.exp(-a * dt)
                W *= math.exp(-b * dt)
            X = 1.0 - OH / p.n_OH0
            out[k] = X if side == 0 else min(out[k], X)
