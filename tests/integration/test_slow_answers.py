"""A broker that answers slowly is no lost link; one that owes an answer for long is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest

from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.links import mqtt
from edge_agent.links.mqtt import Session, connect
from tests.support.played_broker import PUBACK, PUBLISH, PlayedBroker, packet
from tests.support.waiting import until

LIMIT_S = 1.0
COUNT = 15


@pytest.fixture
async def broker() -> AsyncIterator[PlayedBroker]:
    """It takes publishes and answers none; the test does."""
    async with PlayedBroker() as broker:
        broker.answers[PUBLISH] = lambda _body: b""
        yield broker


async def opened(broker: PlayedBroker, session: Session) -> deque[bytes]:
    """Packet ids of the publishes that come in, in order."""
    mids = deque[bytes]()

    def note(body: bytes) -> bytes:
        topic = int.from_bytes(body[:2], "big")
        mids.append(body[2 + topic : 4 + topic])
        return b""

    broker.answers[PUBLISH] = note
    await session.subscribe(["t/shot"])
    return mids


async def answer(broker: PlayedBroker, mids: deque[bytes], *, newest: bool = False) -> None:
    await until(lambda: len(mids) > 0, "a publish")
    broker.send(packet(PUBACK, mids.pop() if newest else mids.popleft()))


@pytest.fixture
async def session(broker: PlayedBroker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    async with connect(BrokerSettings(port=broker.port), "slow", keep=True) as session:
        monkeypatch.setattr(mqtt, "TIMEOUT_S", LIMIT_S)
        yield session


async def test_a_long_queue_that_moves_is_waited_for(
    broker: PlayedBroker, session: Session
) -> None:
    """The last waits for longer than the limit, none for longer than it after the one before."""
    mids = await opened(broker, session)
    begun = asyncio.get_running_loop().time()
    work = [asyncio.create_task(session.publish("t/a", b"{}")) for _ in range(COUNT)]
    for _ in work:
        await asyncio.sleep(LIMIT_S / 5)
        await answer(broker, mids)
    await asyncio.gather(*work)
    assert asyncio.get_running_loop().time() - begun > 2 * LIMIT_S
    assert session.owes_s == 0.0


@pytest.mark.parametrize("others", [False, True], ids=["silent", "answers-others"])
async def test_an_answer_that_does_not_come_ends_the_link(
    broker: PlayedBroker, session: Session, others: bool
) -> None:
    mids = await opened(broker, session)
    first = asyncio.create_task(session.publish("t/a", b"{}"))
    await until(lambda: len(mids) > 0, "the first publish")
    rest = [asyncio.create_task(session.publish("t/a", b"{}")) for _ in range(COUNT)]
    if others:
        for _ in rest:
            await until(lambda: len(mids) > 1, "one behind the first")
            await answer(broker, mids, newest=True)
    with pytest.raises(LinkError, match="did not acknowledge"):
        await first
    await asyncio.gather(*rest, return_exceptions=True)
