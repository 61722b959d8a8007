"""``optimize``: random candidates, a search from them, a check on fresh draws, the reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twin_core.errors import InputError
from twin_core.optimization import front as fr
from twin_core.optimization.advise import finish
from twin_core.optimization.assemble import result_of
from twin_core.optimization.evaluation import THREADS, Stopped
from twin_core.optimization.result import OptimizationResult, Progress
from twin_core.optimization.search import all_phases
from twin_core.optimization.state import State
from twin_core.optimization.task import OptimizationTask


def optimize(
    task: OptimizationTask,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    start: Sequence[Mapping[str, float]] | None = None,
    threads: int | None = None,
) -> OptimizationResult:
    """Look for better settings; the same task gives the same result.

    Args:
        progress: told after each block of simulations, in this thread.
        cancelled: asked as often; True ends the search, and what there is is returned.
        start: ``population`` of an earlier result.
        threads: that simulate; None: one for each core.

    Raises:
        InputError: bounds or limits cannot be, today's shot cannot be simulated, pymoo is missing.
    """
    if task.scenario.mold.open:
        raise InputError("optimize: an open cup has no mold to open: choose a closed mold")
    if len(task.goals) > 1:
        fr.non_dominated(np.zeros((1, len(task.goals))))  # pymoo is there, or it is said now
    told = progress or (lambda _: None)
    state = State(task, lambda: told(_progress(state)), cancelled or (lambda: False))
    before = THREADS.set(threads)
    try:
        all_phases(state, start or ())
        finish(state)
    except Stopped:
        state.partial = True
    finally:
        THREADS.reset(before)
    return result_of(state)


def _progress(state: State) -> Progress:
    total = state.task.candidates
    return Progress(
        state.phase,
        min(max(state.tried, 0), total),
        total,
        state.earlier_simulations + state.evaluator.simulated + state.checks,
        state.best_so_far(),
        lambda: result_of(state, partial=True),
    )
