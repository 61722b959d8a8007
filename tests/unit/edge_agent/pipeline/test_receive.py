"""receive: nothing is acknowledged before it is on disk, and a full disk is said once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.errors import StoreError
from edge_agent.pipeline import hold
from edge_agent.pipeline import receive as stage


class Clock:
    speed = 1.0

    def now(self) -> datetime:
        return datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Message:
    topic, payload, content_type, unreadable = "t", b"x", None, None


class Session:
    """One batch, then silence."""

    def __init__(self) -> None:
        self.acknowledged: list[Any] = []
        self.given = False

    async def next_batch(self, limit: int) -> list[Message]:
        if self.given:
            await asyncio.sleep(3600)
        self.given = True
        return [Message()]

    def acknowledge(self, batch: Any) -> None:
        self.acknowledged.append(batch)


class Disk:
    """Refuses the first writes."""

    def __init__(self, refusals: int) -> None:
        self.spool = self
        self.refusals, self.written = refusals, 0

    def append(self, envelopes: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("spool.db: the spool cannot be written: database or disk is full")
        self.written += len(envelopes)

    async def call(self, method: Any, *arguments: Any) -> None:
        method(*arguments)


async def test_a_full_disk_holds_the_acknowledgement_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold, "RETRY_S", 0.001)
    session, disk, stored = Session(), Disk(refusals=5), asyncio.Event()
    with capture_logs() as logs:
        task = asyncio.create_task(
            stage.receive(session, disk, Clock(), "#", stored.set)  # type: ignore[arg-type]
        )
        while disk.refusals:
            assert not session.acknowledged
            await asyncio.sleep(0)
        await asyncio.wait_for(stored.wait(), 5)
        task.cancel()
    assert (disk.written, len(session.acknowledged)) == (1, 1)
    assert [entry["event"] for entry in logs] == ["spool_write_failed", "spool_write_recovered"]
