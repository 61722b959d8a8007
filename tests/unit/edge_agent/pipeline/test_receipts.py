"""Receipts: only what is committed, gaps, devices that count from 0 again, and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import encode
from broker.messages import Message, Order, PressEvent, QualityRecord, Received
from broker.topics import PressAddress
from edge_agent.clock import AcceleratedClock
from edge_agent.errors import LinkError, NotAuthorized, PublishDeferred
from edge_agent.pipeline import receipts
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.receipts import (
    DEVICES_MAX,
    GAPS_MAX,
    RECEIVED_SCOPE,
    Heard,
    Receipts,
    tell,
)
from tests.chaos.inside import TOPIC, frames
from tests.support.agents import settings_for
from tests.support.desks import Desk, unknown
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on, spool_of
from tests.support.waiting import until

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
Gaps = list[tuple[int, int]]


def at(seq: int, after_s: float | None = None, device: str = "d") -> Heard:
    passed = timedelta(seconds=seq if after_s is None else after_s)
    return Heard(PRESS, device, seq, START + passed)


def received(counts: Receipts, *heard: Heard) -> Receipts:
    """All of them in one batch, which is committed."""
    counts.asks(heard)
    counts.committed()
    return counts


def said(counts: Receipts, device: str = "d", press: PressAddress = PRESS) -> tuple[int, Gaps]:
    of = counts.message(press, "a", START).devices[device]
    return of.seq, [(gap.first_seq, gap.last_seq) for gap in of.missing]


def counted(counts: Receipts, seqs: Iterable[int]) -> tuple[int, Gaps]:
    return said(received(counts, *(at(seq) for seq in seqs)))


def test_a_count_and_its_gaps() -> None:
    counts = Receipts({})
    assert counts.changes(PRESS) == 0
    assert counted(counts, [0, 1, 2]) == (2, [])
    assert counted(counts, [5, 9]) == (9, [(3, 4), (6, 8)])
    assert counted(counts, [7]) == (9, [(3, 4), (6, 6), (8, 8)])
    changes = counts.changes(PRESS)
    assert counted(counts, [7, 9, 1]) == (9, [(3, 4), (6, 6), (8, 8)])
    assert counts.changes(PRESS) == changes, "repeats are no news"
    assert counted(counts, [3, 4, 6, 8]) == (9, [])


def test_nothing_below_the_first_that_is_heard_is_committed() -> None:
    assert counted(Receipts({}), [100, 101]) == (101, [(0, 99)])


def test_a_device_that_counts_from_0_again() -> None:
    counts = received(Receipts({}), at(0), at(1), at(1000))
    assert said(counts) == (1000, [(2, 999)])
    assert said(received(counts, at(0, 2000.0))) == (0, [])
    assert said(received(counts, at(1, 2001.0), at(3, 2003.0))) == (3, [(2, 2)])
    assert said(received(counts, at(2, 3000.0))) == (2, [(0, 1)]), "its first ones were lost"


def test_a_device_that_does_not_count() -> None:
    counts = Receipts({})
    for after_s in range(5):
        received(counts, at(0, after_s))
        assert said(counts) == (0, [])
    assert counts.message(PRESS, "a", START).devices["d"].ts == START + timedelta(seconds=4)


def test_too_many_gaps_are_put_together_and_none_is_forgotten() -> None:
    seq, gaps = counted(Receipts({}), range(0, 4 * GAPS_MAX, 2))
    assert (seq, len(gaps)) == (4 * GAPS_MAX - 2, GAPS_MAX)
    missing = {n for first, last in gaps for n in range(first, last + 1)}
    assert missing >= set(range(1, seq, 2))
    assert gaps[1:] == [(n, n) for n in range(seq - 1, gaps[0][1], -2)][::-1], "newest are exact"


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60))
def test_whatever_the_order_only_what_came_is_said(steps: list[tuple[int, bool]]) -> None:
    """Of one count, in any order, with repeats: what is not missing has come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receipts, "GAPS_MAX", 4)
        counts, came = Receipts({}), set()
        for seq, dated in steps:
            came.add(seq)
            received(counts, at(seq)._replace(dated=dated))
            largest, gaps = said(counts)
            missing = {n for first, last in gaps for n in range(first, last + 1)}
            assert set(range(largest + 1)) - missing <= came
            assert len(gaps) <= 4


def test_the_device_that_was_silent_longest_gives_way() -> None:
    counts = received(Receipts({}), *(at(0, n, f"d{n}") for n in range(DEVICES_MAX)))
    received(counts, at(1, 1000.0, "d0"))
    state = counts.asks([at(0, 1001.0, "new")])
    assert set(state) == {(RECEIVED_SCOPE, "s/p1/new"), (RECEIVED_SCOPE, "s/p1/d1")}
    assert state[RECEIVED_SCOPE, "s/p1/d1"] is None
    counts.committed()
    devices = counts.message(PRESS, "a", START).devices
    assert len(devices) == DEVICES_MAX
    assert {"d0", "new"} <= set(devices)
    assert "d1" not in devices


def test_the_longest_message_is_short_enough_for_any_broker() -> None:
    counts = Receipts({})
    for n in range(DEVICES_MAX):
        name = f"{n:0>64}"
        first = 2**53 - 4 * GAPS_MAX
        received(counts, *(at(first + 2 * k, k, name) for k in range(GAPS_MAX)))
    assert len(encode(counts.message(PRESS, "a", START))) < 128 * 1024


def test_a_state_that_cannot_be_read_is_a_new_device() -> None:
    counts = Receipts({"s/p1/d": {"seq": 5}, "s/p1/e": {"seq": 1, "ts": "?", "gaps": []}})
    assert counts.changes(PRESS) == 0
    assert counted(counts, [7]) == (7, [(0, 6)])


def test_a_press_that_another_agent_has_is_forgotten() -> None:
    counts = received(Receipts({}), at(0), at(1))
    assert counts.forgets(PRESS) == {(RECEIVED_SCOPE, "s/p1/d"): None}
    counts.forget(PRESS)
    assert counts.changes(PRESS) == 0
    assert counted(counts, [5]) == (5, [(0, 4)])


async def test_nothing_is_said_before_the_disk_has_it(desk: Desk) -> None:
    counts = desk.work.receipts
    await desk.told(*frames(0, 3, START))
    assert counts.changes(PRESS) == 0, "worked on, not written"
    desk.disk.refuses = True
    await desk.told(unknown())
    await until(lambda: desk.work.batches._writer.unsaved, "refusals")
    await desk.told(*frames(3, 2, START))
    assert counts.changes(PRESS) == 0, "refused"
    desk.disk.refuses = False
    await until(lambda: len(desk.acknowledged) == 4, "the first batch")
    assert said(counts) == (2, []), "the second batch is not written"
    async with asyncio.timeout(30):
        await desk.work.batches.flush()
    assert said(counts) == (4, [])


def packets(messages: Sequence[tuple[str, Message]]) -> list[tuple[str, bytes]]:
    return [(f"{TOPIC}/{channel}", encode(message)) for channel, message in messages]


async def fed(work: Pipeline, *messages: tuple[str, bytes]) -> None:
    async with asyncio.timeout(60):
        await feed(work, [incoming(*message) for message in messages])


async def test_a_device_counts_messages_of_all_topics(tmp_path: Path) -> None:
    who = {"device_id": "d", "ts": START}
    pour = unknown().model_copy(update={"device_id": "d", "seq": 1})
    change = PressEvent.model_validate({**who, "seq": 2, "event": "cleaning"})
    order = Order.model_validate({**who, "seq": 3, "order_id": "o1", "quantity_count": 5})
    record = QualityRecord.model_validate({**who, "seq": 4, "shot_id": "s1", "H_24h_shore": 50.0})
    frame = frames(0, 1, START)[0]
    sent = [("telemetry", frame), ("shot", pour), ("event", change), ("order", order)]
    work = pipeline_on(settings_for(tmp_path, 1883), AcceleratedClock(1.0, START))
    try:
        await fed(work, *packets([*sent, ("quality", record)]))
        assert said(work.receipts) == (4, [])
        anonymous = QualityRecord(ts=START, shot_id="s1", H_24h_shore=51.0)
        await fed(work, *packets([("quality", anonymous)]))
        assert said(work.receipts) == (4, [])
    finally:
        work._spool.close()


async def test_dead_letters_are_received_where_they_tell_their_number(tmp_path: Path) -> None:
    work = pipeline_on(settings_for(tmp_path, 1883), AcceleratedClock(1.0, START))
    first, second, ahead = frames(0, 3, START)
    ahead = ahead.model_copy(update={"ts": START + timedelta(days=1)})
    wrong = b'{"device_id": "d", "seq": 3, "ts": "yesterday"}'
    packed = msgpack.packb({"device_id": "d", "seq": 4, "ts": []})
    cut = b'{"device_id": "d", "seq'
    letters = [(f"{TOPIC}/telemetry", payload) for payload in (wrong, packed, cut)]
    try:
        await fed(work, *packets([("telemetry", m) for m in (first, second, ahead)]), *letters)
        assert said(work.receipts) == (4, [])
        await fed(work, *packets([("telemetry", frames(6, 1, START)[0])]))
        assert said(work.receipts) == (6, [(5, 5)]), "nobody can read which number was cut off"
    finally:
        work._spool.close()


async def test_after_a_restart_it_goes_on_from_there(tmp_path: Path) -> None:
    config = settings_for(tmp_path, 1883)
    work = pipeline_on(config, AcceleratedClock(1.0, START))
    sent = [*frames(0, 2, START), *frames(4, 2, START)]
    await fed(work, *packets([("telemetry", frame) for frame in sent]))
    before = work.receipts.message(PRESS, "a", START)
    assert list(spool_of(work).state(RECEIVED_SCOPE)) == ["s/p1/d"]
    work._spool.close()
    work = pipeline_on(config, AcceleratedClock(1.0, START))
    try:
        assert work.receipts.changes(PRESS) == 1, "to be said in the first session"
        assert work.receipts.message(PRESS, "a", START) == before
        await fed(work, *packets([("telemetry", frame) for frame in frames(2, 3, START)]))
        assert said(work.receipts) == (5, [])
    finally:
        work._spool.close()


class Broker:
    """A session whose broker answers as it is told, one publish after another."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.took = list(answers), list[bytes]()

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        assert (topic, retain) == ("t", True)
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        self.took.append(payload)


async def test_it_is_told_again_when_the_broker_did_not_take_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts, "PAUSE_S", 0.001)
    counts, clock = received(Receipts({}), at(0)), AcceleratedClock(1.0, START)
    broker = Broker(PublishDeferred("busy"), None, NotAuthorized("rules"), None, LinkError("gone"))

    def payload(message: Received) -> bytes:
        return str(message.devices["d"].seq).encode()

    work = tell(counts, PRESS, broker, "t", payload, "a", clock)  # type: ignore[arg-type]
    telling = asyncio.create_task(work)
    await until(lambda: broker.took == [b"0"], "the one that was deferred")
    received(counts, at(1))
    await until(lambda: len(broker.answers) == 2, "the one that is refused")
    received(counts, at(2))
    await until(lambda: broker.took == [b"0", b"2"], "the next one")
    received(counts, at(3))
    with pytest.raises(LinkError):
        await asyncio.wait_for(telling, 30)
