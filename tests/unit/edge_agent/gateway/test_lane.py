"""Lane: old before new, one alone until it is taken, refusals aside, all again at each session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from broker.topics import TopicSpace
from edge_agent.clock import SystemClock
from edge_agent.errors import (
    LinkError,
    NobodySubscribes,
    NotAuthorized,
    PublishRefused,
)
from edge_agent.gateway import lane as lane_module
from edge_agent.gateway.lane import WINDOW, Lane
from edge_agent.gateway.outbox import Entry, Outbox
from edge_agent.gateway.outbox_entry import Step
from edge_agent.gateway.outbox_thread import OutboxThread
from tests.support.drafts import PRESS, draft, received
from tests.support.played_session import PlayedSession
from tests.support.waiting import until

P1 = str(PRESS)


@dataclass
class Noted:
    """An observer that notes everything."""

    sent_seqs: list[int] = field(default_factory=list)
    again_count: int = 0
    taken_seqs: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def sent(self, entry: Entry, *, again: bool) -> None:
        self.sent_seqs.append(entry.seq)
        self.again_count += again

    def taken(self, entry: Entry) -> None:
        self.taken_seqs.append(entry.seq)

    def refused(self, entry: Entry, problem: LinkError) -> None:
        self.problems.append(str(problem))


@dataclass
class Bench:
    """A lane on an outbox."""

    lane: Lane
    thread: OutboxThread
    noted: Noted

    async def add(self, *numbers: int) -> None:
        """Put messages into the outbox."""
        await self.thread.commit([Step([draft(n) for n in numbers])], SystemClock().now())
        self.lane.committed()

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[PlayedSession]:
        """A session in which the lane runs."""
        session = PlayedSession(**options)
        task = asyncio.create_task(self.lane.run(session))  # type: ignore[arg-type]
        yield session
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(lane_module, "AGAIN_FIRST_S", 0.001)
    monkeypatch.setattr(lane_module, "LOOK_S", 0.01)
    thread, noted = OutboxThread(Outbox(tmp_path / "gateway.db")), Noted()
    yield Bench(Lane(PRESS, TopicSpace(), thread, SystemClock(), noted), thread, noted)
    thread.close()


async def test_the_first_travels_alone(bench: Bench) -> None:
    await bench.add(*range(200))
    async with bench.session() as session:
        await until(lambda: len(session.sent) == 1)
        session.sent[0].accept()
        await until(lambda: len(session.sent) == 1 + WINDOW)
        assert bench.noted.sent_seqs == list(range(1 + WINDOW))
        session.accepts = True
        session.answer_all()
        await until(lambda: bench.lane.through)
    assert bench.noted.sent_seqs == list(range(200))
    assert all(one.heard for one in session.sent)


async def test_what_is_not_confirmed_is_sent_again_before_anything_new(bench: Bench) -> None:
    await bench.add(0, 1, 2)
    async with bench.session(accepts=True) as session:
        await until(lambda: len(session.sent) == 3)
    device = bench.thread.outbox.device_id(P1, "plc")
    await bench.thread.confirm(P1, received({device: (1, draft(1).ts)}))
    await bench.add(3)
    async with bench.session(accepts=True) as session:
        await until(lambda: len(session.sent) == 2)
        await until(lambda: bench.lane.through)
        await bench.add(4)
        await until(lambda: len(session.sent) == 3)
    assert bench.noted.sent_seqs == [0, 1, 2, 2, 3, 4]
    assert bench.noted.again_count == 1
    assert [one.historical for one in session.sent] == [True, True, False]


async def test_nobody_subscribes(bench: Bench) -> None:
    """It is not taken: it is tried again, alone, until somebody is there."""
    await bench.add(0, 1)
    async with bench.session() as session:
        for tries in range(1, 4):
            await until(lambda n=tries: len(session.sent) == n)
            session.sent[-1].refuse(NobodySubscribes("nobody"))
        await until(lambda: len(session.sent) == 4)
        assert bench.lane.trouble == "nobody"
        session.accepts = True
        session.answer_all()
        await until(lambda: bench.lane.through)
    assert bench.noted.sent_seqs == [0, 0, 0, 0, 1]
    assert bench.noted.taken_seqs == [0, 1]
    assert bench.lane.trouble is None


async def test_a_refused_message_holds_nobody_up(bench: Bench) -> None:
    await bench.add(0, 1, 2, 3)
    async with bench.session() as session:
        await until(lambda: len(session.sent) == 1)
        session.sent[0].accept()
        await until(lambda: len(session.sent) == 4)
        session.sent[1].refuse(PublishRefused("too large"))
        session.sent[2].refuse(NotAuthorized("not allowed"))
        session.sent[3].accept()
        await until(lambda: bench.lane.through)
    assert bench.noted.problems == ["too large", "not allowed"]
    async with bench.session(accepts=True) as session:
        await until(lambda: len(session.sent) == 3)
    assert bench.noted.sent_seqs[4:] == [0, 2, 3], "what rules forbade is tried again"


async def test_a_lost_link_ends_it(bench: Bench) -> None:
    await bench.add(0)
    session = PlayedSession()
    task = asyncio.create_task(bench.lane.run(session))  # type: ignore[arg-type]
    await until(lambda: len(session.sent) == 1)
    session.sent[0].refuse(LinkError("gone"))
    with pytest.raises(LinkError, match="gone"):
        await task


async def test_what_the_agent_leaves_out_for_long_is_sent_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session in which it waited for the agent is lost; later messages arrived."""
    now = 1000.0
    monkeypatch.setattr(lane_module, "monotonic", lambda: now)
    await bench.add(0, 1, 2)
    device = bench.thread.outbox.device_id(P1, "plc")
    await bench.thread.confirm(P1, received({device: (2, draft(2).ts)}, missing=((0, 1),)))
    async with bench.session(accepts=True) as session:
        await until(lambda: len(session.sent) == 2)
        await bench.lane.look_for_stale()
        now += 61.0
        await bench.lane.look_for_stale()
        await until(lambda: len(session.sent) == 4)
    assert bench.noted.sent_seqs == [0, 1, 0, 1]
