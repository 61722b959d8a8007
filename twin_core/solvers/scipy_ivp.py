"""SciPy's LSODA behind the backend protocol."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import LSODA
from scipy.optimize import brentq

from twin_core.errors import BudgetExceeded, SolverError
from twin_core.solvers.base import Array, Hit, OdeProblem, Parameters, Segment, Tolerances, Walking


class ScipyBackend(Walking):
    """LSODA switches between a stiff and a non-stiff method by itself: both phases of a shot."""

    name = "solve_ivp"

    def integrate(
        self,
        problem: OdeProblem,
        parameters: Parameters,
        t0: float,
        y0: Array,
        save_at: Array,
        active: frozenset[str],
        tolerances: Tolerances,
        budget: int,
    ) -> Segment:
        """See ``Backend.integrate``."""
        rhs, names = problem.rhs, problem.event_names
        count = 0

        def fun(t: float, y: Array) -> Array:
            nonlocal count
            count += 1
            if count > budget:
                raise BudgetExceeded(
                    f"more than the allowed evaluations of the model by t = {t:.3f} s "
                    f"({budget} were left for this segment); raise simulation.max_evaluations "
                    "or check the scenario for extreme values"
                )
            dy = np.empty_like(y)
            rhs(t, y, parameters, dy)
            return dy

        def values(t: float, y: Array) -> Array:
            out = np.empty(len(names))
            problem.events(t, y, parameters, out)
            return out

        solver = LSODA(
            fun,
            t0,
            y0,
            problem.t_end_s,
            first_step=min(1e-3, problem.t_end_s - t0),
            rtol=tolerances.rtol,
            atol=tolerances.absolute(problem.scale),
        )
        rows: list[Array] = []
        passed: list[Hit] = []
        before, saved, steps = values(t0, y0), 0, 0
        while solver.status == "running":
            message = solver.step()
            if solver.status == "failed":
                raise SolverError(f"LSODA failed at t = {solver.t:.3f} s: {message}")
            steps += 1
            dense = solver.dense_output()
            after = values(solver.t, solver.y)
            hits: list[Hit] = []
            for i, name in enumerate(names):
                open_ = name in active and all(name != h.name for h in passed)
                if open_ and before[i] < 0.0 <= after[i]:
                    root = brentq(
                        _value_along(values, dense, i), solver.t_old, solver.t, xtol=1e-10
                    )
                    hits.append(Hit(name, float(root), np.asarray(dense(root))))
            before = after
            stop = min((h for h in hits if h.name in problem.terminal), key=_time, default=None)
            limit = solver.t if stop is None else stop.t_s
            passed.extend(h for h in hits if h.name not in problem.terminal and h.t_s <= limit)
            upto = int(np.searchsorted(save_at, limit, side="right" if stop is None else "left"))
            if upto > saved:
                rows.append(np.asarray(dense(save_at[saved:upto])).T)
                saved = upto
            if stop is not None:
                return Segment(_stack(rows, y0), passed, stop, count, steps, stop.y)
        return Segment(_stack(rows, y0), passed, None, count, steps, np.asarray(solver.y))


def _value_along(
    values: Callable[[float, Array], Array], dense: Callable[[float], Array], i: int
) -> Callable[[float], float]:
    """Value of the event number ``i`` along one step."""
    return lambda t: float(values(t, dense(t))[i])


def _time(hit: Hit) -> float:
    return hit.t_s


def _stack(rows: list[Array], like: Array) -> Array:
    return np.concatenate(rows) if rows else np.empty((0, len(like)))
