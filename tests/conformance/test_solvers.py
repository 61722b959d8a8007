"""Every solver of general problems keeps the same promises, on problems with a known solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.support import odes
from tests.support.backends import GENERAL, NEEDS_SUNDIALS, solver
from twin_core import BudgetExceeded, SolverError
from twin_core.arrays import Array, Parameters
from twin_core.backends import backend
from twin_core.solvers import OdeProblem, OdeSolution
from twin_core.solvers.base import Backend, Tolerances

GRID = np.linspace(0.0, 10.0, 101)
TOLERANCES = Tolerances(1e-8)
CLOSE = 1e-6
"""A hundred times the solver's tolerance: errors add up over the steps. Also what an event time of
order 1 s has to keep [s]."""

Solve = Callable[..., OdeSolution]


@pytest.fixture(params=GENERAL)
def general(request: pytest.FixtureRequest) -> Backend:
    found = solver(request.param)
    assert hasattr(found, "integrate")
    return found


@pytest.fixture
def solve(general: Backend) -> Solve:
    def run(
        problem: OdeProblem, grid: Array | None = None, budget: int = 10_000, rtol: float = 1e-8
    ) -> OdeSolution:
        times = np.linspace(0.0, problem.t_end_s, 101) if grid is None else grid
        return general.solve(problem, times, Tolerances(rtol), budget)

    return run


def test_modes_events_and_states(solve: Solve) -> None:
    found = solve(odes.ramp())
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
    assert found.statistics.evaluations >= found.statistics.steps > 2


def test_every_event_happens_once_and_may_change_the_mode(solve: Solve) -> None:
    found = solve(odes.ramp(terminal=("one", "two")))
    # rate 0.5 to 1, 0.25 to 2, then 0.125
    assert found.events == pytest.approx({"one": 2.0, "two": 6.0, "late": 8.0}, abs=CLOSE)
    assert found.y[-1, 0] == pytest.approx(2.5, abs=CLOSE)
    assert found.statistics.segments == 3


@pytest.mark.parametrize("make", [odes.ramp, odes.forced, odes.logistic])
def test_the_output_grid_does_not_change_the_solution(
    solve: Solve, make: Callable[[], OdeProblem]
) -> None:
    problem = make()
    end = problem.t_end_s
    coarse = solve(problem, np.array([0.0, end]))
    for points in (11, 1001):
        fine = solve(problem, np.linspace(0.0, end, points))
        assert coarse.events == fine.events
        assert (coarse.y[-1] == fine.y[-1]).all()


def test_dense_output_is_as_good_as_the_steps(solve: Solve) -> None:
    """Far more outputs than steps, and uneven ones."""
    grid = np.union1d(np.geomspace(1e-6, 12.0, 300), np.linspace(0.0, 12.0, 3001))
    found = solve(odes.logistic(), grid)
    exact = 1.0 / (1.0 + 99.0 * np.exp(-grid))
    assert found.y[:, 0] == pytest.approx(exact, abs=CLOSE)
    assert found.statistics.steps < 500


def test_a_stiff_linear_system(solve: Solve) -> None:
    problem = odes.forced()
    for one in (problem, replace(problem, jacobian=None)):
        found = solve(one)
        t = found.t_s
        assert found.y == pytest.approx(np.column_stack((np.cos(t), np.sin(t))), abs=CLOSE)
        assert found.events == pytest.approx({"low": math.pi / 3.0}, abs=CLOSE)
        assert found.statistics.steps < 1000  # stiffness asks for 8e5 explicit ones


def test_reactions_with_rates_far_apart(solve: Solve) -> None:
    problem = odes.robertson()
    for one in (problem, replace(problem, jacobian=None)):
        found = solve(one)
        assert found.y[-1] == pytest.approx(odes.ROBERTSON_40_S, rel=CLOSE)
        # the level rises by 0.003 /s there: an error of 1e-8 is one of 3e-6 s
        assert found.events["quarter"] == pytest.approx(odes.ROBERTSON_QUARTER_S, abs=1e-4)


def test_an_event_is_located_to_a_microsecond(solve: Solve) -> None:
    assert solve(odes.logistic()).events == pytest.approx({"half": math.log(99.0)}, abs=CLOSE)


def test_only_rising_values_are_events(solve: Solve) -> None:
    found = solve(odes.swing())
    # an error of phase grows with the time
    assert found.events == pytest.approx({"up": 1.5 * math.pi}, abs=10 * CLOSE)


def test_an_event_that_starts_at_zero_has_passed(solve: Solve) -> None:
    assert solve(odes.ramp({"start": lambda t, y: y[0]}, ("start",))).events == {}


def test_only_active_events_are_looked_for(general: Backend) -> None:
    problem = odes.ramp(terminal=("one", "two"))

    def hits(*active: str) -> tuple[list[str], str | None]:
        segment = general.integrate(
            problem,
            problem.parameters,
            0.0,
            problem.y0,
            GRID[1:],
            frozenset(active),
            TOLERANCES,
            1000,
        )
        # rounding says on which side of the event at 4 s the time 4 s is
        assert len(segment.y) in ((100,) if segment.hit is None else (39, 40))
        return [hit.name for hit in segment.passed], segment.hit and segment.hit.name

    assert hits() == ([], None)
    assert hits("late") == (["late"], None)
    assert hits("two", "late") == ([], "two")


def test_an_event_at_a_save_time(solve: Solve) -> None:
    """Its state is that of both modes."""
    grid = np.array([0.0, 2.0, 4.0, 4.0 + 1e-9, 6.0, 10.0])
    found = solve(odes.ramp(), grid)
    assert found.events["two"] == pytest.approx(4.0, abs=CLOSE)
    assert found.y[:, 0] == pytest.approx([0.0, 1.0, 2.0, 2.0, 2.5, 3.5], abs=CLOSE)


@pytest.mark.parametrize("early", [1e-8, 1e-4])
def test_an_event_in_the_first_step(solve: Solve, early: float) -> None:
    levels = {"early": lambda t, y: y[0] - 0.5 * early, "soon": lambda t, y: t - 2.0 * early}
    found = solve(odes.ramp(levels, ("early",)))
    assert list(found.events) == ["early", "soon"]
    assert found.events == pytest.approx({"early": early, "soon": 2.0 * early}, abs=1e-9)
    assert found.y[-1, 0] == pytest.approx(2.5 + 0.25 * early, abs=CLOSE)


def test_an_event_at_the_very_end(solve: Solve) -> None:
    levels = {"end": lambda t, y: t - 10.0, "last": lambda t, y: y[0] - 5.0 + 1e-13}
    found = solve(odes.ramp(levels, ("end", "last")))
    assert found.y[-1, 0] == pytest.approx(5.0, abs=CLOSE)
    assert found.events == pytest.approx(dict.fromkeys(found.events, 10.0), abs=CLOSE)


SAME = {
    "level": lambda t, y: y[0] - 1.0,
    "again": lambda t, y: y[0] - 1.0,
    "times": lambda t, y: 3.0 * y[0] - 3.0,
    "square": lambda t, y: y[0] ** 2 - 1.0,
    "time": lambda t, y: t - 2.0,
    "power": lambda t, y: math.exp(y[0]) - math.e,
}
"""All at 2 s on the ramp, to rounding."""


@pytest.mark.parametrize("terminal", [*((name,) for name in SAME), tuple(SAME)])
def test_events_at_the_same_time_all_happen(solve: Solve, terminal: tuple[str, ...]) -> None:
    found = solve(odes.ramp(SAME, terminal))
    assert found.events == pytest.approx(dict.fromkeys(SAME, 2.0), abs=CLOSE)
    rate = 0.5 / 2 ** len(terminal)  # each terminal one halves it
    assert found.y[-1, 0] == pytest.approx(1.0 + 8.0 * rate, abs=CLOSE)


def test_the_shortest_shot(solve: Solve) -> None:
    problem = replace(odes.ramp(), t_end_s=1e-9)
    found = solve(problem, np.array([0.0, 5e-10, 1e-9]))
    assert found.y[:, 0] == pytest.approx([0.0, 2.5e-10, 5e-10], rel=CLOSE)


@pytest.mark.parametrize("budget", [0, 1, 2, 5, 15])
def test_budget_ends_the_run_with_a_clear_message(solve: Solve, budget: int) -> None:
    with pytest.raises(BudgetExceeded, match=r"by t = .* s .*raise simulation\.max_evaluations"):
        solve(odes.logistic(), budget=budget)
    assert not BudgetExceeded.retryable
    assert "max_evaluations" in BudgetExceeded.usual_hint


def test_a_solution_that_is_not_finite_is_an_error(solve: Solve) -> None:
    with pytest.raises(SolverError):
        solve(odes.ramp(rate=float("nan")), budget=1_000)


@pytest.mark.filterwarnings("ignore:lsoda:UserWarning")  # SciPy's words, beside the error
def test_a_law_that_ends_is_an_error_and_no_hang(solve: Solve) -> None:
    def root(t: float, y: Array, p: Parameters, dy: Array) -> None:
        dy[0] = math.sqrt(2.0 - y[0]) if y[0] < 2.0 and t < 1.0 else math.nan

    def explosion(t: float, y: Array, p: Parameters, dy: Array) -> None:
        dy[0] = min(y[0] ** 2, 1e300)

    for law in (root, explosion):
        with pytest.raises(SolverError, match=r"^(backend|CVODE|LSODA|more than)"):
            solve(odes.only(law))


class Odd(Exception):
    """No error of ours."""


def test_an_exception_of_the_model_comes_through(general: Backend, solve: Solve) -> None:
    def odd(t: float, y: Array, p: Parameters, dy: Array) -> None:
        if t > 1.0:
            raise Odd
        dy[0] = 1.0

    def odd_jacobian(t: float, y: Array, p: Parameters, out: Array) -> None:
        raise Odd

    with pytest.raises(Odd):
        solve(odes.only(odd))
    problem = replace(odes.forced(), jacobian=odd_jacobian)
    if general.name == "solve_ivp":
        solve(problem)  # it takes differences
    else:
        with pytest.raises(Odd):
            solve(problem)


def test_a_failed_run_leaves_nothing_behind(solve: Solve) -> None:
    fresh = solve(odes.robertson())
    for budget in (7, 60):
        with pytest.raises(BudgetExceeded):
            solve(odes.robertson(), budget=budget)
        again = solve(odes.robertson())
        assert (again.y == fresh.y).all()
        assert again.events == fresh.events
    other = solve(odes.robertson(), rtol=1e-4)  # nor does another tolerance
    assert (other.y[-1] != fresh.y[-1]).any()
    assert (solve(odes.robertson()).y == fresh.y).all()


def test_threads_do_not_meet(solve: Solve) -> None:
    problems = [odes.forced(), odes.swing(), odes.forced(10.0), odes.swing()]
    alone = [solve(problem) for problem in problems]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone, pool.map(solve, problems), strict=True):
            assert (one.y == other.y).all()


@NEEDS_SUNDIALS
def test_the_name_sundials_finds_a_library() -> None:
    found = backend("sundials").solve(odes.logistic(), np.array([0.0, 12.0]), TOLERANCES, 10_000)
    assert found.statistics.backend == "sundials"
    assert found.events["half"] == pytest.approx(math.log(99.0), abs=CLOSE)
