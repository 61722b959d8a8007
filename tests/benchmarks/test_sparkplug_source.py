"""Gateway over Sparkplug: what 500 metrics at 10 Hz of an edge node cost its process."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.local.mosquitto import MosquittoProcess
from tests.benchmarks.test_gateway import gateway_on
from tests.support.measured import say
from tests.support.processes import cpu_s, rss_mb
from tests.support.sparkplug_edge_node import EdgeNode

pytestmark = [pytest.mark.needs("mosquitto", "python:asyncua"), pytest.mark.timeout(300)]
METRICS, RATE_HZ, STATIONS = 500, 10, 2
WARM_S, MEASURED_S, SHORT_S = 5.0, 20.0, 2.0
CORE_SHARE_MAX, RSS_MAX_MB = 1 / 3, 150.0


def settings_for(port: int, names: list[str]) -> dict[str, Any]:
    """Metrics of one device as sensors of two presses."""
    stations: dict[str, Any] = {}
    for number in range(STATIONS):
        own = names[number::STATIONS]
        sensors = {f"T_mold_C.{n}": f"node.{name}" for n, name in enumerate(own, 1)}
        stations[f"st{number}"] = {"press": f"p{number}", "mold": "M", "sensors": sensors}
    source = {
        "kind": "sparkplug", "group": "hall", "edge_node": "node1", "rebirth": True,
        "tags": {name: {"metric": f"Values/{name}", "device": "press"} for name in names},
    }  # fmt: skip
    return {
        "site": "s", "broker": {"port": port}, "sources": {"node": source}, "stations": stations,
    }  # fmt: skip


async def say_all(node: EdgeNode, names: list[str]) -> None:
    """A message with all metrics, each changed, RATE_HZ times a second."""
    loop, metrics = asyncio.get_running_loop(), node.values["press"]
    due, number = loop.time(), 0
    while True:
        number += 1
        for at, name in enumerate(names):
            metrics[name] = 20.0 + (number + at) % 50 / 10
        await node.say("press", *names)
        due += 1 / RATE_HZ
        await asyncio.sleep(max(0.0, due - loop.time()))


async def cost(folder: Path, measured_s: float) -> dict[str, float]:
    """Processor and memory of the gateway's process."""
    names = [f"t{number}" for number in range(METRICS)]
    metrics = {f"Values/{name}": 20.0 for name in names}
    async with MosquittoProcess(directory=folder / "mosquitto") as broker:
        node = EdgeNode(broker.port, {"press": dict(metrics)})
        async with node:
            settings = settings_for(broker.port, names)
            talking = asyncio.create_task(say_all(node, list(metrics)))
            try:
                async with gateway_on(folder, settings, broker.port) as (gateway, agent):
                    await asyncio.sleep(min(WARM_S, measured_s))
                    assert gateway.process is not None
                    pid, heard = gateway.process.pid, len(agent.frames)
                    cpu, begun = cpu_s(pid), time.monotonic()
                    await asyncio.sleep(measured_s)
                    took_s = time.monotonic() - begun
                    frames = [frame for _, frame in agent.frames[heard:]]
                    return {
                        "share": (cpu_s(pid) - cpu) / took_s,
                        "rss_MB": rss_mb(pid),
                        "readings_per_s": sum(len(f.get("sensors", ())) for f in frames) / took_s,
                    }
            finally:
                talking.cancel()
                with suppress(asyncio.CancelledError):
                    await talking


def test_500_metrics_at_10_hz(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    measured_s = MEASURED_S if benchmark.enabled else SHORT_S
    found = benchmark.pedantic(lambda: asyncio.run(cost(tmp_path, measured_s)), rounds=1)
    benchmark.extra_info.update(found)
    say(
        f"{found['readings_per_s']:.0f} readings/s of Sparkplug: "
        f"{100 * found['share']:.1f} % of a core, {found['rss_MB']:.0f} MB"
    )
    assert found["rss_MB"] < RSS_MAX_MB
    if benchmark.enabled:  # else other tests run beside
        assert found["readings_per_s"] > 0.9 * METRICS * RATE_HZ
        assert found["share"] < CORE_SHARE_MAX
