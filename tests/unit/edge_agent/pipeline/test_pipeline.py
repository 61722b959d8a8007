"""The loop of the pipeline, and its patience with the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from broker.codec import encode
from edge_agent.clock import SystemClock
from edge_agent.config.catalogue import load_catalogue
from edge_agent.errors import StoreError
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import pipeline, receive
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.ports import Envelope, Outgoing
from edge_agent.spool.spool import Changes, Spool, SpoolThread
from tests.chaos.inside import TOPIC, event, frames, settings_for


class Loop(Pipeline):
    """Only the loop, with an inbox that never ends or is always empty."""

    def __init__(self, busy: bool) -> None:
        self.wake = asyncio.Event()
        self._watch = Watch("pipeline")
        self._inference = Inference(Path("no-models"), Metrics())
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


class Told:
    """What people would be told while the disk refuses."""

    def __init__(self) -> None:
        self.refusals, self.held = 0, list[Envelope]()

    async def refused(self, held: Sequence[Envelope]) -> None:
        self.held += held

    async def unwritten(self, messages: Sequence[Outgoing]) -> None:
        self.refusals += 1

    async def taken(self) -> None:
        pass


async def test_what_the_inbox_still_takes_is_told_too_while_results_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "RETRY_S", 0.01)
    clock = SystemClock()
    first, second = (
        Envelope(clock.now(), f"{TOPIC}/{channel}", encode(message), None)
        for channel, message in (
            ("telemetry", frames(0, 1)[0]),
            ("shot", event("poured", clock.now())),
        )
    )

    class Disk(Spool):
        """Room for a message, none for the first three times of the results."""

        refusals = 3

        def commit(self, changes: Changes, *arguments: Any) -> None:
            if self.refusals:
                self.refusals -= 1
                if self.refusals == 1:
                    self.append([second])
                raise StoreError("full")
            super().commit(changes, *arguments)

    settings = settings_for(tmp_path, 1883)
    spool, told = SpoolThread(Disk(tmp_path / "spool.db")), Told()
    spool.spool.append([first])
    work = Pipeline(settings, load_catalogue(settings), spool, clock, lambda: None, unsaved=told)
    assert await work.step()
    assert told.refusals == 3
    assert told.held == [second]
    assert [row.envelope for row in spool.spool.inbox(0, 10)] == [second], "still to be done"
    spool.close()
