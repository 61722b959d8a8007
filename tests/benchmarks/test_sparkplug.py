"""What Sparkplug costs an agent: 500 metrics at 10 Hz, with it and without.

Both agents run at the same time, each with a broker of its own, so that the machine is the same.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.load import MOLD
from tests.support.measured import say
from tests.support.plant import Plant, one_latency, plant

pytestmark = pytest.mark.needs("mosquitto")
SENSORS, METRICS, EVERY_S = 250, 250, 0.1
SECONDS, SHOTS = 20.0, 120
CORE_MAX, LATENCY_MAX, MB_MAX = 1 / 3, 1.1, 20.0


def frame(seq: int) -> bytes:
    """A frame in which every value is another one than before."""
    sensors = {f"T_zone{n}_C": 20.0 + (seq * 7 + n) % 997 / 10 for n in range(SENSORS)}
    metrics = {f"counter_{n}": float(seq * SENSORS + n) for n in range(METRICS)}
    head = {"v": 1, "ts": datetime.now(UTC).isoformat(), "device_id": "d1", "seq": seq}
    return json.dumps(head | {"mold_id": MOLD, "sensors": sensors, "metrics": metrics}).encode()


async def streamed(session: Session) -> None:
    """Frames at 10 Hz until it is cancelled."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for seq in count():
        await asyncio.sleep(begun + seq * EVERY_S - loop.time())
        await session.publish("pur/v1/test/p1/telemetry", frame(seq))


async def measured(folder: Path) -> dict[str, float]:
    """Cores, memory and latency of both agents at the same time, a shot of each in turn."""
    async with AsyncExitStack() as stack:
        agents: dict[str, Plant] = {}
        meters: dict[str, Session] = {}
        streams = []
        for name in ("without", "with"):
            (folder / name).mkdir()
            more = {"sparkplug": {"enabled": name == "with"}}
            one = await stack.enter_async_context(plant(folder / name, timescale=False, more=more))
            agents[name], link = one, BrokerSettings(port=one.broker.port)
            meters[name] = await stack.enter_async_context(connect(link, "meter"))
            await meters[name].subscribe(["pur/v1/test/p1/twin/mold/+/prediction"])
            load = await stack.enter_async_context(connect(link, "load"))
            streams.append(asyncio.create_task(streamed(load)))
        await asyncio.sleep(3.0)  # warm
        before = {name: one.cpu_s() for name, one in agents.items()}
        await asyncio.sleep(SECONDS)
        cores = {name: (one.cpu_s() - before[name]) / SECONDS for name, one in agents.items()}
        took: dict[str, list[float]] = {name: [] for name in agents}
        for number in range(SHOTS):
            for name in sorted(agents, reverse=bool(number % 2)):
                took[name].append(await one_latency(meters[name], f"shot{number:05d}"))
        memory = {name: one.rss_mb() for name, one in agents.items()}
        sent = (await agents["with"].scraped())["pur_sparkplug_sent_total/p1"]
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        ms = {name: statistics.median(found) for name, found in took.items()}
        return {
            "core more": cores["with"] - cores["without"],
            "core without": cores["without"],
            "latency": ms["with"] / ms["without"],
            "ms without": ms["without"],
            "MB more": memory["with"] - memory["without"],
            "sent": sent,
        }


def test_cost_of_500_metrics_at_10_hz(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    found = benchmark.pedantic(lambda: asyncio.run(measured(tmp_path)), rounds=1)
    benchmark.extra_info.update(found)
    print()
    say(f"cores more: {found['core more']:.3f} (without: {found['core without']:.3f})", "1/3")
    say(f"latency of a prediction, times that without: {found['latency']:.2f}", "1.1")
    say(f"latency without: {found['ms without']:.1f} ms")
    say(f"MB more: {found['MB more']:.1f}", "20")
    assert found["sent"] > SECONDS / EVERY_S
    assert found["core more"] < CORE_MAX
    assert found["latency"] <= LATENCY_MAX
    assert found["MB more"] <= MB_MAX
