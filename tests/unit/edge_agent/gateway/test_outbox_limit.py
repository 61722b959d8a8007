"""The limit: the oldest readings go, counted and told once; events stay and close the door."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.config.gateway_settings import OutboxSettings
from edge_agent.gateway.outbox import Outbox
from edge_agent.gateway.outbox_entry import Draft, Kind, Step
from edge_agent.gateway.outbox_limit import OutboxLimit
from edge_agent.gateway.outbox_thread import OutboxThread
from tests.support.drafts import PRESS, START

NOW = START + timedelta(hours=1)
LARGE = {"words": random.Random(1).randbytes(10_000).hex()}
"""It cannot be compressed below half."""


@pytest.fixture
def thread(tmp_path: Path) -> Iterator[OutboxThread]:
    made = OutboxThread(Outbox(tmp_path / "gateway.db"))
    yield made
    made.close()


async def fill(thread: OutboxThread, kind: Kind, count: int) -> None:
    drafts = [Draft(PRESS, "plc", kind, START, LARGE) for _ in range(count)]
    await thread.commit([Step(drafts)], NOW)


async def test_readings_go_and_it_is_told(thread: OutboxThread) -> None:
    limit = OutboxLimit(thread, OutboxSettings(limit_mb=1))
    with capture_logs() as logs:
        await fill(thread, "telemetry", 80)
        await limit.check(NOW)
        await fill(thread, "telemetry", 60)
        await limit.check(NOW)
        await fill(thread, "telemetry", 10)
        await limit.check(NOW)
    assert limit.dropped_count > 0
    assert thread.outbox.waiting["telemetry"] + limit.dropped_count == 150
    events = [line["event"] for line in logs]
    assert events == ["readings_given_up", "outbox_has_room"]


async def test_events_never_go(thread: OutboxThread) -> None:
    limit = OutboxLimit(thread, OutboxSettings(limit_mb=1))
    with capture_logs() as logs:
        await fill(thread, "shot", 140)
        await limit.check(NOW)
        await limit.check(NOW)
    assert thread.outbox.full
    assert thread.outbox.waiting["shot"] == 140
    assert limit.words is not None
    assert [line["event"] for line in logs] == ["outbox_full"]
