"""The layered window: its cost with the release, its convergence, and those of many shots."""

from __future__ import annotations

import os
from time import perf_counter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.panels import panel_of, random_panels
from twin_core import simulate, simulate_many
from twin_core.scenario import SimulationOptions
from twin_core.window_interval import window_interval


@pytest.mark.parametrize("thickness_mm", [20.0, 50.0, 100.0])
def test_window_of_one_shot(benchmark: BenchmarkFixture, thickness_mm: float) -> None:
    base = panel_of(thickness_mm=thickness_mm)
    benchmark.pedantic(simulate, (base,), rounds=30, warmup_rounds=2)
    if benchmark.stats is not None:
        assert benchmark.stats.stats.min < 0.02


@pytest.mark.parametrize("layers", [12, 24, 32, 64])
def test_window_by_layers(benchmark: BenchmarkFixture, layers: int) -> None:
    """Opening by number of layers, and the convergence that the default must have."""
    shots = [panel_of(thickness_mm=d, layers=layers) for d in (20.0, 50.0, 100.0)]
    found = [simulate(shot) for shot in shots]
    benchmark.pedantic(simulate, (shots[1],), rounds=10, warmup_rounds=1)
    words = ", ".join(f"{r.t_demold_min_s:.1f} s ({r.demold_binding['earliest']})" for r in found)
    print(f"\n{layers} layers: 20, 50 and 100 mm open at {words}")


@pytest.mark.parametrize("dimension", ["1d", "0d"])
def test_windows_of_many_shots(benchmark: BenchmarkFixture, dimension: str) -> None:
    """Layered windows with their release, and quick ones of the same shots."""
    options = SimulationOptions.model_validate({"dimension": dimension})
    shots = [
        panel_of(**arguments).model_copy(update={"simulation": options})
        for arguments in random_panels(100, seed=1)
    ]
    simulate_many(shots[:2])
    found = benchmark.pedantic(simulate_many, (shots,), {"workers": 1}, rounds=3)
    assert not found.errors
    kind = {"1d": "layered", "0d": "quick"}[dimension]
    assert set(found["window"].tolist()) == {kind}
    if benchmark.stats is not None:
        rate, cores = len(shots) / benchmark.stats.stats.median, len(os.sched_getaffinity(0))
        start = perf_counter()
        simulate_many(shots)
        all_rate = len(shots) / (perf_counter() - start)
        print(
            f"\n{kind} windows: {rate:.0f} shots/s on one core, {all_rate:.0f} shots/s on all "
            f"{cores} cores of this machine"
        )


def test_interval_of_one_shot(benchmark: BenchmarkFixture) -> None:
    """What run-sim adds for the interval; the agent computes it beside its shots."""
    result = simulate(panel_of(thickness_mm=55.0))
    found = benchmark.pedantic(window_interval, (result, 1), rounds=5, warmup_rounds=1)
    assert found is not None
