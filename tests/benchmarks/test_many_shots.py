"""Shots per second and core, memory of a sweep, and the first simulation of a process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.scenarios import ROOT, scenario
from twin_core import simulate_many
from twin_core.sweep import samples, usual_variation, vary

SHOTS = 2_000
SWEEP = """
from pathlib import Path
from tests.support.scenarios import scenario
from twin_core import simulate_many
from twin_core.sweep import samples, usual_variation, vary
base = scenario("panel_packed")
what = usual_variation(base)
result = simulate_many(vary(base, list(what), samples(what, 10_000)))
assert not result.errors
# not ru_maxrss: that begins with what the process that started this one had
print(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024)
"""
FIRST = """
from time import perf_counter
start = perf_counter()
from twin_core import load_scenario, simulate
simulate(load_scenario("configs/scenarios/panel_packed.yaml"))
print(perf_counter() - start)
"""


def python(source: str) -> float:
    found = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(found.stdout)


@pytest.mark.parametrize("name", ["panel_packed", "cup_25C_system_r1"])
def test_shots_per_second_and_core(benchmark: BenchmarkFixture, name: str) -> None:
    base = scenario(name)
    what = usual_variation(base)
    shots = vary(base, list(what), samples(what, SHOTS))
    simulate_many(shots[:64])
    benchmark.pedantic(simulate_many, (shots,), {"workers": 1}, rounds=3)
    if benchmark.stats is not None:
        rate = SHOTS / benchmark.stats.stats.median
        benchmark.extra_info["shots_per_s"] = rate
        print(f"\n{name}: {rate:.0f} shots/s on one core")


def test_memory_of_a_sweep_and_first_simulation(benchmark: BenchmarkFixture) -> None:
    first = benchmark.pedantic(python, (FIRST,), rounds=1)
    megabytes = python(SWEEP)
    print(f"\nimport and first simulation, warm cache: {first:.2f} s")
    print(f"memory of 10,000 shots: {megabytes:.0f} MB")
    assert megabytes < 500.0  # asked for
