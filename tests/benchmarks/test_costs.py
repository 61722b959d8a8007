"""Small things that are done for each message or at each start, beside what they belong to."""

from __future__ import annotations

import json
from time import perf_counter

from pytest_benchmark.fixture import BenchmarkFixture

from broker.codec import decode
from broker.messages import TelemetryFrame
from edge_agent.inference.earlier_shots import EarlierShots
from edge_agent.monitoring.metrics import Laps, Metrics
from edge_agent.ports import HistoryRow
from edge_agent.spool.changes import Changes
from tests.support.payloads import telemetry
from tests.unit.edge_agent.inference.test_earlier_shots import Disk, live

BATCH = 256


def test_counting_a_batch(benchmark: BenchmarkFixture) -> None:
    """To count 256 frames takes at most a quarter of decoding them; seen: a thirtieth."""
    metrics = Metrics()
    changes = Changes(forward=[HistoryRow("telemetry", "{}")] * BATCH)

    def count() -> None:
        laps = Laps(metrics)
        for _ in range(BATCH):
            metrics.taken("pur/v1/s/p/telemetry")
            laps.lap("decode")
            laps.lap("assemble")
        laps.observe()
        metrics.committed(changes)

    benchmark(count)
    if benchmark.stats is None:
        return
    payload, peer_s = json.dumps(telemetry()).encode(), 1.0
    for _ in range(20):
        began = perf_counter()
        for _ in range(BATCH):
            decode(TelemetryFrame, payload)
        peer_s = min(peer_s, perf_counter() - began)
    benchmark.extra_info["of_decoding"] = benchmark.stats.stats.min / peer_s
    print(f"\n{benchmark.stats.stats.min / peer_s:.3f} of the time of decoding")
    assert benchmark.stats.stats.min < 0.25 * peer_s


def test_a_start_with_ten_full_molds(benchmark: BenchmarkFixture) -> None:
    """To remember 5,000 shots at a start takes no longer than following them took."""
    earlier, disk = EarlierShots(), Disk()
    began = perf_counter()
    live(earlier, disk, range(5000), molds=10)
    lived_s = perf_counter() - began
    found = benchmark.pedantic(lambda: EarlierShots(disk.kept.values()), rounds=3)
    assert len(found) >= 5000
    if benchmark.stats is not None:
        print(f"\n{benchmark.stats.stats.min:.2f} s; to follow them took {lived_s:.2f} s")
        assert benchmark.stats.stats.min < lived_s
