"""A day without the database: 864,000 frames wait; they drain in order while shots go on."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.codec import decode
from broker.messages import TelemetryFrame
from broker.topics import PressAddress
from edge_agent.config.settings import BrokerSettings
from edge_agent.history.rows import telemetry_row
from edge_agent.links.mqtt import connect
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.support.load import frame
from tests.support.plant import Plant, one_latency, plant

pytestmark = pytest.mark.needs("mosquitto", "postgres")
FRAMES = 864_000
"""24 hours at 10 Hz; 12 sensors each."""
AT_ONCE = 10_000
SHOTS = 200


def fill(path: Path) -> None:
    """What an agent leaves behind that could not reach its history for a day."""
    spool, press = Spool(path), PressAddress("test", "p1")
    start = datetime.now(UTC) - timedelta(days=1)
    for first in range(0, FRAMES, AT_ONCE):
        changes = Changes()
        for seq in range(first, first + AT_ONCE):
            payload = frame(seq, start + timedelta(seconds=0.1 * seq))
            changes.forward.append(telemetry_row(press, decode(TelemetryFrame, payload), None))
        spool.commit(changes, start)
    spool.close()


async def latencies(port: int, first: int) -> list[float]:
    async with connect(BrokerSettings(port=port), "meter") as session:
        await session.subscribe(["pur/v1/test/p1/twin/mold/+/prediction"])
        shots = range(first, first + SHOTS)
        return sorted([await one_latency(session, f"shot{number:05d}") for number in shots])


async def drain(running: Plant) -> tuple[float, bool]:
    """Seconds until everything is stored, and whether it came in order."""
    assert running.db is not None
    db, seen, ordered = running.db, 0, True
    began = time.perf_counter()
    while seen < FRAMES:
        await asyncio.sleep(1.0)
        # without a gap: as many as the newest number says
        seen, newest = await counts(db)
        ordered = ordered and (not seen or newest == seen - 1)
    return time.perf_counter() - began, ordered


async def counts(db: asyncpg.Connection) -> tuple[int, int]:
    query = "SELECT count(*), coalesce(max(seq), -1) FROM telemetry"
    count, newest = await db.fetchrow(query)
    return int(count), int(newest)


async def measure(folder: Path) -> dict[str, float]:
    async with plant(folder) as running:
        port = running.broker.port
        usual = await latencies(port, 0)
        await asyncio.to_thread(running.agent.terminate)
        await asyncio.to_thread(fill, running.agent.spool)
        draining = asyncio.create_task(drain(running))
        await asyncio.to_thread(running.agent.start)
        busy = await latencies(port, SHOTS)
        still_draining = not draining.done()
        took, ordered = await draining
        assert ordered
        assert still_draining, "the backlog was gone before the latencies were measured"
        p99 = int(0.99 * SHOTS)
        return {
            "frames drained a second": FRAMES / took,
            "usual p50 ms": usual[SHOTS // 2],
            "usual p99 ms": usual[p99],
            "p50 ms while draining": busy[SHOTS // 2],
            "p99 ms while draining": busy[p99],
            "p99 ratio": busy[p99] / usual[p99],
            "agent MB": running.rss_mb(),
        }


@pytest.mark.timeout(900)
def test_a_day_of_backlog(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    found = benchmark.pedantic(lambda: asyncio.run(measure(tmp_path)), rounds=1)
    benchmark.extra_info.update(found)
    print()
    for name, value in found.items():
        print(f"{name}: {value:.1f}")
