"""An agent on a small computer: processor, bytes written and memory, history in a SQLite file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.codec import encode
from tests.support.measured import say, written_bytes
from tests.support.plant import Plant, loaded, plant, pour_of, send

pytestmark = pytest.mark.needs("mosquitto")
SECONDS, SHORT_S = 40.0, 2.0
WARM_S = 5.0
BYTES_LIMIT = {10.0: "4.0 kB", 100.0: "2.0 kB"}
CPU_LIMIT = {10.0: "", 100.0: "5 % of a core"}
DAY_S = 86_400


async def one_curing(running: Plant, press: str = "p1") -> None:
    """Pour a shot that cures from now on."""
    event = encode(pour_of("shot00001"))
    await send(running.broker.port, "shot", event, press)


async def wear(folder: Path, rate: float, seconds: float) -> tuple[float, float, float]:
    """Frames stored, processor time in s, bytes written, while one shot cures."""
    async with plant(folder, timescale=False) as running:
        port = running.broker.port
        async with loaded(port, seconds + 3 * WARM_S, rate, live=True):
            await one_curing(running)
            await asyncio.sleep(min(WARM_S, seconds))
            before = await running.scraped()
            written, cpu = written_bytes(running.pid), running.cpu_s()
            await asyncio.sleep(seconds)
            written, cpu = written_bytes(running.pid) - written, running.cpu_s() - cpu
            after = await running.scraped()
        return after["pur_frames_total"] - before["pur_frames_total"], cpu, written


@pytest.mark.parametrize("rate", [10.0, 100.0])
def test_processor_and_bytes_written(
    benchmark: BenchmarkFixture, tmp_path: Path, rate: float
) -> None:
    seconds = SECONDS if benchmark.enabled else SHORT_S
    frames, cpu_s, written = benchmark.pedantic(
        lambda: asyncio.run(wear(tmp_path, rate, seconds)), rounds=1
    )
    assert frames > 0
    a_frame, a_day = written / frames, written / seconds * DAY_S
    benchmark.extra_info.update({"bytes a frame": a_frame, "core": cpu_s / seconds})
    print()
    say(
        f"processor at {rate:.0f} frames/s: {100 * cpu_s / seconds:.1f} % of a core",
        CPU_LIMIT[rate],
    )
    say(
        f"written at {rate:.0f} frames/s: {a_frame / 1e3:.1f} kB a frame, "
        f"{a_day / 1e9:.1f} GB a day",
        f"{BYTES_LIMIT[rate]} a frame",
    )


@pytest.mark.timeout(600)
def test_memory(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Two presses of 100 frames a second each, a shot curing on both, nothing learned."""
    seconds = 60.0 if benchmark.enabled else 2.0

    async def memory() -> list[float]:
        async with plant(tmp_path, ("p1", "p2"), timescale=False) as running:
            port, found = running.broker.port, []
            async with (
                loaded(port, seconds + 15, 100.0, "p1", live=True),
                loaded(port, seconds + 15, 100.0, "p2", live=True),
            ):
                for press in ("p1", "p2"):
                    await one_curing(running, press)
                for _ in range(4):
                    await asyncio.sleep(seconds / 4)
                    found.append(running.rss_mb())
            return found

    found = benchmark.pedantic(lambda: asyncio.run(memory()), rounds=1)
    benchmark.extra_info["MB"] = found[-1]
    print()
    say(
        f"memory of two presses at 100 frames/s each after {seconds:.0f} s: {found[-1]:.0f} MB "
        f"({found[-1] - found[0]:+.1f} MB since the first quarter)",
        "210 MB, flat",
    )
