"""The loop of the pipeline: turns of the presses, ticks, and what wakes and ends it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from broker.codec import encode
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import pipeline
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.pipeline import Pipeline
from tests.chaos.inside import TOPIC, frames
from tests.support.desks import Desk, unknown
from tests.support.pipelines import incoming
from tests.support.waiting import until


class Loop(Pipeline):
    """Only the loop, with messages that never end or never come."""

    def __init__(self, busy: bool) -> None:
        self.wake = asyncio.Event()
        self._watch = Watch("pipeline")
        self._inference = Inference(Path("no-models"), Metrics())
        self.busy, self.ticks, self.steps = busy, 0, 0

    async def start(self) -> None:
        pass

    def _pause_s(self) -> float:
        return 0.01

    async def step(self) -> bool:
        self.steps += 1
        await asyncio.sleep(0)
        return self.busy

    async def tick(self) -> None:
        self.ticks += 1


@pytest.mark.parametrize("busy", [True, False])
async def test_time_passes_for_a_busy_agent_too(
    busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "TICK_S", 0.01)
    loop = Loop(busy)
    with suppress(TimeoutError):
        await asyncio.wait_for(loop.run(), 0.2)
    assert loop.ticks >= 3
    assert loop.steps > loop.ticks - 2


@pytest.mark.parametrize("turns", range(4))
async def test_the_loop_ends_also_when_it_is_woken_just_then(turns: int) -> None:
    """A cancellation that comes together with what it waits for must not get lost."""
    loop = Loop(busy=False)
    loop._pause_s = lambda: 60.0  # type: ignore[method-assign]
    running = asyncio.create_task(loop.run())
    await until(lambda: loop._watch.resting and loop.steps > 0, "the loop to wait")
    loop.wake.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running}, timeout=30)
    ended = running.done()
    running.cancel()
    assert ended


async def test_a_press_in_flood_waits_for_the_others(desk: Desk) -> None:
    """A turn is some messages; one step gives every press its turn."""
    other = desk.inlet_of(256)
    desk.inlet.put([incoming(f"{TOPIC}/telemetry", encode(f)) for f in frames(0, 500)])
    other.put([incoming(f"{TOPIC}/shot", encode(unknown()))])
    await desk.work.step()
    assert not other.waiting
    assert len(desk.inlet.waiting) >= 500 - pipeline.TURN
    desk.work.close(desk.inlet)
    assert not desk.inlet.waiting


async def test_a_writer_that_is_done_wakes_the_loop(desk: Desk) -> None:
    await desk.told(unknown())
    async with asyncio.timeout(30):
        desk.work.wake.clear()
        await desk.work.batches.flush()
        await desk.work.wake.wait()


async def test_a_tick_that_waits_for_somebody_is_not_stuck(desk: Desk) -> None:
    async with desk.work.lock:
        desk.work._watch.progress()
        ticking = asyncio.create_task(desk.work.tick())
        await until(lambda: desk.work._watch.resting, "the tick to wait")
    async with asyncio.timeout(30):
        await ticking


async def test_simulations_of_shots_that_went_elsewhere_are_forgotten(desk: Desk) -> None:
    await desk.told(unknown("s1"))
    (shot,) = desk.work.assembler.shots
    await desk.work.tick()
    assert shot.shot_key in desk.work._simulations._known
    desk.work.assembler.shots.remove(shot)
    await desk.work.tick()
    assert desk.work._simulations._known == {}
