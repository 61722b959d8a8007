"""Batches of the pipeline: what gathers, what is written at once, and while another is written."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from typing import Any

import pytest

from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.chaos.inside import frames
from tests.support.desks import START, Desk, unknown
from tests.support.waiting import until


async def test_telemetry_gathers_and_results_are_written_at_once(desk: Desk) -> None:
    before = desk.disk.commits
    await desk.told(*frames(0, 60, START))
    assert not desk.work.batches._writer.busy
    await desk.told(*frames(60, 4, START))  # a quarter of what the broker hands over
    await until(lambda: len(desk.acknowledged) == 64, "the acknowledgement")
    assert desk.disk.commits == before + 1
    await desk.told(*frames(64, 1, START), unknown())
    await until(lambda: len(desk.acknowledged) == 66, "the acknowledgement")
    assert desk.disk.commits == before + 2
    assert [found.basis for found in desk.predictions()] == ["poured"]


async def test_the_next_batch_is_worked_on_while_one_is_written(desk: Desk) -> None:
    blocked, written = threading.Event(), Spool.commit

    def slow(spool: Spool, changes: Changes, now: datetime) -> None:
        assert blocked.wait(30)
        written(spool, changes, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spool, "commit", slow)
        await desk.told(unknown("s1"))
        assert desk.work.batches._writer.busy
        await desk.told(unknown("s2", 60.0), unknown("s3", 120.0))
        assert desk.acknowledged == []
        assert len(desk.work.results.batch.issued) > 2, "answered, and in the next batch"
        blocked.set()
        async with asyncio.timeout(30):
            await desk.work.batches.flush()
    assert desk.acknowledged == [1, 2, 3]
    assert desk.disk.commits == 3, "the reserve, and two batches"


async def test_what_a_turn_leads_to_is_in_one_batch(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is acknowledged by a batch that was written while its shot was simulated."""
    simulated, going_on = asyncio.Event(), asyncio.Event()
    answer = desk.work._changed.answer

    async def slow(*args: Any, **named: Any) -> None:
        simulated.set()
        await going_on.wait()
        await answer(*args, **named)

    monkeypatch.setattr(desk.work._changed, "answer", slow)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.told(unknown()))
        await simulated.wait()
        flushing = tasks.create_task(
            desk.work.batches.flush()
        )  # a press comes to the agent just now
        for _ in range(100):
            await asyncio.sleep(0)
        assert not flushing.done()
        assert desk.acknowledged == []
        going_on.set()
    await desk.work.batches.flush()
    assert desk.acknowledged == [1]
    kept = {row.entry.kind for row in desk.disk.to_forward(100)}
    assert kept == {"event", "shot", "prediction"}
