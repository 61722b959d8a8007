"""The walk through the modes of a problem, on problems with a known solution."""

from __future__ import annotations

import numpy as np
import pytest

from twin_core import BudgetExceeded, SolverError
from twin_core.backends import backend
from twin_core.solvers import OdeProblem, OdeSolution
from twin_core.solvers.base import Array, Parameters, Tolerances

GRID = np.linspace(0.0, 10.0, 101)
TOLERANCES = Tolerances(1e-8)
CLOSE = 1e-6
"""A hundred times the solver's tolerance: errors add up over the steps."""


def rhs(t: float, y: Array, p: Parameters, dy: Array) -> None:
    dy[0] = float(p["rate"][0])


def events(t: float, y: Array, p: Parameters, out: Array) -> None:
    out[0] = y[0] - 1.0
    out[1] = y[0] - 2.0
    out[2] = t - 8.0


def slower(name: str, y: Array, p: Parameters) -> Parameters:
    after = p.copy()
    after["rate"] /= 2.0
    return after


def ramp(terminal: tuple[str, ...] = ("two",), rate: float = 0.5) -> OdeProblem:
    """A level that rises evenly; it halves its rate at each terminal event."""
    parameters = np.zeros(1, np.dtype([("rate", np.float64)]))
    parameters["rate"] = rate
    return OdeProblem(
        rhs=rhs,
        events=events,
        event_names=("one", "two", "late"),
        terminal=frozenset(terminal),
        transition=slower,
        parameters=parameters,
        y0=np.zeros(1),
        scale=np.ones(1),
        t_end_s=10.0,
    )


def walk(problem: OdeProblem, grid: Array = GRID, budget: int = 10_000) -> OdeSolution:
    return backend("solve_ivp").solve(problem, grid, TOLERANCES, budget)


def test_modes_events_and_states() -> None:
    found = walk(ramp())
    assert list(found.events) == ["one", "two", "late"]
    assert list(found.events.values()) == pytest.approx([2.0, 4.0, 8.0], abs=CLOSE)
    exact = np.where(GRID <= 4.0, 0.5 * GRID, 2.0 + 0.25 * (GRID - 4.0))
    assert found.y[:, 0] == pytest.approx(exact, abs=CLOSE)
    assert {name: float(y[0]) for name, y in found.y_at.items()} == pytest.approx(
        {"one": 1.0, "two": 2.0, "late": 3.0}, abs=CLOSE
    )
    (first, fast), (second, slow) = found.modes
    assert (first, float(fast["rate"][0]), float(slow["rate"][0])) == (0, 0.5, 0.25)
    assert GRID[second] == pytest.approx(4.0, abs=0.11)  # the first time of the new mode
    assert found.statistics.segments == 2


def test_every_event_happens_once_and_may_change_the_mode() -> None:
    found = walk(ramp(("one", "two")))
    # rate 0.5 to 1, 0.25 to 2, then 0.125
    assert found.events == pytest.approx({"one": 2.0, "two": 6.0, "late": 8.0}, abs=CLOSE)
    assert found.y[-1, 0] == pytest.approx(2.5, abs=CLOSE)
    assert found.statistics.segments == 3


def test_the_output_grid_does_not_change_the_solution() -> None:
    coarse = walk(ramp(), np.array([0.0, 10.0]))
    fine = walk(ramp())
    assert coarse.events == fine.events
    assert coarse.y[-1, 0] == fine.y[-1, 0]


def test_budget_ends_the_run_with_a_clear_message() -> None:
    with pytest.raises(BudgetExceeded, match=r"by t = .* s .*raise simulation\.max_evaluations"):
        walk(ramp(), budget=5)
    assert not BudgetExceeded.retryable
    assert "max_evaluations" in BudgetExceeded.hint


def test_a_solution_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(SolverError):
        walk(ramp(rate=float("nan")))
