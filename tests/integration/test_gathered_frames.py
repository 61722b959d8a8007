"""Raw telemetry is taken by the handful; what is in a hurry waits for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from edge_agent.links.publish_packet import Incoming
from tests.support.waiting import LIMIT_S

pytestmark = pytest.mark.needs("mosquitto")
LONG_S = 10 * LIMIT_S


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with (
        MosquittoProcess() as broker,
        connect(BrokerSettings(port=broker.port), "gathers") as session,
    ):
        await session.subscribe(["gather/#"])
        yield session


def is_raw(message: Incoming) -> bool:
    return message.topic.endswith("/telemetry")


async def sent(session: Session, *channels: str) -> None:
    for channel in channels:
        await session.publish(f"gather/{channel}", channel.encode())


async def heard(session: Session) -> list[str]:
    async with asyncio.timeout(LIMIT_S):
        batch = await session.next_batch(64)
    session.acknowledge(batch)
    return [message.payload.decode() for message in batch]


async def test_a_handful_is_taken_together(session: Session) -> None:
    session.gather(is_raw, 3, LONG_S)
    hearing = asyncio.create_task(heard(session))
    await sent(session, "telemetry", "telemetry")
    await session.subscribe(["gather/other"])  # the broker has sent all before its answer
    assert not hearing.done()
    await sent(session, "telemetry")
    assert await hearing == ["telemetry"] * 3


async def test_an_event_takes_those_before_it_along(session: Session) -> None:
    session.gather(is_raw, 100, LONG_S)
    hearing = asyncio.create_task(heard(session))
    await sent(session, "telemetry", "telemetry", "shot")
    assert await hearing == ["telemetry", "telemetry", "shot"]


async def test_none_waits_longer_than_it_may(session: Session) -> None:
    session.gather(is_raw, 100, 0.01)
    hearing = asyncio.create_task(heard(session))
    await sent(session, "telemetry")
    assert await hearing == ["telemetry"]
