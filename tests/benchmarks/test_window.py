"""The layered window: its cost with the release, its convergence, and those of many shots."""

from __future__ import annotations

import os
from time import perf_counter, process_time

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
def test_window_by_layers(layers: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for thickness_mm in (20.0, 50.0, 100.0):
        base = panel_of(thickness_mm=thickness_mm, layers=layers)
        result, start = simulate(base), process_time()
        simulate(base)
        cost_ms = 1e3 * (process_time() - start)
        found.append(
            f"{thickness_mm:.0f} mm {result.t_demold_min_s:.1f} s "
            f"({result.demold_binding['earliest']}, {cost_ms:.1f} ms)"
        )
    with capsys.disabled():
        print(f"\n{layers} layers: {'; '.join(found)}")


def test_windows_of_many_shots(capsys: pytest.CaptureFixture[str]) -> None:
    """Layered windows with their release, and quick ones of the same shots."""
    shots = [panel_of(**arguments) for arguments in random_panels(100, seed=1)]
    quick = [
        shot.model_copy(update={"simulation": SimulationOptions(dimension="0d")}) for shot in shots
    ]
    cores = len(os.sched_getaffinity(0))
    words = []
    for name, these in (("layered", shots), ("quick", quick)):
        simulate_many(these[:2])
        for workers in (1, cores):
            start = perf_counter()
            found = simulate_many(these, workers=workers)
            took_s = perf_counter() - start
            assert not found.errors
            assert set(found["window"].tolist()) == {name}
            words.append(f"{name} {len(these) / took_s:.0f} shots/s by {workers} of {cores} cores")
    with capsys.disabled():
        print(f"\nwindows of many shots: {'; '.join(words)}")


def test_interval_of_one_shot(benchmark: BenchmarkFixture) -> None:
    """What run-sim adds for the interval; the agent computes it beside its shots."""
    result = simulate(panel_of(thickness_mm=55.0))
    found = benchmark.pedantic(window_interval, (result, 1), rounds=5, warmup_rounds=1)
    assert found is not None
