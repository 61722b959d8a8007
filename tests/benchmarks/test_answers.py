"""From a pour to its prediction while 500 frames a second come in, history in TimescaleDB.

What counts is the time beyond the simulation itself, beside a Node-RED that only sends each message
back (its MQTT nodes cannot set TCP_NODELAY; the agent, the meter and Mosquitto here do).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.support.latency import Waited, metering
from tests.support.measured import SLOW_DISK, TRACED, say, share, stage, synced_writes
from tests.support.node_red import NodeRed
from tests.support.plant import Plant, loaded, plant

pytestmark = pytest.mark.needs("mosquitto", "postgres")
FRAMES_PER_S = 500.0
SHOTS, SHORT = 200, 5
S_PER_SHOT = 0.5
"""More than a shot takes, so that the load lasts."""
WARM_S = 2.0


async def waited(
    running: Plant, first: int, count: int, *, echo: bool = False, rate: float = FRAMES_PER_S
) -> list[Waited]:
    """Shots from this number on, one after the other, under load."""
    port = running.broker.port
    async with metering(running) as meter, loaded(port, count * S_PER_SHOT + 10, rate):
        await asyncio.sleep(WARM_S)
        shots = range(first, first + count)
        return [await meter.one(f"shot{number:05d}", echo=echo) for number in shots]


def figures(found: list[Waited]) -> dict[str, float]:
    """The middle and the worst of a hundred, in ms."""
    beyond, echo = [w.beyond_ms for w in found], [w.echo_ms for w in found if w.echo_ms is not None]
    named = {"beyond": beyond, "all": [w.prediction_ms for w in found]}
    named |= {"simulated": [w.simulated_ms for w in found], **({"echo": echo} if echo else {})}
    return {
        f"{name} {words}": share(values, fraction)
        for name, values in named.items()
        for words, fraction in (("p50", 0.5), ("p99", 0.99))
    }


async def beside_node_red(folder: Path, count: int) -> tuple[list[Waited], list[Waited]]:
    """Alone, then with Node-RED that hears and repeats the same messages."""
    async with plant(folder) as running:
        alone = await waited(running, 0, count)
        async with NodeRed(folder, running.broker.port):
            return alone, await waited(running, count, count, echo=True)


@pytest.mark.needs("node-red")
@pytest.mark.timeout(900)
def test_answer_beyond_the_simulation(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    count = SHOTS if benchmark.enabled else SHORT
    found = benchmark.pedantic(lambda: asyncio.run(beside_node_red(tmp_path, count)), rounds=1)
    alone, beside = map(figures, found)
    ratio = beside["beyond p99"] / beside["echo p99"]
    benchmark.extra_info.update(alone | {"ratio": ratio})
    print()
    say(
        f"poured -> prediction beyond the simulation, {FRAMES_PER_S:.0f} frames/s, {count} shots: "
        f"p50 {alone['beyond p50']:.1f} ms, p99 {alone['beyond p99']:.1f} ms",
        "3 and 12 ms on a quiet machine",
    )
    say(
        f"with the simulation: p50 {alone['all p50']:.1f} ms, p99 {alone['all p99']:.1f} ms; "
        f"the simulation: p50 {alone['simulated p50']:.1f} ms, p99 {alone['simulated p99']:.1f} ms"
    )
    say(
        f"beside Node-RED: p50 {beside['beyond p50']:.1f} ms, p99 {beside['beyond p99']:.1f} ms "
        f"beyond the simulation; Node-RED's echo, no TCP_NODELAY: "
        f"p50 {beside['echo p50']:.1f} ms, p99 {beside['echo p99']:.1f} ms; p99 ratio {ratio:.2f}",
        "2, aim below 1",
    )


@pytest.mark.needs("strace")
@pytest.mark.timeout(900)
def test_answer_while_the_disk_is_slow(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    count = SHOTS if benchmark.enabled else SHORT

    async def once(name: str, prefix: tuple[str, ...]) -> dict[str, float]:
        folder = tmp_path / name
        folder.mkdir()
        async with plant(folder, prefix=prefix) as running:
            return figures(await waited(running, 0, count))

    async def both() -> tuple[dict[str, float], dict[str, float]]:
        return await once("quick", TRACED), await once("slow", SLOW_DISK)

    quick, slow = benchmark.pedantic(lambda: asyncio.run(both()), rounds=1)
    change = slow["beyond p50"] - quick["beyond p50"]
    benchmark.extra_info.update(slow | {"change": change})
    print()
    say(
        f"poured -> prediction beyond the simulation, every fdatasync 50 ms longer, {count} shots: "
        f"p50 {slow['beyond p50']:.1f} ms, p99 {slow['beyond p99']:.1f} ms; with the disk as it is "
        f"p50 {quick['beyond p50']:.1f} ms, p99 {quick['beyond p99']:.1f} ms; "
        f"p50 changes by {change:.1f} ms",
        "1 ms",
    )


@pytest.mark.needs("strace")
@pytest.mark.parametrize("history", ["TimescaleDB", "SQLite"])
def test_synced_writes_of_a_batch(
    benchmark: BenchmarkFixture, tmp_path: Path, history: str
) -> None:
    seconds = 5.0 if benchmark.enabled else 1.0

    async def count() -> tuple[int, float, float, float]:
        async with plant(tmp_path, timescale=history == "TimescaleDB") as running:
            async with loaded(running.broker.port, 60, FRAMES_PER_S):
                await asyncio.sleep(WARM_S)
                async with synced_writes(running.pid) as calls:
                    before = await running.scraped()
                    await asyncio.sleep(seconds)
                    after = await running.scraped()
            batches, commits = (
                stage(after, name, "count") - stage(before, name, "count")
                for name in ("receive", "commit")
            )
            frames = after["pur_frames_total"] - before["pur_frames_total"]
            return sum(calls.values()), batches, commits, frames

    calls, batches, commits, frames = benchmark.pedantic(lambda: asyncio.run(count()), rounds=1)
    print()
    say(
        f"synced writes of a batch, history in {history}: {calls / max(1.0, commits):.2f} a commit "
        f"({calls} synced writes, {batches:.0f} batches received, {commits:.0f} commits, "
        f"{frames:.0f} frames in {seconds:.0f} s)",
        "1 and the checkpoints" if history == "TimescaleDB" else "",
    )
