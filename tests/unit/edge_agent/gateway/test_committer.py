"""The committer: in order, together, and patient with a disk that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.clock import SystemClock
from edge_agent.errors import StoreError
from edge_agent.gateway.committer import Committer
from edge_agent.gateway.outbox_entry import Step
from edge_agent.monitoring.watchdog import Watch
from edge_agent.spool import retry
from tests.support.drafts import draft
from tests.support.waiting import until


class Disk:
    """An outbox that takes steps when it is let."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.refusals = 0
        self.open = asyncio.Event()
        self.open.set()

    async def commit(self, steps: Sequence[Step], now: datetime) -> int:
        await self.open.wait()
        if self.refusals:
            self.refusals -= 1
            raise StoreError("database or disk is full")
        self.written.append([int(d.ts.second) for step in steps for d in step.drafts])
        return 0


async def committer_on(disk: Any) -> tuple[Committer, asyncio.Task[None], list[int]]:
    told: list[int] = []
    made = Committer(disk, SystemClock(), Watch("outbox"), lambda steps: told.append(len(steps)))
    return made, asyncio.create_task(made.run()), told


async def test_steps_that_come_meanwhile_share_a_transaction() -> None:
    disk = Disk()
    committer, task, told = await committer_on(disk)
    disk.open.clear()
    first = committer.add(Step([draft(0)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [committer.add(Step([draft(n)])) for n in range(1, 5)]
    assert not first.done()
    disk.open.set()
    await asyncio.gather(first, *others)
    assert disk.written == [[0], [1, 2, 3, 4]]
    await committer.flushed()
    assert told == [1, 4]
    task.cancel()


async def test_a_disk_that_refuses_holds_up_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "RETRY_S", 0.001)
    disk = Disk()
    committer, task, _ = await committer_on(disk)
    disk.refusals = 10**9
    with capture_logs() as logs:
        written = committer.add(Step([draft(0)]))
        await until(lambda: committer.refused is not None)
        later = committer.add(Step([draft(1)]))
        assert not written.done()
        disk.refusals = 0
        await asyncio.gather(written, later)
    assert [n for batch in disk.written for n in batch] == [0, 1]
    assert committer.refused is None
    events = [line["event"] for line in logs]
    assert events == ["outbox_write_failed", "outbox_write_recovered"]
    task.cancel()
