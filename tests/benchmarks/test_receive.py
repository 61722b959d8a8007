"""Receiving, written down before it is acknowledged, beside aiomqtt that takes and drops.

Both drain their queue in batches, in turn, from the same broker under the same load.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiomqtt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from edge_agent.ports import HistoryRow
from edge_agent.spool.spool import Changes, Spool, SpoolThread
from tests.support.processes import ROOT

pytestmark = pytest.mark.needs("mosquitto")
MESSAGES, ROUNDS = 20_000, 5
TOPIC = "pur/v1/test/p1/telemetry"
Version = Literal["5", "3.1.1"]
VERSIONS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}


async def loaded(port: int, receive: Callable[[], Awaitable[None]]) -> float:
    """Messages a second of a receiver that has subscribed."""
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.load", str(port), str(MESSAGES)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    await receive()  # the first batch: the load has started
    began = time.perf_counter()
    await receive()
    took = time.perf_counter() - began
    await load.wait()
    return (MESSAGES - 1) / took


async def durable(port: int, version: Version, folder: Path) -> float:
    """Our session: batches into the spool, then acknowledged."""
    path = folder / f"{time.monotonic_ns()}.db"
    spool, left, first = SpoolThread(Spool(path)), MESSAGES, True
    async with connect(BrokerSettings(port=port, protocol=version), "durable") as session:
        await session.subscribe([TOPIC])

        async def receive() -> None:
            nonlocal left, first
            until, first = (MESSAGES - 1, False) if first else (0, False)
            while left > until:
                batch = await session.next_batch(1 if until else 256)
                rows = [HistoryRow("telemetry", message.payload.decode()) for message in batch]
                await spool.call(spool.spool.commit, Changes(forward=rows), datetime.now(UTC))
                session.acknowledge(batch)
                left -= len(batch)

        rate = await loaded(port, receive)
    assert spool.spool.depth().forward_count == MESSAGES
    spool.close()
    return rate


async def dropping(port: int, version: Version) -> float:
    """aiomqtt as it comes: acknowledges by itself; its queue is drained and forgotten."""
    left, first = MESSAGES, True
    async with aiomqtt.Client("127.0.0.1", port, protocol=VERSIONS[version]) as client:
        await client.subscribe(TOPIC, qos=1)

        async def receive() -> None:
            nonlocal left, first
            until, first = (MESSAGES - 1, False) if first else (0, False)
            while left > until:
                await anext(client.messages)
                left -= 1
                while left > until and len(client.messages):
                    await anext(client.messages)
                    left -= 1

        return await loaded(port, receive)


async def measure(folder: Path) -> dict[str, float]:
    """Median rates over rounds, each in turn."""
    found: dict[str, list[float]] = {}
    versions: tuple[Version, ...] = ("5", "3.1.1")
    async with MosquittoProcess() as broker:
        for _ in range(ROUNDS):
            for version in versions:
                rate = await durable(broker.port, version, folder)
                found.setdefault(f"durable {version}", []).append(rate)
                rate = await dropping(broker.port, version)
                found.setdefault(f"aiomqtt {version}", []).append(rate)
    return {name: statistics.median(rates) for name, rates in found.items()}


def test_durable_receive_beside_aiomqtt(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    rates = benchmark.pedantic(lambda: asyncio.run(measure(tmp_path)), rounds=1)
    ratios = {
        "durable / aiomqtt, MQTT 5": rates["durable 5"] / rates["aiomqtt 5"],
        "durable / aiomqtt, MQTT 3.1.1": rates["durable 3.1.1"] / rates["aiomqtt 3.1.1"],
        "MQTT 5 / 3.1.1, durable": rates["durable 5"] / rates["durable 3.1.1"],
    }
    benchmark.extra_info.update(rates | ratios)
    print()
    for name, rate in rates.items():
        print(f"{name}: {rate:.0f} messages/s")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")
