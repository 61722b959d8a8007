"""A check of drift of 100,000 rows, and what of it the Kolmogorov-Smirnov test alone takes."""

from __future__ import annotations

from time import perf_counter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.stats import ks_2samp

from tests.support.drifting import Table, windows
from twin_core.learning.drift import check
from twin_core.learning.drift_result import Level

ROWS, COLUMNS = 100_000, 40
ASKED_S = 10.0
MOST_OF_PEER = 10.0
"""The check also estimates how the shots depend on each other, bins and ranks them."""


def _peer_s(before: Table, now: Table) -> float:
    start = perf_counter()
    for name in before:
        ks_2samp(before[name], now[name], method="asymp")
    return perf_counter() - start


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_100_000_rows(benchmark: BenchmarkFixture, phi: float) -> None:
    before, now = windows(1, ROWS, ROWS, COLUMNS, phi)
    result = benchmark.pedantic(check, (before, now), rounds=3)
    assert result.level is Level.OK
    if benchmark.stats is None:
        return
    peer_s = min(_peer_s(before, now) for _ in range(3))
    took_s = benchmark.stats.stats.min
    benchmark.extra_info["of_ks_2samp"] = took_s / peer_s
    print(f"\n{ROWS} rows before and now, {COLUMNS} columns: {took_s:.2f} s")
    print(
        f"scipy's ks_2samp alone: {peer_s:.2f} s; the whole check takes {took_s / peer_s:.1f} times"
    )
    assert took_s < ASKED_S
    assert took_s < MOST_OF_PEER * peer_s
