"""The backend ``manual``: our own compiled integrator, for the foam model alone."""

from __future__ import annotations

import numpy as np

from twin_core.errors import BudgetExceeded, SolverError
from twin_core.models import heat_balance as account
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.models import step_loop as march
from twin_core.solvers.base import Array, OdeProblem, OdeSolution, Statistics, Tolerances


def break_events(problem: OdeProblem) -> Array:
    """(events,) whether a step has to end there: a mode changes or a law has a kink."""
    closed = problem.parameters[0]["is_open"] <= 0.0
    kink_at_gel = closed or problem.parameters[0]["gel_width"] > 0.0
    return np.array([False, kink_at_gel, closed, closed])


class ManualBackend:
    """Rodas5P compiled together with the layers: the default."""

    name = "manual"

    def solve(
        self, problem: OdeProblem, save_at_s: Array, tolerances: Tolerances, budget: int
    ) -> OdeSolution:
        """See ``Solver.solve``.

        Raises:
            BudgetExceeded, SolverError: the integration ended early.
        """
        if problem.rhs is not layers.rhs:
            raise SolverError("backend manual is compiled with the foam model and solves no other")
        record = new_record(save_at_s, problem.y0.size, problem.t_end_s)
        outcome, reached = march.march(
            problem.parameters.copy(),
            problem.y0,
            problem.scale,
            tolerances.rtol,
            problem.t_end_s,
            break_events(problem),
            budget,
            record,
        )
        y, event_t, event_y, counts = record.y, record.event_t, record.event_y, record.counts
        if outcome != march.DONE or not np.isfinite(y[-1]).all():
            raise error_of(outcome, reached, budget)
        happened = [int(i) for i in np.argsort(event_t) if not np.isnan(event_t[i])]
        return OdeSolution(
            t_s=save_at_s,
            y=y,
            seen=record.seen,
            heat=record.heat,
            events={s.EVENTS[i]: float(event_t[i]) for i in happened},
            statistics=Statistics(self.name, *(int(counts[i]) for i in (0, 1, 3, 2))),
            y_at={s.EVENTS[i]: event_y[i] for i in happened},
        )


def new_record(save_at_s: Array, states: int, heat_until_s: float) -> march.Record:
    """Space to write a run down."""
    events = len(s.EVENTS)
    return march.Record(
        save_at=save_at_s,
        y=np.empty((save_at_s.size, states)),
        seen=np.empty((save_at_s.size, len(s.OBSERVABLES))),
        event_t=np.empty(events),
        event_y=np.empty((events, states)),
        counts=np.empty(4, np.int64),
        heat=np.empty(account.ACCOUNTS),
        heat_until=heat_until_s,
    )


def error_of(outcome: int, reached_s: float, budget: int) -> SolverError | BudgetExceeded:
    """Why a run ended early."""
    if outcome == march.BUDGET:
        return BudgetExceeded(
            f"more than the allowed {budget} evaluations of the model by t = {reached_s:.3f} s; "
            "raise simulation.max_evaluations or check the scenario for extreme values"
        )
    return SolverError(
        f"backend manual: the step became too small or the state not finite at "
        f"t = {reached_s:.3f} s: check the scenario for extreme values"
    )
