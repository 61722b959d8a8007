"""A whole shot in compiled code: Rodas5P on the layers, with events, modes and output.

The loop of ``solvers.base.solve`` and of an adaptive step in one, compiled together with the
right-hand side, so that a shot needs no call back into Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.compiled import allocating, compiled, copy
from twin_core.models import heat_balance as account
from twin_core.models import layers, newton
from twin_core.models import state as s
from twin_core.solvers import rosenbrock as ros

DONE, BUDGET, FAILED = range(3)
EVALUATIONS, STEPS, REJECTED, SEGMENTS = range(4)
EVENT_COUNT = len(s.EVENTS)
SMALLEST_STEP = 1e-13
"""Of the time reached; a step below it goes nowhere."""
TIME_DIFFERENCE_S = 1e-6
EVENT_TOLERANCE_S = 1e-10
NUCLEATION_SPAN = 8.0
"""The nucleation factor is 1 to rounding after so many nucleation times."""


class Record(NamedTuple):
    """Where a run is written down."""

    save_at: Array
    """Ascending times; ``y`` (times, states) is filled."""
    y: Array
    modes: Parameters
    """(events + 1,), the parameters of each mode, and the first row of ``y`` that belongs to it; as
    many as there are segments."""
    first: Any
    event_t: Array
    """(events,), NaN where it did not happen, and the states there (events, states)."""
    event_y: Array
    counts: Any
    """(4,), evaluations of the model, steps, rejected steps, segments."""
    heat: Array
    """``account.ACCOUNTS``, if the heat is counted."""


@compiled
def evaluate(t: float, y: Array, n: int, p: Any, work: Array, q: Array, dy: Array) -> float:
    """The right-hand side, what ``foam`` found, and the pressure."""
    P = layers.pressure(y, n, p)
    layers.all_foam(t, y, n, P, p, work)
    layers.assemble(y, n, P, p, work, q, dy)
    return P


@compiled
def _stages(
    t: float, h: float, y: Array, dy: Array, by_time: Array, moving: bool, n: int, p: Any,
    space: newton.Space, k: Array, y1: Array,
) -> None:  # fmt: skip
    """One step of Rodas5P: the stages ``k`` and the new state ``y1``."""
    newton.factor(1.0 / (h * ros.GAMMA), n, space)
    for stage in range(ros.STAGES):
        r = k[stage]
        if stage == 0:
            copy(dy, r)
        else:
            ros.stage_state(stage, y, k, y1)
            evaluate(t + ros.TIME[stage] * h, y1, n, p, space.trial, space.q, r)
            ros.add_coupling(stage, h, k, r)
        if moving:
            for m in range(r.size):
                r[m] += h * ros.D[stage] * by_time[m]
        newton.solve(r, n, space)
    for m in range(y1.size):
        y1[m] += k[ros.STAGES - 1, m]


@allocating
def _events(
    t: float, h: float, y: Array, y1: Array, weights: Array, n: int, p: Any, breaks: Any,
    before: Array, after: Array, space: newton.Space, record: Record,
) -> tuple[float, int]:  # fmt: skip
    """Write down the events of a step, up to the first that must end it: its share and number."""
    x_break, breaking, hits = 2.0, -1, np.full(EVENT_COUNT, -1.0)
    for e in range(EVENT_COUNT):
        if np.isnan(record.event_t[e]) and before[e] < 0.0 <= after[e]:
            hits[e] = _root(e, y, y1, weights, n, p, h, before[e], after[e], space.changed)
            if breaks[e] and hits[e] < x_break:
                x_break, breaking = hits[e], e
    for e in range(EVENT_COUNT):
        if 0.0 <= hits[e] <= x_break:
            record.event_t[e] = t + hits[e] * h
            ros.dense_state(hits[e], y, y1, weights, record.event_y[e])
    return x_break, breaking


@allocating
def _root(
    event: int, y0: Array, y1: Array, weights: Array, n: int, p: Any, h: float, v0: float,
    v1: float, probe: Array,
) -> float:  # fmt: skip
    """Share of the step at which an event value passes zero: bisection sped up (Illinois)."""
    values = np.empty(EVENT_COUNT)
    x0, x1, side, x_last = 0.0, 1.0, 0, 2.0
    for _ in range(60):
        x = (x0 * v1 - x1 * v0) / (v1 - v0)
        if not x0 < x < x1:
            x = 0.5 * (x0 + x1)
        if abs(x - x_last) * h < EVENT_TOLERANCE_S:
            return x
        x_last = x
        ros.dense_state(x, y0, y1, weights, probe)
        layers.event_row(probe, n, layers.pressure(probe, n, p), p, values)
        v = values[event]
        if v >= 0.0:
            x1, v1 = x, v
            if side == 1:
                v0 *= 0.5
            side = 1
        else:
            x0, v0 = x, v
            if side == -1:
                v1 *= 0.5
            side = -1
    return x1


@allocating
def march(
    n: int, params: Parameters, y0: Array, scale: Array, rtol: float, t_end: float,
    breaks: Any, budget: int, count_heat: bool, record: Record,
) -> tuple[int, float]:  # fmt: skip
    """Integrate from 0 to ``t_end``.

    Args:
        n: layers.
        params: of the first mode; changed in place when the mode changes.
        breaks: (events,), whether a step must end there, because a law has a kink.
        budget: most evaluations of the model.
        count_heat: keep the heat account.

    Returns:
        How it ended, and the time reached [s].
    """
    p, ns = params[0], y0.size
    space, counts = newton.space(ns), record.counts
    k, weights = np.zeros((ros.STAGES, ns)), np.empty((3, ns))
    y, y1, dy, by_time = y0.copy(), y0.copy(), np.empty(ns), np.zeros(ns)
    before, after = np.empty(EVENT_COUNT), np.empty(EVENT_COUNT)
    record.event_t[:] = np.nan
    record.heat[:] = 0.0
    counts[:] = 0
    counts[SEGMENTS] = 1
    record.modes[0] = p
    record.first[0] = 0
    t, h, saved, grow = 0.0, min(ros.FIRST_STEP_S, t_end), 0, True
    if record.save_at[0] <= 0.0:
        copy(y, record.y[0])
        saved = 1
    P = evaluate(t, y, n, p, space.work, space.q, dy)
    layers.event_row(y, n, P, p, before)
    while t < t_end:
        newton.differentiate(t, y, dy, n, P, p, scale, space)
        counts[EVALUATIONS] += s.LAYER_STATES + 2  # as if all layers were evaluated each time
        moving = p.t_nucleation > 0.0 and t < NUCLEATION_SPAN * p.t_nucleation
        if moving:
            evaluate(t + TIME_DIFFERENCE_S, y, n, p, space.trial, space.q, by_time)
            for m in range(ns):
                by_time[m] = (by_time[m] - dy[m]) / TIME_DIFFERENCE_S
            counts[EVALUATIONS] += 1
        while True:  # smaller until the error is allowed
            if counts[EVALUATIONS] > budget:
                return BUDGET, t
            if h < SMALLEST_STEP * max(t, 1e-3):
                return FAILED, t
            last = t + h >= t_end
            if last:
                h = t_end - t
            _stages(t, h, y, dy, by_time, moving, n, p, space, k, y1)
            counts[EVALUATIONS] += ros.STAGES - 1
            error = ros.error_norm(k[ros.STAGES - 1], scale, rtol)
            factor = ros.step_factor(error)
            if error <= 1.0:
                break
            counts[REJECTED] += 1
            h *= min(factor, ros.SAFETY)
            grow = False
        counts[STEPS] += 1
        t1 = t_end if last else t + h
        layers.event_row(y1, n, layers.pressure(y1, n, p), p, after)
        ros.dense_weights(k, weights)
        x_break, breaking = _events(
            t, h, y, y1, weights, n, p, breaks, before, after, space, record
        )
        reached = t1 if breaking < 0 else t + x_break * h
        if count_heat:
            share = min(1.0, x_break)
            account.add_step(share, y, y1, weights, n, p, space.changed, record.heat)
            ros.dense_state(share, y, y1, weights, space.changed)
            account.settle(space.changed, n, p, record.heat)
        while saved < record.save_at.size and record.save_at[saved] <= reached:
            x = min((record.save_at[saved] - t) / h, 1.0)
            ros.dense_state(x, y, y1, weights, record.y[saved])
            saved += 1
        if breaking < 0:
            copy(y1, y)
        else:
            copy(record.event_y[breaking], y)
            layers.enter_mode(breaking, y, params)
            record.modes[counts[SEGMENTS]] = p
            record.first[counts[SEGMENTS]] = saved
            counts[SEGMENTS] += 1
        t = reached
        h *= factor if grow else min(factor, 1.0)
        grow = True
        P = evaluate(t, y, n, p, space.work, space.q, dy)
        layers.event_row(y, n, P, p, before)
    for m in range(ns):
        if not np.isfinite(y[m]):
            return FAILED, t
    return DONE, t
