"""Fronts against problems whose front is known, and against pymoo's own run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin_core.arrays import Array
from twin_core.optimization.front import Front, non_dominated, nsga2


def volume(goals: Array, corner: tuple[float, float]) -> float:
    """Hypervolume of two goals below a corner."""
    inside = goals[(goals <= corner).all(axis=1)]
    order = inside[np.lexsort((inside[:, 1], inside[:, 0]))]
    total, top = 0.0, corner[1]
    for first, second in order.tolist():
        if second < top:
            total += (corner[0] - first) * (top - second)
            top = second
    return total


def searched(problem: Any, evaluations: int, population: int = 100) -> Front:
    left = evaluations

    def evaluate(shares: Array) -> tuple[Array, Array]:
        nonlocal left
        left -= len(shares)
        at = problem.xl + shares * (problem.xu - problem.xl)
        out = problem.evaluate(at, return_as_dictionary=True)
        G = out.get("G")
        missed = np.zeros(len(shares)) if not problem.n_ieq_constr else np.maximum(G, 0).sum(axis=1)
        return out["F"], missed

    nothing = np.empty((0, problem.n_var))
    return nsga2(evaluate, nothing, problem.n_obj, lambda: left, 1, population)


def known_front(name: str) -> Array:
    """ZDT1: f2 = 1 - sqrt(f1); ZDT3: what is not beaten of 1 - sqrt(f1) - f1 sin(10 pi f1)."""
    f1 = np.linspace(0.0, 1.0, 20_001)
    f2 = 1.0 - np.sqrt(f1)
    if name == "zdt3":
        f2 = f2 - f1 * np.sin(10.0 * np.pi * f1)
    best = f2 <= np.minimum.accumulate(f2)
    return np.column_stack([f1, f2])[best]


@pytest.mark.parametrize("name", ["zdt1", pytest.param("zdt3", marks=pytest.mark.peers)])
def test_the_front_of_known_problems(name: str) -> None:
    from pymoo.problems import get_problem

    corner = (1.1, 1.1)
    found = searched(get_problem(name), 16_000, 50)
    assert volume(found.goals, corner) >= 0.995 * volume(known_front(name), corner)
    assert volume(found.goals, corner) <= (1.0 + 1e-3) * volume(known_front(name), corner)


@pytest.mark.parametrize(("name", "corner"), [("bnh", (140.0, 50.0)), ("srn", (250.0, 10.0))])
def test_constraints_as_in_pymoo(name: str, corner: tuple[float, float]) -> None:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.optimize import minimize
    from pymoo.problems import get_problem

    problem = get_problem(name)
    found = searched(problem, 1500)
    other = minimize(problem, NSGA2(pop_size=100), ("n_eval", 1500), seed=1)
    assert volume(found.goals, corner) >= volume(other.F, corner) > 0.0


def test_points_that_nothing_beats() -> None:
    goals = np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [3.0, 1.0]])
    assert non_dominated(goals).tolist() == [0, 1, 4]


def test_it_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    from pymoo.problems import get_problem

    searched(get_problem("bnh"), 200)
    assert capfd.readouterr() == ("", "")
