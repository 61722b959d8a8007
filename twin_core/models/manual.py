"""The backend ``manual``: our own compiled integrator, for the foam model alone."""

from __future__ import annotations

import math

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import BudgetExceeded, SolverError
from twin_core.models import heat_balance as account
from twin_core.models import layers
from twin_core.models import state as s
from twin_core.models import step_loop as march
from twin_core.solvers.base import OdeProblem, OdeSolution, Statistics, Tolerances


def break_events(problem: OdeProblem) -> Array:
    """(events,) whether a step has to end there: a mode changes or a law has a kink."""
    closed = float(problem.parameters["is_open"][0]) <= 0.0
    return np.array([False, True, closed, closed])


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
        record = new_record(save_at_s, problem.y0.size)
        outcome, reached = march.march(
            s.layer_count(problem.y0.size),
            problem.parameters.copy(),
            problem.y0,
            problem.scale,
            tolerances.rtol,
            problem.t_end_s,
            break_events(problem),
            budget,
            True,
            record,
        )
        if outcome != march.DONE:
            raise error_of(outcome, reached, budget)
        return solution_of(record)


def new_record(save_at_s: Array, states: int) -> march.Record:
    """Space to write a run down."""
    events = len(s.EVENTS)
    return march.Record(
        save_at=save_at_s,
        y=np.empty((save_at_s.size, states)),
        modes=np.empty(events + 1, s.PARAMETERS),
        first=np.empty(events + 1, np.int64),
        event_t=np.empty(events),
        event_y=np.empty((events, states)),
        counts=np.empty(4, np.int64),
        heat=np.empty(account.ACCOUNTS),
    )


def solution_of(record: march.Record) -> OdeSolution:
    """A run that was written down, as every backend returns it."""
    times, counts = record.event_t.tolist(), record.counts.tolist()
    happened = sorted((t, i) for i, t in enumerate(times) if not math.isnan(t))
    segments = counts[march.SEGMENTS]
    modes = [(first, record.modes[i : i + 1]) for i, first in enumerate(record.first.tolist())]
    return OdeSolution(
        t_s=record.save_at,
        y=record.y,
        heat=record.heat,
        events={s.EVENTS[i]: t for t, i in happened},
        statistics=Statistics(
            ManualBackend.name,
            evaluations=counts[march.EVALUATIONS],
            steps=counts[march.STEPS],
            segments=segments,
            rejected=counts[march.REJECTED],
        ),
        y_at={s.EVENTS[i]: record.event_y[i] for _, i in happened},
        modes=modes[:segments],
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
