"""Every backend gives the same shot."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.support.backends import GENERAL, NAMED, solver
from tests.support.scenarios import cases, changed
from twin_core import BudgetExceeded, SimulationResult, simulate
from twin_core.models.problem import problem
from twin_core.models.setup import prepare
from twin_core.solvers.base import Tolerances

TIGHT = 1e-8
TEMPERATURE_K, PRESSURE, DEMOLD_S = 1e-3, 1e-5, 0.05
"""Asked of every pair of backends at ``TIGHT``."""


@cache
def tight(case: str, name: str) -> SimulationResult:
    base = cases()[case]
    options = {"rtol": TIGHT, "max_evaluations": 500_000, "t_end_s": 600.0}
    return simulate(changed(base, simulation=options), name)


@pytest.mark.parametrize("name", [one for one in NAMED if one.values != ("manual",)])
@pytest.mark.parametrize("case", cases())
def test_backends_agree(case: str, name: str) -> None:
    ours, theirs = tight(case, "manual"), tight(case, name)
    assert np.abs(ours.T_core_K - theirs.T_core_K).max() < TEMPERATURE_K
    assert np.abs(ours.p_total_Pa / theirs.p_total_Pa - 1.0).max() < PRESSURE
    for field in ("t_demold_min_s", "t_demold_opt_s", "t_demold_max_s"):
        a, b = getattr(ours, field), getattr(theirs, field)
        assert (a is None) == (b is None), field
        if a is not None:
            assert abs(a - b) < DEMOLD_S, field
    for field in ("t_cream_s", "t_gel_s", "t_mold_full_s", "vent_closure_time_s"):
        a, b = getattr(ours.kpis, field), getattr(theirs.kpis, field)
        assert a == pytest.approx(b, abs=1e-2), field
    assert ours.kpis.X_gel == theirs.kpis.X_gel
    assert [d.code for d in ours.diagnostics] == [d.code for d in theirs.diagnostics]


@pytest.mark.parametrize("name", NAMED)
def test_a_budget_ends_every_run(name: str) -> None:
    scarce = changed(cases()["nominal"], simulation={"max_evaluations": 200})
    with pytest.raises(BudgetExceeded, match=r"raise simulation\.max_evaluations"):
        simulate(scarce, name)


@pytest.mark.parametrize("name", NAMED)
def test_statistics_say_what_it_cost(name: str) -> None:
    found = tight("nominal", name).statistics
    assert found.backend == name
    assert found.evaluations > found.steps > 50
    assert found.segments >= 3


def test_the_tolerance_is_what_it_says() -> None:
    """At rtol the key figures are right to rtol, give or take a factor of a hundred."""
    exact = tight("nominal", "manual")
    for rtol in (1e-5, 1e-6, 1e-7):
        found = simulate(changed(cases()["nominal"], simulation={"rtol": rtol, "t_end_s": 600.0}))
        assert found.kpis.T_core_max_C == pytest.approx(exact.kpis.T_core_max_C, rel=100 * rtol)
        assert found.p_max_Pa == pytest.approx(exact.p_max_Pa, rel=100 * rtol)


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("n_layers", [1, 5])
def test_a_solver_takes_the_model_with_and_without_its_jacobian(name: str, n_layers: int) -> None:
    ode = problem(prepare(cases()["nominal"]), 200.0, n_layers)
    times = np.linspace(0.0, 200.0, 401)
    ours, *theirs = (
        solver(which).solve(one, times, Tolerances(TIGHT), 500_000)
        for which, one in (("manual", ode), (name, ode), (name, replace(ode, jacobian=None)))
    )
    for found in theirs:
        assert list(found.events) == list(ours.events)
        assert found.events == pytest.approx(ours.events, abs=1e-4)
        assert np.abs((found.y - ours.y) / ode.scale).max() < PRESSURE
