"""What a broker with the generated persistence settings still has after a SIGKILL.

Guaranteed: all but the last `AUTOSAVE_CHANGES` changes, in order and without a gap. Not guaranteed:
that an acknowledged message is on disk. An orderly end keeps everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.setup.configuration import AUTOSAVE_CHANGES
from edge_agent.links.mqtt import Session, Will, connect
from tests.support.mosquitto_versions import mosquitto, on_every_version
from tests.support.ruled_broker import RuledBroker, ruled_broker
from tests.support.waiting import LIMIT_S

pytestmark = on_every_version()

SHOT = "pur/v1/s/p1/shot"
SENT = 5 * AUTOSAVE_CHANGES
LAST = -1
WILL = Will("pur/v1/s/p1/twin/status", b"")
"""With a will the session is kept while its client is away."""


@pytest.fixture
async def broker(tmp_path: Path, version: str) -> AsyncIterator[RuledBroker]:
    async with ruled_broker(tmp_path, program=mosquitto(version)) as broker:
        yield broker


async def queue_and_retain(broker: RuledBroker) -> None:
    """Messages for an agent that is away, and predictions; every one is acknowledged."""
    async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
        await agent.subscribe([SHOT])
    async with connect(broker.settings("agent-a"), "twin") as twin:
        await asyncio.gather(
            *(
                twin.publish(f"pur/v1/s/p1/twin/mold/m{n}/prediction", b"%d" % n, retain=True)
                for n in range(SENT)
            )
        )
    async with connect(broker.settings("press-s-p1"), "press") as press:
        await asyncio.gather(*(press.publish(SHOT, b"%d" % n) for n in range(SENT)))


async def until_last(session: Session) -> list[int]:
    """All that comes before the message that was sent last."""
    numbers: list[int] = []
    async with asyncio.timeout(LIMIT_S):
        while LAST not in numbers:
            batch = await session.next_batch(100)
            session.acknowledge(batch)
            numbers += [int(message.payload) for message in batch]
    return numbers[:-1]


async def queued(broker: RuledBroker) -> list[int]:
    """Messages that waited for the agent."""
    async with connect(broker.settings("press-s-p1"), "press") as press:
        await press.publish(SHOT, b"%d" % LAST)
    async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
        return await until_last(agent)


async def retained(broker: RuledBroker) -> list[int]:
    """Predictions that the broker kept."""
    async with (
        connect(broker.settings("scada"), "scada") as scada,
        connect(broker.settings("agent-a"), "twin") as twin,
    ):
        await scada.subscribe(["pur/v1/s/p1/twin/mold/+/prediction"])
        await twin.publish("pur/v1/s/p1/twin/mold/last/prediction", b"%d" % LAST)
        return sorted(await until_last(scada))


async def test_a_kill_takes_no_more_than_the_last_changes(broker: RuledBroker) -> None:
    await queue_and_retain(broker)
    await broker.process.kill()
    await broker.process.start()
    assert await retained(broker) == list(range(SENT))  # older than the last changes
    left = await queued(broker)
    assert left == list(range(len(left)))
    assert SENT - AUTOSAVE_CHANGES <= len(left)


async def test_an_orderly_end_loses_nothing(broker: RuledBroker) -> None:
    await queue_and_retain(broker)
    await broker.process.restart()
    assert await retained(broker) == list(range(SENT))
    assert await queued(broker) == list(range(SENT))


async def test_what_comes_between_restart_and_return_is_kept_too(broker: RuledBroker) -> None:
    """The rights of a session that was read back from disk hold while its client is away."""
    async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
        await agent.subscribe([SHOT, "pur/v1/s/p1/twin/kpi"])
    await broker.process.restart()
    async with connect(broker.settings("agent-a"), "twin") as twin:
        await twin.publish("pur/v1/s/p1/twin/kpi", b"0")  # may not be read by an agent
    async with connect(broker.settings("press-s-p1"), "press") as press:
        await press.publish(SHOT, b"1")
    assert await queued(broker) == [1]
