"""What Sparkplug costs an agent: 500 metrics at 10 Hz, with it and without, in turns.

Both agents run beside each other on two presses of one broker, so that the machine is the same.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from contextlib import AsyncExitStack
from datetime import UTC, datetime
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
SECONDS, SHOTS = 20.0, 60
CORE_MAX, LATENCY_MAX, MB_MAX = 1 / 3, 1.1, 20.0


def frame(seq: int) -> bytes:
    """A frame in which every value is another one than before."""
    sensors = {f"T_zone{n}_C": 20.0 + (seq * 7 + n) % 997 / 10 for n in range(SENSORS)}
    metrics = {f"counter_{n}": float(seq * SENSORS + n) for n in range(METRICS)}
    head = {"v": 1, "ts": datetime.now(UTC).isoformat(), "device_id": "d1", "seq": seq}
    return json.dumps(head | {"mold_id": MOLD, "sensors": sensors, "metrics": metrics}).encode()


async def streamed(session: Session, first_seq: int, seconds: float) -> int:
    """Frames at 10 Hz for so long; the next number."""
    loop = asyncio.get_running_loop()
    begun, seq = loop.time(), first_seq
    while (due := begun + (seq - first_seq) * EVERY_S) < begun + seconds:
        await asyncio.sleep(due - loop.time())
        await session.publish("pur/v1/test/p1/telemetry", frame(seq))
        seq += 1
    return seq


async def measured(folder: Path) -> dict[str, float]:
    """Cores, memory and latency of both agents, in turns."""
    async with AsyncExitStack() as stack:
        agents: dict[str, Plant] = {}
        for name in ("without", "with"):
            (folder / name).mkdir()
            more = {"sparkplug": {"enabled": name == "with"}}
            agents[name] = await stack.enter_async_context(
                plant(folder / name, timescale=False, more=more)
            )
        found: dict[str, list[float]] = {f"{n} {w}": [] for n in agents for w in ("core", "ms")}
        seqs = dict.fromkeys(agents, 0)
        for turn in range(2):
            for name, one in agents.items():
                link = BrokerSettings(port=one.broker.port)
                async with connect(link, "load") as load, connect(link, "meter") as meter:
                    if turn == 0:
                        seqs[name] = await streamed(load, seqs[name], 3.0)  # warm
                    cpu = one.cpu_s()
                    seqs[name] = await streamed(load, seqs[name], SECONDS / 2)
                    found[f"{name} core"].append((one.cpu_s() - cpu) / (SECONDS / 2))
                    await meter.subscribe(["pur/v1/test/p1/twin/mold/+/prediction"])
                    streaming = asyncio.create_task(streamed(load, seqs[name], 600.0))
                    for number in range(SHOTS // 2):
                        shot = f"shot{turn * 1000 + number:05d}"
                        found[f"{name} ms"].append(await one_latency(meter, shot))
                    streaming.cancel()
                    await asyncio.gather(streaming, return_exceptions=True)
                    seqs[name] += 100_000
        figures = {
            "core more": statistics.mean(found["with core"])
            - statistics.mean(found["without core"]),
            "latency": statistics.median(found["with ms"]) / statistics.median(found["without ms"]),
            "MB more": agents["with"].rss_mb() - agents["without"].rss_mb(),
            "core without": statistics.mean(found["without core"]),
            "ms without": statistics.median(found["without ms"]),
        }
        figures["sent"] = (await agents["with"].scraped())["pur_sparkplug_sent_total/p1"]
        return figures


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
