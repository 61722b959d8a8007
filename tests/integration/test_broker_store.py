"""What a broker with the generated persistence settings still has after a SIGKILL.

Guaranteed: all but the last `AUTOSAVE_CHANGES` changes, in order and without a gap. Not guaranteed:
that an acknowledged message is on disk. An orderly end keeps everything.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.configuration import AUTOSAVE_CHANGES
from edge_agent.links.mqtt import Session, Will, connect
from tests.support.ruled_broker import RuledBroker, ruled_broker

pytestmark = pytest.mark.needs("mosquitto")

SHOT = "pur/v1/s/p1/shot"
SENT = 5 * AUTOSAVE_CHANGES
WILL = Will("pur/v1/s/p1/twin/status", b"")
"""With a will the session is kept while its client is away."""


async def queue_and_retain(broker: RuledBroker) -> None:
    """Messages for an agent that is away, and predictions; every one is acknowledged."""
    async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
        await agent.subscribe([SHOT])
    async with connect(broker.settings("agent-a"), "twin") as twin:
        for n in range(SENT):
            await twin.publish(f"pur/v1/s/p1/twin/mold/m{n}/prediction", b"%d" % n, retain=True)
    async with connect(broker.settings("press-s-p1"), "press") as press:
        for n in range(SENT):
            await press.publish(SHOT, b"%d" % n)


async def all_of(session: Session) -> list[int]:
    """What comes, until nothing more does."""
    numbers: list[int] = []
    while True:
        try:
            async with asyncio.timeout(1.0):
                batch = await session.next_batch(100)
        except TimeoutError:
            return numbers
        session.acknowledge(batch)
        numbers += [int(message.payload) for message in batch]


async def left(broker: RuledBroker) -> tuple[list[int], list[int]]:
    """Queued and retained messages."""
    async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
        queued = await all_of(agent)
    async with connect(broker.settings("scada"), "scada") as scada:
        await scada.subscribe(["pur/v1/s/p1/twin/mold/+/prediction"])
        return queued, sorted(await all_of(scada))


async def test_a_kill_takes_no_more_than_the_last_changes(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker:
        await queue_and_retain(broker)
        await broker.process.kill()
        await broker.process.start()
        queued, retained = await left(broker)
    assert retained == list(range(SENT))  # older than the last changes
    assert queued == list(range(len(queued)))
    assert SENT - AUTOSAVE_CHANGES <= len(queued)


async def test_an_orderly_end_loses_nothing(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker:
        await queue_and_retain(broker)
        await broker.process.restart()
        assert await left(broker) == (list(range(SENT)), list(range(SENT)))


async def test_what_comes_between_restart_and_return_is_kept_too(tmp_path: Path) -> None:
    """The rights of a session that was read back from disk hold while its client is away."""
    async with ruled_broker(tmp_path) as broker:
        async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
            await agent.subscribe([SHOT, "pur/v1/s/p1/twin/kpi"])
        await broker.process.restart()
        async with connect(broker.settings("agent-a"), "twin") as twin:
            await twin.publish("pur/v1/s/p1/twin/kpi", b"0")  # may not be read by an agent
        async with connect(broker.settings("press-s-p1"), "press") as press:
            await press.publish(SHOT, b"1")
        async with connect(broker.settings("agent-a"), "agent", WILL) as agent:
            assert await all_of(agent) == [1]
