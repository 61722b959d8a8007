"""publish: a disk that refuses for a while must not end the session, nor the agent with it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from broker.topics import PressAddress
from edge_agent.errors import StoreError
from edge_agent.pipeline import receive
from edge_agent.pipeline.publish import publish
from edge_agent.ports import Outgoing
from edge_agent.spool.spool import Changes, Spool, SpoolThread

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Session:
    """Accepts everything."""

    def __init__(self) -> None:
        self.published: list[str] = []

    async def publish(self, topic: str, payload: bytes, **_marks: bool) -> None:
        self.published.append(topic)


class FullDisk(Spool):
    """Refuses to forget, for a while."""

    refusals = 3

    def settle_published(self, ids: object) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("spool.db: the spool cannot be written: database or disk is full")
        super().settle_published(ids)  # type: ignore[arg-type]


async def test_what_is_published_is_forgotten_when_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "RETRY_S", 0.001)
    spool = SpoolThread(FullDisk(tmp_path / "spool.db"))
    press = PressAddress("s", "p1")
    spool.spool.commit(Changes(publish=[Outgoing(str(press), "k", "t", b"x")]), NOW)
    session = Session()
    with capture_logs() as logs:
        task = asyncio.create_task(
            publish(session, spool, press, asyncio.Event(), NOW)  # type: ignore[arg-type]
        )
        async with asyncio.timeout(5):
            while (await spool.call(spool.spool.depth)).publish_count:
                assert not task.done()
                await asyncio.sleep(0.005)
        task.cancel()
    assert session.published == ["t"], "once: it waits for the disk, not for the broker"
    assert [entry["event"] for entry in logs] == ["spool_write_failed", "spool_write_recovered"]
    spool.close()
