"""Receiving, worked on and written down before it is acknowledged, beside aiomqtt that drops it.

Both drain their queue in batches, in turn, from the same broker under the same load.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import aiomqtt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.local.mosquitto import MosquittoProcess
from broker.topics import PressAddress
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.receive import Inlet, receive
from edge_agent.presses.press_session import WINDOW_311
from tests.support.agents import settings_for
from tests.support.pipelines import pipeline_on, spool_of
from tests.support.processes import ROOT

pytestmark = pytest.mark.needs("mosquitto")
MESSAGES, ROUNDS = 20_000, 5
TOPIC = "pur/v1/test/p1/telemetry"
Version = Literal["5", "3.1.1"]
VERSIONS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}


async def loaded(port: int, receive: Callable[[int], Awaitable[None]]) -> float:
    """Messages a second of a receiver that has subscribed, which has so many when it returns."""
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.load", str(port), str(MESSAGES)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    await receive(1)  # the load has started
    began = time.perf_counter()
    await receive(MESSAGES)
    took = time.perf_counter() - began
    await load.wait()
    return (MESSAGES - 1) / took


async def durable(port: int, version: Version, folder: Path) -> float:
    """Our pipeline: decoded, assembled, rows for the history on disk, then acknowledged."""
    folder = folder / str(time.monotonic_ns())
    folder.mkdir()
    settings = settings_for(folder, port).model_copy(update={"site": "test"})
    work = pipeline_on(settings, SystemClock())
    window = settings.broker.receive_maximum if version == "5" else WINDOW_311
    done, moved = 0, asyncio.Event()
    async with connect(BrokerSettings(port=port, protocol=version), "durable") as session:
        await session.subscribe([TOPIC])

        def acknowledge(messages: Sequence[Incoming]) -> None:
            nonlocal done
            session.acknowledge(messages)
            done += len(messages)
            moved.set()

        async def have(count: int) -> None:
            while done < count:
                moved.clear()
                await moved.wait()

        inlet = Inlet(PressAddress("test", "p1"), acknowledge, window)
        work.open(inlet)
        tasks = [
            asyncio.create_task(work.run()),
            asyncio.create_task(receive(session, inlet, Watch("receive"))),
        ]
        rate = await loaded(port, have)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert spool_of(work).depth().forward_count == MESSAGES
    await work.batches.stop()
    work._spool.close()
    return rate


async def dropping(port: int, version: Version) -> float:
    """aiomqtt as it comes: acknowledges by itself; its queue is drained and forgotten."""
    done = 0
    async with aiomqtt.Client("127.0.0.1", port, protocol=VERSIONS[version]) as client:
        await client.subscribe(TOPIC, qos=1)

        async def have(count: int) -> None:
            nonlocal done
            while done < count:
                await anext(client.messages)
                done += 1
                while done < count and len(client.messages):
                    await anext(client.messages)
                    done += 1

        return await loaded(port, have)


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
