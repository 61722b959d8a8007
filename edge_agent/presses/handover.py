"""What an agent of a group keeps at the broker, so that the next one goes on with its shots.

A message is acknowledged when what it led to is committed, published, and retained here. So the
next agent has the shots as they were, and is given every message that they do not know of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from broker import messages
from broker.codec import encode
from broker.errors import PayloadError
from broker.messages.outbound import DOCUMENT_LIMIT
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session, connect
from edge_agent.logs import get_logger
from edge_agent.presses.held_presses import Holdings
from edge_agent.shots.shot import Shot
from edge_agent.spool.spool import SpoolThread

READ_TIMEOUT_S = 10.0
LOOK_AGAIN_S = 1.0
"""Everything that moves wakes who waits; this is for what nobody thought of."""


class Handover:
    """What the broker keeps of the shots of a press, during one session."""

    def __init__(
        self,
        settings: Settings,
        press: PressAddress,
        spool: SpoolThread,
        holdings: Holdings,
        clock: Clock,
    ) -> None:
        self._settings, self._press = settings, press
        self._spool, self._holdings, self._clock = spool, holdings, clock
        self._kept: dict[str, str] = {}
        self.moved = asyncio.Event()
        """Set when something was committed or published."""

    async def settle(self, session: Session, progress: Callable[[], None]) -> None:
        """Wait until all that was received is committed and published, then retain the shots.

        Args:
            progress: called while it waits: what hangs, if anything, is not this.

        Raises:
            LinkError: the session is over.
        """
        newest = self._spool.spool.newest()
        while True:
            progress()
            self.moved.clear()
            if not self._waiting(newest):
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self.moved.wait(), LOOK_AGAIN_S)
        shots = self._holdings.latest(self._press)
        states = {mold_id: shot.model_dump_json() for mold_id, shot in shots.items()}
        news = [mold_id for mold_id, state in states.items() if self._kept.get(mold_id) != state]
        await asyncio.gather(*(self._retain(session, shots[mold], states[mold]) for mold in news))
        self._kept = states

    def _waiting(self, newest: int) -> bool:
        spool = self._spool.spool
        inbox = spool.inbox(0, 1)
        return bool(inbox and inbox[0].id <= newest) or bool(spool.to_publish(str(self._press), 1))

    async def _retain(self, session: Session, shot: Shot, document: str) -> None:
        if len(document) > DOCUMENT_LIMIT:  # a press that sends what nobody knows
            get_logger().warning("handover_too_large", shot_id=shot.shot_id, count=len(document))
            return
        message = messages.Handover(
            ts=self._clock.now(),
            site=self._press.site,
            press=self._press.press,
            mold_id=shot.mold_id,
            shot_id=shot.shot_id,
            shot_key=shot.shot_key,
            agent_id=self._settings.agent_id,
            document=document,
        )
        topic = self._settings.topics.handover(self._press, shot.mold_id)
        payload = encode(message, self._settings.broker.payload_format)
        await session.publish(topic, payload, retain=True)


async def left_behind(settings: Settings, press: PressAddress, client_id: str) -> dict[str, bytes]:
    """What the broker retains of the shots and predictions of a press, by topic.

    Args:
        client_id: of the session that reads it.

    Raises:
        LinkError: the broker does not answer.
    """
    group, topics = settings.group, settings.topics
    assert group is not None
    end = topics.agent(group, settings.agent_id)  # ours, and surely there: retained come in order
    found: dict[str, bytes] = {}
    try:
        async with connect(settings.broker, client_id) as session, asyncio.timeout(READ_TIMEOUT_S):
            await session.subscribe([topics.handovers(press), topics.predictions(press), end])
            while True:
                batch = await session.next_batch(256)
                session.acknowledge(batch)
                found |= {m.topic: m.payload for m in batch if m.unreadable is None}
                if found.pop(end, None) is not None:
                    return {t: p for t, p in found.items() if _is_known(topics, t)}
    except TimeoutError:
        raise LinkError(f"{press}: the broker did not tell what it retains") from None


def _is_known(topics: TopicSpace, topic: str) -> bool:
    """Is it a topic of ours? The filter also finds molds with names that are no identifiers."""
    with suppress(PayloadError):
        topics.parse(topic)
        return True
    return False
