"""Shots that an agent of a group retains at the broker, so that the next one goes on with them.

A message is acknowledged when what it led to is committed, published, and retained here. So the
next agent has the shots as they were, and is given every message that they do not know of.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

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
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.publish import Publisher
from edge_agent.shots.shot import Shot

READ_TIMEOUT_S = 10.0
LOOK_AGAIN_S = 0.02

Document = dict[str, Any]


class Handover:
    """Handovers that the broker keeps of the shots of a press, during one session."""

    def __init__(
        self,
        settings: Settings,
        press: PressAddress,
        publisher: Publisher,
        shots: Iterable[Shot],
        clock: Clock,
    ) -> None:
        """Make a handover; nothing is retained yet.

        Args:
            shots: those of the press, as they are on disk.
        """
        self._settings, self._press = settings, press
        self._publisher, self._clock = publisher, clock
        self._latest: dict[str, Document] = {}
        """The latest shot of every mold, as it is on disk."""
        self._kept: dict[str, Document] = {}
        for shot in shots:
            self._is_on_disk(shot.model_dump(mode="json"))

    def committed(self, state: Mapping[tuple[str, str], Document | None]) -> None:
        """A transaction with this state is on disk."""
        for (scope, _), document in state.items():
            if scope != SHOT_SCOPE or document is None:
                continue
            if (document["site"], document["press"]) == (self._press.site, self._press.press):
                self._is_on_disk(document)

    async def settle(self, session: Session, progress: Callable[[], None]) -> None:
        """Wait until all that is on disk is published, then retain the shots.

        Args:
            progress: called while it waits: what hangs, if anything, is not this.

        Raises:
            LinkError: the session is over.
        """
        states = dict(self._latest)
        while not self._publisher.quiet(self._press):
            progress()
            await asyncio.sleep(LOOK_AGAIN_S)
        changed = [mold_id for mold_id, state in states.items() if self._kept.get(mold_id) != state]
        await asyncio.gather(*(self._retain(session, states[mold_id]) for mold_id in changed))
        self._kept = states

    def _is_on_disk(self, document: Document) -> None:
        known = self._latest.get(document["mold_id"])
        if known is None or _when(known) <= _when(document):
            self._latest[document["mold_id"]] = document

    async def _retain(self, session: Session, shot: Document) -> None:
        document = json.dumps(shot)
        if len(document) > DOCUMENT_LIMIT:  # a press that sends what nobody knows
            get_logger().warning("handover_too_large", shot_id=shot["shot_id"], count=len(document))
            return
        message = messages.Handover(
            ts=self._clock.now(),
            site=self._press.site,
            press=self._press.press,
            mold_id=shot["mold_id"],
            shot_id=shot["shot_id"],
            shot_key=shot["shot_key"],
            agent_id=self._settings.agent_id,
            document=document,
        )
        topic = self._settings.topics.handover(self._press, shot["mold_id"])
        payload = encode(message, self._settings.broker.payload_format)
        await session.publish(topic, payload, retain=True)


def _when(shot: Document) -> str:
    return shot["started_at"] or shot["poured_at"] or shot["closed_at"] or ""


async def left_behind(settings: Settings, press: PressAddress, client_id: str) -> dict[str, bytes]:
    """Read what the broker retains of the shots and predictions of a press, by topic.

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
    """True for a topic of ours: the filter also finds molds with names that are no identifiers."""
    with suppress(PayloadError):
        topics.parse(topic)
        return True
    return False
