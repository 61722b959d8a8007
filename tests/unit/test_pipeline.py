"""The loop of the pipeline."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from edge_agent import pipeline
from edge_agent.pipeline import Pipeline


class Loop(Pipeline):
    """Only the loop, with an inbox that never ends or is always empty."""

    def __init__(self, busy: bool) -> None:
        self.wake = asyncio.Event()
        self.busy, self.ticks, self.steps = busy, 0, 0

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
