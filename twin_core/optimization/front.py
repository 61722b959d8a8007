"""The front of several goals, by NSGA-II of pymoo; the only place that knows pymoo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.extras import how_to_install

LEAST_POPULATION = 24
Evaluate = Callable[[Array], tuple[Array, Array]]
"""Shares (candidates, dimensions) -> goals (candidates, goals), smaller is better, and what is
missed (candidates,), 0 where nothing is."""


class Front(NamedTuple):
    """Points that no other beats in all goals: places and goals, a row a point."""

    places: Array
    goals: Array


def population_size(candidates: int) -> int:
    """Members for a search of so many candidates."""
    return int(np.clip(candidates // 12, LEAST_POPULATION, 100))


def nsga2(
    evaluate: Evaluate,
    start: Array,
    goals: int,
    budget: Callable[[], int],
    seed: int,
    population: int,
) -> Front:
    """Look for the front of problems whose variables are shares 0..1.

    What is returned is the front of all that was evaluated, not of the last population alone.

    Args:
        start: first members (members, dimensions), from an earlier search or at random; what is
            missing up to ``population`` is drawn.
        goals: how many.
        budget: evaluations that are left; the last ones, too few for a generation, are not used.

    Raises:
        InputError: pymoo is not installed; says how to get it.
    """
    p = _pymoo()
    dimensions = start.shape[1]
    rng = np.random.default_rng(seed)
    more = max(population - len(start), 0)
    members = np.vstack([start, rng.random((more, dimensions))])[:population]
    problem = p.Problem(n_var=dimensions, n_obj=goals, n_ieq_constr=1, xl=0.0, xu=1.0)
    algorithm = p.NSGA2(pop_size=population, sampling=members)
    algorithm.setup(problem, termination=p.NoTermination(), seed=seed % 2**32, verbose=False)
    found = Front(np.empty((0, dimensions)), np.empty((0, goals)))
    while budget() > 0:
        asked = algorithm.ask()
        if asked is None or not len(asked) or budget() < len(asked):
            break
        places = asked.get("X")
        F, missed = evaluate(places)
        algorithm.evaluator.eval(p.StaticProblem(problem, F=F, G=missed[:, None]), asked)
        algorithm.tell(infills=asked)
        good = missed <= 0.0
        found = _merged(p, found, places[good], F[good])
    return found


def non_dominated(goals: Array) -> Array:
    """Numbers of the points that no other beats; of equal ones the first."""
    return _best(_pymoo(), goals)


def _best(p: Any, goals: Array) -> Array:
    if not len(goals):
        return np.empty(0, np.intp)
    _, first = np.unique(goals, axis=0, return_index=True)
    first = np.sort(first)
    return np.asarray(first[p.find_non_dominated(np.ascontiguousarray(goals[first]))])


def _merged(p: Any, found: Front, places: Array, goals: Array) -> Front:
    all_places = np.vstack([found.places, places])
    all_goals = np.vstack([found.goals, goals])
    best = _best(p, all_goals)
    return Front(all_places[best], all_goals[best])


class _Pymoo(NamedTuple):
    NSGA2: Any
    Problem: Any
    StaticProblem: Any
    NoTermination: Any
    find_non_dominated: Any


def _pymoo() -> _Pymoo:
    try:
        from pymoo.config import Config

        Config.warnings["not_compiled"] = False  # else it prints to standard output
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import Problem
        from pymoo.core.termination import NoTermination
        from pymoo.functions import load_function
        from pymoo.problems.static import StaticProblem
    except ImportError:
        raise InputError(
            "several goals need pymoo, which is not installed", hint=how_to_install("optimize")
        ) from None
    return _Pymoo(NSGA2, Problem, StaticProblem, NoTermination, load_function("find_non_dominated"))
