"""The pipeline: its loop, its turns, a spool of an older program, and a disk that refuses."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import pipeline
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.pipeline import Pipeline

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


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
