"""One shot, and what it costs beside its peers in the same run.

Absolute times belong to a machine; ratios do not. ``./twin bench`` prints them.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.integrate import solve_ivp

from tests.support.plain_python import plain_rhs
from tests.support.scenarios import changed, scenario
from twin_core import Scenario, SimulationResult, simulate, simulate_with_free_rise
from twin_core.arrays import Array
from twin_core.models import problem
from twin_core.models import state as s
from twin_core.models.setup import prepare
from twin_core.results.result import SERIES
from twin_core.solvers.base import Tolerances

ROUNDS, PEER_ROUNDS = 50, 5
OUTPUT = {"t_end_s": 600.0, "dt_s": 1.0, "dimension": "0d"}
"""601 output times."""


def shot(name: str, **options: object) -> Scenario:
    return changed(scenario(name), simulation=OUTPUT | options)


def median_s(function: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return median(times)


def full_shot(base: Scenario) -> SimulationResult:
    """Simulate, and read every curve."""
    found = simulate(base)
    for series in SERIES:
        getattr(found, series)
    return found


def plain_lsoda(base: Scenario) -> Array:
    """SciPy's LSODA on the right-hand side in plain Python, without events, 601 output times."""
    ode = problem.problem(prepare(base), 600.0)
    found = solve_ivp(
        plain_rhs(ode),
        (0.0, 600.0),
        ode.y0,
        method="LSODA",
        rtol=1e-7,
        atol=Tolerances(1e-7).absolute(ode.scale),
        t_eval=np.linspace(0.0, 600.0, 601),
    )
    return np.asarray(found.y.T)


@pytest.mark.parametrize(
    "name", ["use_case_1", "panel_packed", "cup_25C_system_r1", "baser_khakhar_1994_r11"]
)
def test_full_shot_beside_plain_lsoda(benchmark: BenchmarkFixture, name: str) -> None:
    """Events, KPIs, window, verdict, audit and every curve, from a scenario to a result."""
    base = shot(name)
    found = benchmark.pedantic(full_shot, (base,), rounds=ROUNDS, warmup_rounds=2)
    peer_s = median_s(lambda: plain_lsoda(base), PEER_ROUNDS)
    plain = plain_lsoda(base)
    # before the modes of a closed mold set in, both are the same shot
    assert found.T_core_K[:50] == pytest.approx(plain[:50, s.T], rel=1e-5)
    if benchmark.stats is not None:
        benchmark.extra_info["peer_ms"] = 1e3 * peer_s
        benchmark.extra_info["ratio"] = peer_s / benchmark.stats.stats.median
        figures_s = median_s(lambda: simulate(base), ROUNDS)
        both_s = median_s(lambda: simulate_with_free_rise(base), ROUNDS)
        print(
            f"\n{name}: LSODA in plain Python over manual: {benchmark.extra_info['ratio']:.1f}, "
            f"without the curves {peer_s / figures_s:.1f} ({1e3 * figures_s:.2f} ms); "
            f"with the free rise, without curves {1e3 * both_s:.2f} ms"
        )


def test_one_dimension_beside_none(benchmark: BenchmarkFixture) -> None:
    deep, flat = shot("panel_packed", dimension="1d", layers=12), shot("panel_packed")
    benchmark.pedantic(simulate, (deep,), rounds=ROUNDS, warmup_rounds=2)
    if benchmark.stats is not None:
        ratio = benchmark.stats.stats.median / median_s(lambda: simulate(flat), ROUNDS)
        benchmark.extra_info["ratio"] = ratio
        print(f"\n1D with 12 layers over 0D: {ratio:.1f}")
