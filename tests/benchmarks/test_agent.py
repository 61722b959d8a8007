"""The whole agent under load: frames stored a second, processor time a frame, latency, memory.

Load, broker, database and agent share the machine, as they do beside a press.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.measured import say
from tests.support.node_red import NodeRed
from tests.support.plant import load, one_latency, plant

pytestmark = pytest.mark.needs("mosquitto", "postgres")
FRAMES = 60_000
SHOTS = 400
FRAMES_PER_S = 500.0


async def stored_rate(folder: Path) -> dict[str, float]:
    """Frames from the broker into TimescaleDB, decoded, assembled, exactly once."""
    async with plant(folder) as all_of_it:
        cpu = all_of_it.cpu_s()
        await load(all_of_it.broker.port, FRAMES)
        began = None
        assert all_of_it.db is not None
        while (stored := await count(all_of_it.db)) < FRAMES:
            if began is None and stored:
                began, at_first = time.perf_counter(), stored
            await asyncio.sleep(0.05)
        assert began is not None
        took = time.perf_counter() - began
        return {
            "frames stored a second": (FRAMES - at_first) / took,
            "agent, µs of processor a frame": 1e6 * (all_of_it.cpu_s() - cpu) / FRAMES,
            "agent, MB": all_of_it.rss_mb(),
        }


async def count(db: asyncpg.Connection) -> int:
    return int(await db.fetchval("SELECT count(*) FROM telemetry"))


async def latencies(folder: Path) -> list[float]:
    """From sending `poured` to having the prediction, in ms, while frames stream."""
    async with plant(folder) as all_of_it:
        port = all_of_it.broker.port
        frames = await load(port, int(FRAMES_PER_S * SHOTS * 0.15) + 5000, FRAMES_PER_S)
        async with connect(BrokerSettings(port=port), "meter") as session:
            await session.subscribe(["pur/v1/test/p1/twin/mold/+/prediction"])
            await asyncio.sleep(2.0)
            found = [await one_latency(session, f"shot{number:05d}") for number in range(SHOTS)]
        frames.terminate()
        await frames.wait()
        return sorted(found)


def test_latency_of_a_prediction(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    found = benchmark.pedantic(lambda: asyncio.run(latencies(tmp_path)), rounds=1)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    figures = {name: found[int(share * len(found))] for name, share in shares.items()}
    benchmark.extra_info.update(figures)
    words = ", ".join(f"{name} {value:.1f} ms" for name, value in figures.items())
    print(f"\npoured to prediction at {FRAMES_PER_S:.0f} frames/s, {SHOTS} shots: {words}")


async def republished_rate(folder: Path) -> dict[str, float]:
    """A Node-RED flow that parses, checks and republishes, without durability."""
    async with (
        MosquittoProcess(directory=folder / "mosquitto-of-node-red") as broker,
        NodeRed(folder, broker.port) as node_red,
    ):
        await load(broker.port, 2_000)
        await node_red.heard(2_000)  # warm
        cpu, began = node_red.cpu_s(), time.perf_counter()
        await load(broker.port, FRAMES)
        await node_red.heard(2_000 + FRAMES)
        took = time.perf_counter() - began
        return {
            "messages republished a second": FRAMES / took,
            "Node-RED, µs of processor a message": 1e6 * (node_red.cpu_s() - cpu) / FRAMES,
            "Node-RED, MB": node_red.rss_mb(),
        }


@pytest.mark.needs("node-red")
def test_frames_stored_beside_node_red(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """One after the other in one run, on one machine."""

    async def both() -> dict[str, float]:
        return await stored_rate(tmp_path) | await republished_rate(tmp_path)

    found = benchmark.pedantic(lambda: asyncio.run(both()), rounds=1)
    benchmark.extra_info.update(found)
    print()
    for name, value in found.items():
        say(f"{name}: {value:.0f}")
    ratio = found["frames stored a second"] / found["messages republished a second"]
    say(f"stored / republished: {ratio:.2f}", "1.5, aim 2")
