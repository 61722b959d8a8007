"""Shared parts of backends that advance one integrator step at a time.

Events are looked for between the ends of each step and located on the integrator's own
interpolation, so every such backend finds the same events in the same order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import brentq

from twin_core.arrays import Array, Parameters
from twin_core.errors import BudgetExceeded
from twin_core.solvers.base import Hit, OdeProblem, Segment

TIME_TOLERANCE_S = 1e-10
"""Of an event within its step: far below what the integration itself knows."""


class Stepper(Protocol):
    """An integrator on its way through one segment."""

    def step(self) -> tuple[float, Array]:
        """Advance by one step of its own choice, never past the end; time and state there.

        Raises:
            SolverError: the integrator failed, or time stands still.
        """
        ...

    def dense(self, times: Array) -> Array:
        """States, shape (times, states), at ascending times within the last step."""
        ...


@dataclass
class CountedRhs:
    """The right-hand side of one mode, with its evaluations counted against the budget."""

    problem: OdeProblem
    parameters: Parameters
    budget: int
    count: int = 0

    def __call__(self, t: float, y: Array, dy: Array) -> None:
        """Write the derivative at ``t`` into ``dy``.

        Raises:
            BudgetExceeded: one evaluation more than allowed.
        """
        self.count += 1
        if self.count > self.budget:
            raise BudgetExceeded(
                f"more than the allowed evaluations of the model by t = {t:.3f} s "
                f"({self.budget} were left for this segment); raise simulation.max_evaluations "
                "or check the scenario for extreme values"
            )
        self.problem.rhs(t, y, self.parameters, dy)


def walk(
    stepper: Stepper,
    rhs: CountedRhs,
    t0: float,
    y0: Array,
    save_at: Array,
    active: frozenset[str],
) -> Segment:
    """Step to the end of the segment or its first terminal event; see ``Backend.integrate``."""
    problem = rhs.problem

    out = np.empty(len(problem.event_names))

    def values(t: float, y: Array) -> list[float]:
        problem.events(t, y, rhs.parameters, out)
        return out.tolist()

    def crossing(i: int, start: float, end: float) -> Hit:
        """Time at which event number ``i`` rises through zero in the last step."""

        def value(t: float) -> float:
            return values(t, stepper.dense(np.array([t]))[0])[i]

        # the interpolation meets the states at the ends of the step to the tolerance only
        if value(start) >= 0.0:
            root = start
        elif value(end) < 0.0:
            root = end
        else:
            root = float(brentq(value, start, end, xtol=TIME_TOLERANCE_S))
        return Hit(problem.event_names[i], root, stepper.dense(np.array([root]))[0])

    t, y, steps, saved = t0, y0, 0, 0
    save_times: list[float] = save_at.tolist()
    rows: list[Array] = []
    passed: list[Hit] = []
    open_ = [i for i, name in enumerate(problem.event_names) if name in active]
    before = values(t0, y0)
    stop: Hit | None = None
    while stop is None and t < problem.t_end_s:
        start = t
        t, y = stepper.step()
        steps += 1
        after = values(t, y)
        hits = [(i, crossing(i, start, t)) for i in open_ if before[i] < 0.0 <= after[i]]
        before = after
        ends = [hit for _, hit in hits if hit.name in problem.terminal]
        stop = min(ends, key=lambda hit: hit.t_s, default=None)
        limit = t if stop is None else stop.t_s
        for i, hit in hits:
            if hit.name not in problem.terminal and hit.t_s <= limit:
                passed.append(hit)
                open_.remove(i)
        upto = (bisect_right if stop is None else bisect_left)(save_times, limit, saved)
        if upto > saved:
            rows.append(stepper.dense(save_at[saved:upto]))
            saved = upto
    states = np.concatenate(rows) if rows else np.empty((0, len(y0)))
    return Segment(states, passed, stop, rhs.count, steps)
