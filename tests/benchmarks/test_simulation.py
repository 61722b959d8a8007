"""One 0D shot against its peer in the same run: LSODA on the plain-Python right-hand side.

Absolute times belong to a machine; the ratio of the two does not. Run with
``pytest tests/benchmarks --benchmark-enable``; the ratio stands in ``extra_info``.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.plain_python import interpreted
from tests.support.scenarios import scenario
from twin_core.models import lumped_problem
from twin_core.models.setup import prepare
from twin_core.simulation import analysis_grid
from twin_core.solvers import OdeSolution, backend, solve
from twin_core.solvers.base import Tolerances

ROUNDS = 20
PEER_ROUNDS = 3


def integrate(name: str) -> OdeSolution:
    """The integration alone, without KPIs."""
    base = scenario(name)
    t_end = base.simulation.t_end_s
    problem = lumped_problem.problem(prepare(base), t_end)
    tolerances = Tolerances(base.simulation.rtol)
    return solve(problem, backend("solve_ivp"), analysis_grid(t_end), tolerances, 50_000)


@pytest.mark.parametrize("name", ["baser_khakhar_1994_r11", "panel_packed"])
def test_0d_shot(benchmark: BenchmarkFixture, name: str) -> None:
    found = benchmark.pedantic(integrate, (name,), rounds=ROUNDS, warmup_rounds=2)
    times = []
    with interpreted(), np.errstate(all="ignore"):
        for _ in range(PEER_ROUNDS):
            start = perf_counter()
            plain = integrate(name)
            times.append(perf_counter() - start)
    # the same shot, to the solver's tolerance: both took the same way
    assert plain.y[-1] == pytest.approx(found.y[-1], rel=1e-6, abs=1e-9)
    benchmark.extra_info["evaluations"] = found.statistics.evaluations
    benchmark.extra_info["peer"] = "LSODA, right-hand side in plain Python"
    benchmark.extra_info["peer_s"] = min(times)
    if benchmark.stats is not None:  # None when benchmarks are disabled
        benchmark.extra_info["peer_over_compiled_ratio"] = min(times) / benchmark.stats.stats.min
