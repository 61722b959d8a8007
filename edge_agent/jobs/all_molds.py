"""Optimisation of many molds: one after the other on all cores, or as Ray tasks, a mold each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from edge_agent.learning.parallel import have_ray, in_parallel
from twin_core.errors import InputError, TwinError
from twin_core.optimization.result import OptimizationResult, Progress
from twin_core.optimization.run import optimize
from twin_core.optimization.task import OptimizationTask


class MoldResult(NamedTuple):
    """What was found for a mold."""

    mold_id: str
    system_id: str
    result: OptimizationResult | None
    problem: str = ""
    """Why there is no result."""
    is_input: bool = False
    """The problem lies in what was given, not in the solver."""


def optimize_all(
    tasks: Mapping[str, OptimizationTask],
    told: Callable[[str, Progress], None],
    cancelled: Callable[[], bool],
    ray: bool | None = None,
) -> Iterator[MoldResult]:
    """Optimise each mold; a mold whose search fails does not end the others.

    Args:
        tasks: by mold.
        told: told of the mold that is searched and how far it is; not by Ray tasks.
        cancelled: asked as often, and between molds: what there is of the mold is the last result.
        ray: a task a mold; None: where Ray is installed and there are several molds.
    """
    molds = list(tasks.items())
    if have_ray() and len(molds) > 1 if ray is None else ray:
        for found in in_parallel(one_mold, molds, ray=True):
            yield found
            if cancelled():
                return
        return
    for mold_id, task in molds:
        if cancelled():
            return
        yield _found(mold_id, task, partial(told, mold_id), cancelled, None)


def one_mold(mold: tuple[str, OptimizationTask], workers: int | None) -> MoldResult:
    """One mold, wherever there is a core for it."""
    return _found(*mold, lambda _: None, lambda: False, workers)


def _found(
    mold_id: str,
    task: OptimizationTask,
    told: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    threads: int | None,
) -> MoldResult:
    system_id = task.scenario.system.system_id
    try:
        found = optimize(task, progress=told, cancelled=cancelled, threads=threads)
    except TwinError as error:
        return MoldResult(mold_id, system_id, None, str(error), isinstance(error, InputError))
    return MoldResult(mold_id, system_id, found)
