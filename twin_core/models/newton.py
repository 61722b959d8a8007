"""The linear systems (a I - J) k = r of an implicit step, using how the layers hang together.

The amounts of a layer depend on the layer itself and on the one pressure; only temperatures, walls
and air depend on everything. So the four amounts of each layer are eliminated on the spot, with the
change of the pressure as one more unknown, and what is left is a small dense system of layers + 6.
J is taken by one-sided differences, layer by layer: an evaluation of the model of one layer each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.compiled import allocating, compiled, copy
from twin_core.models import derivatives, layers
from twin_core.models import foam as f
from twin_core.models import state as s
from twin_core.units import M_CO2_KG_PER_MOL, R_J_PER_MOL_K

AMOUNTS = 4
DIFFERENCE = 1e-7
"""Relative difference: about the root of the rounding error of the model."""
SMALLEST = 1e-3
"""Of the scale of a state: below it the difference is relative to this share of the scale."""


@compiled
def border_column(b: int, n: int) -> int:
    """Place in the state of unknown ``b`` of the dense system: temperatures, then the tail."""
    return s.LAYER_STATES * b + s.T if b < n else (s.LAYER_STATES - 1) * n + b


@compiled
def pressure_gradient(y: Array, n: int, P: float, p: Any, out: Array) -> None:
    """dP/dy of the cells into ``out`` (states,), from V_foam + V_air = V_mold; see ``gas``."""
    end = s.LAYER_STATES * n
    out[:] = 0.0
    if p.is_open > 0.0:
        out[end + s.STRESS] = 1.0
        return
    n_T = 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        n_T += p.share[i] * f.volumes(y[j + s.CO2], y[j + s.BA], p)[1] * y[j + s.T]
    P_air = P - y[end + s.STRESS]
    air = R_J_PER_MOL_K * y[end + s.AIR] * p.T_air / (P_air * P_air)
    below = R_J_PER_MOL_K * n_T / (P * P) + air
    for i in range(n):
        j, share = s.LAYER_STATES * i, p.share[i] / below
        n_cells = f.volumes(y[j + s.CO2], y[j + s.BA], p)[1]
        per_mol = R_J_PER_MOL_K * y[j + s.T] / P
        out[j + s.CO2] = share * (per_mol - M_CO2_KG_PER_MOL / p.rho_liquid)
        out[j + s.BA] = share * (per_mol - p.M_agent / p.rho_agent)
        out[j + s.T] = share * R_J_PER_MOL_K * n_cells / P
    out[end + s.STRESS] = air / below
    out[end + s.AIR] = R_J_PER_MOL_K * p.T_air / (P_air * below)


class Space(NamedTuple):
    """Arrays that a run works in, made once."""

    work: Array
    """(layers, foam columns), what ``foam`` found at the point; ``trial`` elsewhere."""
    trial: Array
    q: Array
    """(layers + 1,), heat across the faces."""
    stack: Array
    """(layers, ``derivatives.STACK``)."""
    changed: Array
    """(states,), a derivative."""
    local: Array
    """(layers, 4, 5), amounts of a layer by its own state, at constant pressure."""
    border: Array
    """(layers + 5, states), temperatures and tail by everything, at constant pressure."""
    by_pressure: Array
    """(states,), all by the pressure."""
    gradient: Array
    """(states,), the pressure by all."""
    inverse: Array
    """(layers, 4, 4), of the amounts; ``by_T, by_P`` (layers, 4): what they answer to those."""
    by_T: Array
    by_P: Array
    dense: Array
    """(layers + 6, layers + 6), in LU form with its row exchanges, and its unknowns."""
    order: Any
    unknowns: Array


@allocating
def space(ns: int) -> Space:
    """For so many states."""
    n = s.layer_count(ns)
    nb = n + s.TAIL_STATES
    return Space(
        np.empty((n, f.FOAM_COLUMNS)),
        np.empty((n, f.FOAM_COLUMNS)),
        np.zeros(n + 1),
        np.empty((n, derivatives.STACK)),
        np.empty(ns),
        np.zeros((n, AMOUNTS, s.LAYER_STATES)),
        np.zeros((nb, ns)),
        np.zeros(ns),
        np.zeros(ns),
        np.empty((n, AMOUNTS, AMOUNTS)),
        np.empty((n, AMOUNTS)),
        np.empty((n, AMOUNTS)),
        np.empty((nb + 1, nb + 1)),
        np.empty(nb + 1, np.int64),
        np.empty(nb + 1),
    )


@compiled
def differentiate(
    t: float, y: Array, dy: Array, n: int, P: float, p: Any, scale: Array, space: Space
) -> None:
    """J in parts, into ``local``, ``border``, ``by_pressure`` and ``gradient`` of ``space``.

    ``dy`` and ``space.work`` are those of this state.
    """
    ns = y.size
    work, trial, q, changed = space.work, space.trial, space.q, space.changed
    local, border, by_pressure = space.local, space.border, space.by_pressure
    if n > 1 and p.area > 0.0:
        derivatives.columns(
            t, y, n, P, p, scale, DIFFERENCE, SMALLEST, work, trial[0], q, space.stack, local,
            border,
        )  # fmt: skip
    else:
        _by_whole(t, y, dy, n, P, p, scale, space)
    if p.is_open <= 0.0 or p.alpha_gel < 1.0:
        d = DIFFERENCE * P
        layers.all_foam(t, y, n, P + d, p, trial)
        layers.assemble(y, n, P + d, p, trial, q, changed)
        for at in range(ns):
            by_pressure[at] = (changed[at] - dy[at]) / d
    pressure_gradient(y, n, P, p, space.gradient)


@compiled
def _by_whole(
    t: float, y: Array, dy: Array, n: int, P: float, p: Any, scale: Array, space: Space
) -> None:
    """As ``derivatives.columns``, with the whole stack evaluated for each column."""
    nb, ns = n + s.TAIL_STATES, y.size
    work, trial, q, changed = space.work, space.trial, space.q, space.changed
    local, border = space.local, space.border
    for i in range(n):
        copy(work[i], trial[i])
    for column in range(ns - 2):  # air acts through the pressure alone, the heat on nothing
        i, kept = column // s.LAYER_STATES, y[column]
        d = DIFFERENCE * max(abs(kept), SMALLEST * scale[column])
        if column == s.LAYER_STATES * n + s.STRESS:
            d = DIFFERENCE * P
        y[column] = kept + d
        d = y[column] - kept
        if i < n:
            j = s.LAYER_STATES * i
            f.foam(t, y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4], P, p, trial[i])
        layers.assemble(y, n, P, p, trial, q, changed)
        for b in range(nb):
            at = border_column(b, n)
            border[b, column] = (changed[at] - dy[at]) / d
        if i < n:
            for row in range(AMOUNTS):
                at = s.LAYER_STATES * i + row
                local[i, row, column % s.LAYER_STATES] = (changed[at] - dy[at]) / d
            copy(work[i], trial[i])
        y[column] = kept


@compiled
def _bring_up(m: Array, n: int, k: int, order: Any) -> None:
    """Exchange row ``k`` with the one below that has the largest entry in column ``k``."""
    best = k
    for i in range(k + 1, n):
        if abs(m[i, k]) > abs(m[best, k]):
            best = i
    order[k] = best
    if best != k:
        for j in range(n):
            m[k, j], m[best, j] = m[best, j], m[k, j]


@compiled
def _invert(m: Array, order: Any) -> None:
    """Inverse of the matrix of the amounts in place: Gauss and Jordan with row exchange."""
    n = AMOUNTS  # a constant: the loops are unrolled
    for k in range(n):
        _bring_up(m, n, k, order)
        pivot = 1.0 / m[k, k]
        m[k, k] = 1.0
        for j in range(n):
            m[k, j] *= pivot
        for i in range(n):
            if i != k:
                factor = m[i, k]
                m[i, k] = 0.0
                for j in range(n):
                    m[i, j] -= factor * m[k, j]
    for k in range(n - 1, -1, -1):
        best = order[k]
        if best != k:
            for i in range(n):
                m[i, k], m[i, best] = m[i, best], m[i, k]


@compiled
def factor(a: float, n: int, space: Space) -> None:
    """Prepare ``solve`` for this ``a``."""
    local, border, by_pressure, gradient = (
        space.local, space.border, space.by_pressure, space.gradient,
    )  # fmt: skip
    inverse, by_T, by_P, dense = space.inverse, space.by_T, space.by_P, space.dense
    nb = n + s.TAIL_STATES
    last = nb
    for b in range(nb):
        for c in range(nb):
            dense[b, c] = -border[b, border_column(c, n)]
        dense[b, b] += a
        dense[b, last] = -by_pressure[border_column(b, n)]
        dense[last, b] = -gradient[border_column(b, n)]
    dense[last, last] = 1.0
    for i in range(n):
        m, j = inverse[i], s.LAYER_STATES * i
        for row in range(AMOUNTS):
            for column in range(AMOUNTS):
                m[row, column] = -local[i, row, column]
            m[row, row] += a
        _invert(m, space.order)
        for row in range(AMOUNTS):
            to_T, to_P = 0.0, 0.0
            for column in range(AMOUNTS):
                to_T += m[row, column] * local[i, column, s.T]
                to_P += m[row, column] * by_pressure[j + column]
            by_T[i, row] = to_T
            by_P[i, row] = to_P
        for b in range(nb):
            for row in range(AMOUNTS):
                dense[b, i] -= border[b, j + row] * by_T[i, row]
                dense[b, last] -= border[b, j + row] * by_P[i, row]
        for row in range(AMOUNTS):
            dense[last, i] -= gradient[j + row] * by_T[i, row]
            dense[last, last] -= gradient[j + row] * by_P[i, row]
    _lu(dense, nb + 1, space.order)


@compiled
def _lu(m: Array, n: int, order: Any) -> None:
    """LU with row exchange in place; the diagonal of U as reciprocals."""
    for k in range(n):
        _bring_up(m, n, k, order)
        m[k, k] = 1.0 / m[k, k]
        for i in range(k + 1, n):
            m[i, k] *= m[k, k]
            entry = m[i, k]
            for j in range(k + 1, n):
                m[i, j] -= entry * m[k, j]


@compiled
def _lu_solve(m: Array, n: int, order: Any, g: Array) -> None:
    """Solve in place with what ``_lu`` left."""
    for k in range(n):
        best = order[k]
        if best != k:
            g[k], g[best] = g[best], g[k]
    for i in range(1, n):
        total = g[i]
        for j in range(i):
            total -= m[i, j] * g[j]
        g[i] = total
    for i in range(n - 1, -1, -1):
        total = g[i]
        for j in range(i + 1, n):
            total -= m[i, j] * g[j]
        g[i] = total * m[i, i]


@compiled
def solve(r: Array, n: int, space: Space) -> None:
    """Solve (a I - J) k = r in place."""
    border, gradient, inverse = space.border, space.gradient, space.inverse
    by_T, by_P, g = space.by_T, space.by_P, space.unknowns
    nb = n + s.TAIL_STATES
    for b in range(nb):
        g[b] = r[border_column(b, n)]
    g[nb] = 0.0
    for i in range(n):
        j, m = s.LAYER_STATES * i, inverse[i]
        u0 = m[0, 0] * r[j] + m[0, 1] * r[j + 1] + m[0, 2] * r[j + 2] + m[0, 3] * r[j + 3]
        u1 = m[1, 0] * r[j] + m[1, 1] * r[j + 1] + m[1, 2] * r[j + 2] + m[1, 3] * r[j + 3]
        u2 = m[2, 0] * r[j] + m[2, 1] * r[j + 1] + m[2, 2] * r[j + 2] + m[2, 3] * r[j + 3]
        u3 = m[3, 0] * r[j] + m[3, 1] * r[j + 1] + m[3, 2] * r[j + 2] + m[3, 3] * r[j + 3]
        r[j], r[j + 1], r[j + 2], r[j + 3] = u0, u1, u2, u3
        for b in range(nb):
            g[b] += (
                border[b, j] * u0
                + border[b, j + 1] * u1
                + border[b, j + 2] * u2
                + border[b, j + 3] * u3
            )
        g[nb] += (
            gradient[j] * u0 + gradient[j + 1] * u1 + gradient[j + 2] * u2 + gradient[j + 3] * u3
        )
    _lu_solve(space.dense, nb + 1, space.order, g)
    for i in range(n):
        j = s.LAYER_STATES * i
        for row in range(AMOUNTS):
            r[j + row] += by_T[i, row] * g[i] + by_P[i, row] * g[nb]
    for b in range(nb):
        r[border_column(b, n)] = g[b]


@allocating
def jacobian(t: float, y: Array, params: Parameters, scale: Array, out: Array) -> None:
    """The whole dense J of ``layers.rhs``, ``out`` (states, states), for solvers that want it."""
    p, ns = params[0], y.size
    n = s.layer_count(ns)
    state, dy, own = y.copy(), np.empty(ns), space(ns)
    P = layers.pressure(state, n, p)
    layers.all_foam(t, state, n, P, p, own.work)
    layers.assemble(state, n, P, p, own.work, own.q, dy)
    differentiate(t, state, dy, n, P, p, scale, own)
    for i in range(ns):
        for j in range(ns):
            out[i, j] = own.by_pressure[i] * own.gradient[j]
    for i in range(n):
        j = s.LAYER_STATES * i
        for row in range(AMOUNTS):
            for column in range(s.LAYER_STATES):
                out[j + row, j + column] += own.local[i, row, column]
    for b in range(n + s.TAIL_STATES):
        at = border_column(b, n)
        for j in range(ns):
            out[at, j] += own.border[b, j]
