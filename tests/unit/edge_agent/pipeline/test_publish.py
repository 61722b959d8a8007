"""publish: at once, kept until the broker has it, and again in the next session if it has not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.topics import PressAddress
from edge_agent.errors import LinkError, NotAuthorized, PublishDeferred, PublishRefused
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import busy_broker, publish
from edge_agent.pipeline.publish import PREDICTION_EXPIRES_S, Issued, Publisher, Sender
from edge_agent.ports import Outgoing
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import EPOCH, Spool
from edge_agent.spool.thread import SpoolThread
from tests.support.played_session import PlayedSession
from tests.support.processes import read_file
from tests.support.waiting import until

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PRESS = PressAddress("s", "p1")
TOPIC = "pur/v1/s/p1/twin/mold/M/prediction"


class Clock:
    speed = 1.0
    time = NOW

    def now(self) -> datetime:
        return self.time


def kpi(name: str) -> Outgoing:
    return Outgoing(str(PRESS), f"kpi/{name}", "pur/v1/s/p1/twin/kpi", name.encode())


def prediction(name: str, topic: str = TOPIC) -> Outgoing:
    return Outgoing(str(PRESS), f"prediction/live/{name}", topic, name.encode(), retain=True)


class Desk:
    """A publisher with its spool, and the transactions that the writer would make."""

    def __init__(self, spool: Spool) -> None:
        self.spool, self.clock = spool, Clock()
        self.accepted: list[str] = []
        thread = SpoolThread(spool)
        self.thread = thread
        self.refused: list[str] = []
        self.publisher = Publisher(
            thread,
            self.clock,
            lambda m: self.accepted.append(m.key),
            refused=lambda m, _problem: self.refused.append(m.key),
        )
        self.batch: list[Issued] = []

    def issue(self, entry: Outgoing, *, unsaved: bool = False) -> None:
        self.batch.append(self.publisher.issue(entry, unsaved=unsaved))

    def changes(self) -> Changes:
        """The writer takes the batch."""
        batch, self.batch = self.batch, []
        return Changes(
            publish=self.publisher.to_store(batch),
            settled=self.publisher.take_settled(),
            retained={one.entry.topic: one.entry for one in batch if one.entry.retain},
        )

    async def write(self, changes: Changes) -> None:
        """The disk takes it."""
        await self.thread.commit(changes, self.clock.now())
        self.publisher.committed(changes)

    async def commit(self) -> None:
        await self.write(self.changes())

    def stored(self) -> list[str]:
        """Over a connection of its own: the spool's own belongs to its thread, which may be reading
        the backlog just then."""
        rows = read_file(self.spool.path, "SELECT payload FROM publish ORDER BY id")
        return [payload.decode() for (payload,) in rows]

    @asynccontextmanager
    async def session(self, session: PlayedSession) -> AsyncIterator[Sender]:
        """Open while the block runs; how it ended is the block's to ask."""
        sender = self.publisher.open(PRESS, session, Watch("publish"))  # type: ignore[arg-type]
        running = asyncio.create_task(sender.run())
        try:
            yield sender
        finally:
            self.publisher.close(sender)
            running.cancel()
            with suppress(asyncio.CancelledError, LinkError):
                await running


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(publish, "LOOK_S", 0.01)
    desk = Desk(Spool(tmp_path / "spool.db"))
    yield desk
    desk.thread.close()


async def quiet(sender: Sender) -> None:
    await until(lambda: sender.quiet, "everything to be published")


async def test_what_is_accepted_before_the_commit_is_never_stored(desk: Desk) -> None:
    session = PlayedSession(accepts=True)
    async with desk.session(session) as sender:
        await quiet(sender)
        desk.issue(kpi("one"))
        desk.publisher.flush(PRESS)
        await quiet(sender)
        changes = desk.changes()
        assert (changes.publish, changes.settled) == ([], [])
        await desk.write(changes)
    assert session.payloads == [b"one"]
    assert session.flushes == 1
    assert desk.accepted == ["kpi/one"]
    assert desk.publisher.known == set()


async def test_what_is_accepted_after_the_commit_is_forgotten_in_the_next(desk: Desk) -> None:
    session, moved = PlayedSession(), list[str]()
    desk.publisher.moved = lambda: moved.append("moved")
    async with desk.session(session) as sender:
        desk.issue(kpi("one"))
        assert not sender.quiet
        await desk.commit()
        assert (desk.stored(), moved) == (["one"], [])
        session.answer_all()
        await until(lambda: moved == ["moved"], "the pipeline to be told")
        await quiet(sender)
        assert desk.publisher.has_settled()
        await desk.commit()
        assert desk.stored() == []
        await quiet(sender)
    assert session.payloads == [b"one"], "once"
    assert desk.publisher.known == set()


async def test_what_is_accepted_while_it_is_written_is_forgotten_in_the_next(desk: Desk) -> None:
    session = PlayedSession()
    async with desk.session(session) as sender:
        desk.issue(kpi("one"))
        changes = desk.changes()
        session.answer_all()
        await until(lambda: desk.accepted == ["kpi/one"], "the broker's word")
        await desk.write(changes)
        assert desk.stored() == ["one"]
        await desk.commit()
        await quiet(sender)
    assert (desk.stored(), session.payloads) == ([], [b"one"])


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
async def test_what_a_session_leaves_goes_out_in_the_next_as_historical(
    desk: Desk, when: str
) -> None:
    first, second = PlayedSession(), PlayedSession(accepts=True)
    async with desk.session(first):
        desk.issue(kpi("one"))
        if when == "after the commit":
            await desk.commit()
    desk.clock.time += timedelta(seconds=1)
    async with desk.session(second) as sender:
        if when == "before the commit":
            await quiet(sender)
            await desk.commit()
        await until(lambda: desk.accepted == ["kpi/one"], "the second session")
        await quiet(sender)
        await desk.commit()
    assert [sent.historical for sent in (*first.sent, *second.sent)] == [False, True]
    assert desk.stored() == []


async def test_a_lost_link_ends_the_sender_and_keeps_the_message(desk: Desk) -> None:
    session = PlayedSession()
    sender = desk.publisher.open(PRESS, session, Watch("publish"))  # type: ignore[arg-type]
    desk.issue(kpi("one"))
    running = asyncio.create_task(sender.run())
    session.sent[0].refuse(LinkError("lost"))
    async with asyncio.timeout(30):
        with pytest.raises(LinkError, match="lost"):
            await running
    desk.publisher.close(sender)
    await desk.commit()
    assert desk.stored() == ["one"]


async def test_a_broker_that_does_not_answer_ends_the_session(desk: Desk) -> None:
    session = PlayedSession()
    session.owes_s = publish.TIMEOUT_S + 1.0
    sender = desk.publisher.open(PRESS, session, Watch("publish"))  # type: ignore[arg-type]
    desk.issue(kpi("one"))
    async with asyncio.timeout(30):
        with pytest.raises(LinkError, match="twin/kpi: the broker did not acknowledge"):
            await sender.run()
    desk.publisher.close(sender)


@pytest.mark.parametrize("stored", [False, True])
async def test_what_the_broker_never_takes_is_settled(desk: Desk, stored: bool) -> None:
    session = PlayedSession()
    async with desk.session(session) as sender:
        desk.issue(kpi("one"))
        if stored:
            await desk.commit()
        session.sent[0].refuse(PublishRefused("topic name invalid"))
        await quiet(sender)
        await desk.commit()
    assert desk.stored() == []
    assert desk.accepted == []
    async with desk.session(PlayedSession()) as again:
        await quiet(again)


@pytest.mark.parametrize("stored", [False, True])
async def test_what_the_access_rules_forbid_is_settled_and_told(desk: Desk, stored: bool) -> None:
    session = PlayedSession()
    async with desk.session(session) as sender:
        desk.issue(kpi("one"))
        if stored:
            await desk.commit()
        session.sent[0].refuse(NotAuthorized("not authorized"))
        await quiet(sender)
        assert desk.refused == ["kpi/one"]
        desk.issue(kpi("two"))
        session.answer_all()
        await quiet(sender)
        await desk.commit()
    assert (desk.stored(), desk.accepted) == ([], ["kpi/two"])


@pytest.mark.parametrize("stored", [False, True])
async def test_what_a_busy_broker_refuses_is_sent_again_in_the_same_session(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    monkeypatch.setattr(busy_broker, "AGAIN_FIRST_S", 0.01)
    monkeypatch.setattr(busy_broker, "AGAIN_LAST_S", 0.02)
    session = PlayedSession()
    async with desk.session(session) as sender:
        desk.issue(kpi("one"))
        if stored:
            await desk.commit()
        for tries in range(1, 3 * busy_broker.TRIES):  # nothing else is accepted meanwhile
            session.sent[-1].refuse(PublishDeferred("quota exceeded"))
            await asyncio.sleep(0)
            assert not sender.quiet
            if not desk.stored():
                await desk.commit()
            await until(lambda: len(session.sent) == tries + 1, "the next try")  # noqa: B023
        session.answer_all()
        await quiet(sender)
        await desk.commit()
    assert set(session.payloads) == {b"one"}
    assert (desk.stored(), desk.accepted, desk.refused) == ([], ["kpi/one"], [])
    assert desk.publisher.tries._by_key == {}


async def test_a_message_that_a_broker_refuses_again_and_again_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes all others, also those behind it."""
    monkeypatch.setattr(busy_broker, "AGAIN_FIRST_S", 0.01)
    monkeypatch.setattr(busy_broker, "AGAIN_LAST_S", 0.02)
    names = ["poison", *(f"old{number}" for number in range(30))]
    for name in names:
        desk.issue(kpi(name))
    await desk.commit()
    session = PlayedSession()
    live = 0
    async with desk.session(session) as sender, asyncio.timeout(30):
        while not sender.quiet:
            for sent in [sent for sent in session.sent if not sent.outcome.done()]:
                if sent.payload == b"poison":
                    sent.refuse(PublishDeferred("unspecified error"))
                    live += 1
                    desk.issue(kpi(f"live{live}"))
                else:
                    sent.accept()
            await asyncio.sleep(0)
        await desk.commit()
    assert desk.refused == ["kpi/poison"]
    assert session.payloads.count(b"poison") == busy_broker.TRIES
    assert desk.stored() == []
    assert set(desk.accepted) >= {f"kpi/{name}" for name in names[1:]}


async def test_a_backlog_rests_while_a_broker_takes_nothing(desk: Desk) -> None:
    for number in range(500):
        desk.issue(kpi(f"old{number}"))
    await desk.commit()
    session = PlayedSession()
    async with desk.session(session) as sender:
        for _ in range(500):
            for sent in session.sent:
                if not sent.outcome.done():
                    sent.refuse(PublishDeferred("quota exceeded"))
            await asyncio.sleep(0)
        await until(lambda: len(session.sent) >= busy_broker.IN_A_ROW, "the first of it")
        assert not sender.quiet
    assert len(session.sent) <= busy_broker.IN_A_ROW + publish.BESIDE
    assert len(desk.stored()) == 500
    assert len(desk.publisher.tries._by_key) <= busy_broker.IN_A_ROW + publish.BESIDE


async def test_what_is_said_unsaved_is_said_again_when_it_is_on_disk(desk: Desk) -> None:
    session = PlayedSession(accepts=True)
    async with desk.session(session) as sender:
        await quiet(sender)
        for name in ("one", "two"):
            desk.issue(prediction(name), unsaved=True)
        await quiet(sender)
        assert [sent.unsaved for sent in session.sent] == [True, True]
        await desk.commit()
        await until(lambda: len(session.sent) == 4, "both again")
        await quiet(sender)
        await desk.commit()
    assert session.payloads == [b"one", b"two", b"one", b"two"]
    assert [sent.unsaved for sent in session.sent[2:]] == [False, False]
    assert session.sent[-1].retain, "the retained one loses its mark"
    assert desk.stored() == []


async def test_what_is_said_past_the_spool_is_kept_nowhere(desk: Desk) -> None:
    desk.publisher.say(kpi("nobody hears it"))
    session = PlayedSession(accepts=True)
    async with desk.session(session) as sender:
        desk.publisher.say(kpi("refused"))
        await quiet(sender)
        await desk.commit()
    assert (session.payloads, session.sent[0].unsaved) == ([b"refused"], True)
    assert desk.stored() == []


async def test_a_backlog_goes_out_in_order_and_in_pages_beside_live_messages(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PAGE", 7)
    monkeypatch.setattr(publish, "BESIDE", 3)
    names = [f"old{number:02}" for number in range(20)]
    for name in names:
        desk.issue(kpi(name))
    await desk.commit()
    desk.clock.time += timedelta(hours=1)
    session = PlayedSession()
    async with desk.session(session) as sender:
        await until(lambda: len(session.sent) == 3, "the first of it")
        desk.issue(kpi("live"))
        assert session.payloads[-1] == b"live", "at once"
        async with asyncio.timeout(30):
            while not sender.quiet:
                assert sum(not sent.outcome.done() for sent in session.sent) <= 4
                session.answer_all()
                await asyncio.sleep(0)
        await desk.commit()
    assert [p.decode() for p in session.payloads if p != b"live"] == names
    assert {sent.historical for sent in session.sent if sent.payload != b"live"} == {True}
    assert desk.stored() == []


async def test_a_backlog_does_not_replace_the_retained_prediction_of_a_newer_shot(
    desk: Desk,
) -> None:
    desk.issue(prediction("old"))
    desk.issue(prediction("old of another mold", "other"))
    await desk.commit()
    desk.clock.time += timedelta(minutes=1)
    session = PlayedSession()
    sender = desk.publisher.open(PRESS, session, Watch("publish"))  # type: ignore[arg-type]
    desk.issue(prediction("new"))
    desk.publisher.close(sender)
    session = PlayedSession(accepts=True)
    async with desk.session(session) as sender:
        desk.issue(prediction("newest"))
        await until(lambda: len(session.sent) >= 3, "the backlog")
        await quiet(sender)
    retained = {sent.topic: sent.payload for sent in session.sent if sent.retain}
    assert retained == {TOPIC: b"newest", "other": b"old of another mold"}


async def test_nothing_is_quiet_while_the_backlog_is_being_read(desk: Desk) -> None:
    """In a group, the next agent would get shots whose results were not published."""
    desk.issue(kpi("one"))
    await desk.commit()
    seen: list[bool] = []
    to_publish = desk.thread.to_publish

    async def watched(*arguments: object) -> object:
        await asyncio.sleep(0)
        seen.append(desk.publisher.quiet(PRESS))
        return await to_publish(*arguments)  # type: ignore[arg-type]

    desk.thread.to_publish = watched  # type: ignore[method-assign, assignment]
    async with desk.session(PlayedSession(accepts=True)) as sender:
        await quiet(sender)
    assert set(seen) == {False}


async def test_retained_messages_are_restored_where_the_broker_may_have_lost_them(
    desk: Desk,
) -> None:
    for name, age_h in (("dead", 25.0), ("old", 3.0), ("new", 0.5)):
        entry = prediction(name, name)
        await desk.thread.commit(
            Changes(retained={entry.topic: entry}), NOW - timedelta(hours=age_h)
        )
    for present, names in ((True, [b"new"]), (False, [b"new", b"old"])):
        session = PlayedSession(present=present, accepts=True)
        async with desk.session(session) as sender:
            await until(lambda: len(session.sent) == len(names), "what is retained")  # noqa: B023
            await quiet(sender)
        assert session.payloads == names
        assert {sent.retain for sent in session.sent} == {True}
        assert session.sent[0].expires_s == PREDICTION_EXPIRES_S - 1800, "it is as old as it is"


async def test_a_retained_message_is_not_restored_over_a_newer_one(desk: Desk) -> None:
    desk.issue(prediction("old"))
    await desk.commit()
    await desk.thread.commit(Changes(settled=["prediction/live/old"]), NOW)
    session = PlayedSession(accepts=True)
    sender = desk.publisher.open(PRESS, session, Watch("publish"))  # type: ignore[arg-type]
    desk.issue(prediction("new"))
    last = prediction("last to be restored", "zzz")
    await desk.thread.commit(Changes(retained={last.topic: last}), NOW)
    running = asyncio.create_task(sender.run())
    await until(lambda: b"last to be restored" in session.payloads, "the end of restoring")
    desk.publisher.close(sender)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert b"old" not in session.payloads


@pytest.mark.parametrize("unsaved", [False, True])
async def test_what_is_not_on_disk_yet_is_newer_than_what_is_restored(
    desk: Desk, unsaved: bool
) -> None:
    """The disk refuses, and the session is opened anew."""
    desk.issue(prediction("old"))
    await desk.commit()
    await desk.thread.commit(Changes(settled=["prediction/live/old"]), NOW)
    async with desk.session(PlayedSession(accepts=True)) as sender:
        desk.issue(prediction("new"), unsaved=unsaved)
        await quiet(sender)
    session = PlayedSession(accepts=True)
    last = prediction("last to be restored", "zzz")
    await desk.thread.commit(Changes(retained={last.topic: last}), NOW)
    async with desk.session(session) as sender:
        await until(lambda: b"last to be restored" in session.payloads, "the end of restoring")
        assert b"old" not in session.payloads
        assert [(s.payload, s.unsaved) for s in session.sent if s.topic == TOPIC] == [
            (b"new", unsaved)
        ]
        await desk.commit()
        await quiet(sender)
    retained = await desk.thread.retained(str(PRESS), EPOCH, "", 9)
    (kept,) = [k for k in retained if k.topic == TOPIC]
    assert kept.payload == b"new"
    assert desk.publisher.retained == {}


@pytest.mark.parametrize("turns", range(4))
async def test_the_sender_ends_also_when_the_broker_answers_just_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(publish, "LOOK_S", 60.0)
    session = PlayedSession()
    sender = desk.publisher.open(PRESS, session, Watch("publish"))  # type: ignore[arg-type]
    running = asyncio.create_task(sender.run())
    desk.issue(kpi("one"))
    await until(lambda: not sender.backlog.is_set(), "the backlog to be read")
    session.answer_all()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running}, timeout=30)
    ended = running.done()
    running.cancel()
    desk.publisher.close(sender)
    assert ended
