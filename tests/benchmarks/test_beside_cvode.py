"""The compiled integrator beside CVODE called from compiled code, 600 s and 601 output times.

``manual`` finds events, changes modes and keeps the heat account; CVODE here
integrates the first mode and does nothing else. Asked for is at most twice its time.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.compiled_cvode import prepare_cvode
from tests.support.scenarios import scenario
from twin_core.models import manual, problem
from twin_core.models import state as s
from twin_core.models import step_loop as march
from twin_core.models.setup import prepare

ROUNDS = 101
RTOL = 1e-7


@pytest.mark.needs("python:sksundae")
@pytest.mark.parametrize("name", ["panel_packed", "cup_25C_system_r1", "baser_khakhar_1994_r11"])
def test_integration_beside_compiled_cvode(benchmark: BenchmarkFixture, name: str) -> None:
    ode = problem.problem(prepare(scenario(name)), 600.0)
    save_at = np.linspace(0.0, 600.0, 601)
    record = manual.new_record(save_at, ode.y0.size)
    breaks = manual.break_events(ode)

    def ours() -> None:
        own = ode.parameters.copy()
        march.march(
            s.layer_count(ode.y0.size),
            own,
            ode.y0,
            ode.scale,
            RTOL,
            600.0,
            breaks,
            50_000,
            True,
            record,
        )

    cvode = prepare_cvode(ode, RTOL, save_at)
    states, code = cvode()
    assert code >= 0
    benchmark.pedantic(ours, rounds=ROUNDS, warmup_rounds=2)
    # before the modes of a closed mold set in, both are the same shot
    assert record.y[:30, s.T] == pytest.approx(states[:30, s.T], abs=1e-3)
    if benchmark.stats is not None:
        times = []
        for _ in range(ROUNDS):
            start = perf_counter()
            cvode()
            times.append(perf_counter() - start)
        ratio = benchmark.stats.stats.median / median(times)
        benchmark.extra_info["ratio"] = ratio
        print(f"\n{name}: manual over compiled CVODE: {ratio:.2f} ({1e3 * median(times):.2f} ms)")
