"""The layered window: its cost with the release, its convergence, opening and swell of panels.

``./twin bench -k window`` prints the figures of docs/validation.md.
"""

from __future__ import annotations

from time import process_time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.panels import free_rise, panel_of, random_panels
from twin_core import simulate, simulate_many
from twin_core.results.opening import opened_at

OPENINGS_S = (120.0, 180.0, 240.0, 300.0, 420.0)
DENSITY = 26.0 * 1.15
"""kg/m3 of a cyclopentane panel, that of the prototype in the decision."""


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


@pytest.mark.parametrize("thickness_mm", [20.0, 30.0, 55.0, 90.0])
def test_window_of_panels(thickness_mm: float, capsys: pytest.CaptureFixture[str]) -> None:
    packing = DENSITY / free_rise("WATER_CYCLOPENTANE")
    result = simulate(panel_of(thickness_mm=thickness_mm, packing=packing))
    swell = ", ".join(
        f"{t:.0f} s {o.swell_mm:.2f} mm ({100 * o.swell_ratio:.1f} %)"
        for t in OPENINGS_S
        for o in (opened_at(result, t),)
    )
    with capsys.disabled():
        print(
            f"\ncyclopentane, {thickness_mm:.0f} mm: opens at {result.t_demold_min_s:.0f} s "
            f"({result.demold_binding['earliest']}); swell when opened at {swell}"
        )


def test_windows_of_many_shots(capsys: pytest.CaptureFixture[str]) -> None:
    shots = [panel_of(**arguments) for arguments in random_panels(100, seed=1)]
    simulate_many(shots[:2])
    start = process_time()
    assert not simulate_many(shots).errors
    with capsys.disabled():
        print(f"\nlayered windows: {len(shots) / (process_time() - start):.0f} shots/s of one core")
