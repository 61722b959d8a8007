"""What the backends cost and how far they are from an exact run; writes docs/backends.md.

``TWIN_WRITE_DOCS=1 ./twin bench -k backends`` writes the page, without it the table is printed.
"""

from __future__ import annotations

import os
from statistics import median
from time import perf_counter

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.backends import installed
from tests.support.scenarios import ROOT, cases, changed
from twin_core import SimulationResult, simulate
from twin_core.solvers.sundials import SundialsBackend

EXACT_RTOL = 1e-11
ROUNDS = 11
HEAD = """# Backends

Written by `TWIN_WRITE_DOCS=1 ./twin bench -k backends`. Times are medians on one core of the
machine that ran it, from a scenario to a result with key figures; only their ratios mean something
elsewhere. Deviations are the largest over the whole run, against `manual` at a relative tolerance
of 1e-11. All ran at 1e-7. `manual` is the default: compiled with the model, no call back into
Python.

| case | backend | time, ms | times manual | evaluations | T, K | P, relative | demold, s |
|---|---|---|---|---|---|---|---|
"""
TAIL = """
An evaluation of `manual` counts the derivatives too, seven a step. The Jacobian of the layers is
dense, because all share one pressure, so `sundials` is given it whole; it ran through {library}
(decision 0004 has both libraries). `jax` is a reserved name: nothing is built for it.
"""


def compare(found: SimulationResult, exact: SimulationResult) -> str:
    T = np.abs(found.T_core_K - exact.T_core_K).max()
    P = np.abs(found.p_total_Pa / exact.p_total_Pa - 1.0).max()
    a, b = found.t_demold_min_s, exact.t_demold_min_s
    demold = "-" if a is None or b is None else f"{abs(a - b):.0e}"
    return f"{T:.0e} | {P:.0e} | {demold}"


def test_backends(benchmark: BenchmarkFixture) -> None:
    rounds = 1 if benchmark.disabled else ROUNDS  # as a test: that it runs
    rows = []
    for case, base in cases().items():
        tight = {"rtol": EXACT_RTOL, "max_evaluations": 10**7}
        exact = simulate(changed(base, simulation=tight), "manual")
        reference = 0.0
        for name in installed():
            times = []
            for _ in range(rounds):
                start = perf_counter()
                found = simulate(base, name)
                times.append(perf_counter() - start)
            spent = 1e3 * median(times[1:] or times)
            reference = reference or spent
            rows.append(
                f"| {case} | {name} | {spent:.2f} | {spent / reference:.1f} | "
                f"{found.statistics.evaluations} | {compare(found, exact)} |"
            )
    table = "\n".join(rows) + "\n"
    print("\n" + table)
    if os.environ.get("TWIN_WRITE_DOCS"):
        tail = TAIL.replace("{library}", SundialsBackend().library)
        (ROOT / "docs" / "backends.md").write_text(HEAD + table + tail, encoding="utf-8")
    benchmark.pedantic(simulate, (cases()["nominal"],), rounds=ROUNDS)
