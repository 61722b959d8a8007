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
from broker.codec import decode, encode
from broker.errors import PayloadError
from broker.messages.outbound import DOCUMENT_LIMIT
from broker.topics import Channel, PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError, NotAuthorized
from edge_agent.links.mqtt import Session, connect
from edge_agent.logs import get_logger
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.publish import Publisher
from edge_agent.presses.memory_handover import MemoryHandover
from edge_agent.shots.shot import Shot

READ_TIMEOUT_S = 10.0
LOOK_AGAIN_S = 0.02

ENDED_KEPT = 8
"""Ended shots of a mold that stay retained, for messages that come late."""
Document = dict[str, Any]


class Handover:
    """Handovers that the broker keeps of the shots of a press, during one session."""

    def __init__(
        self,
        settings: Settings,
        press: PressAddress,
        publisher: Publisher,
        clock: Clock,
        retained: Mapping[str, bytes],
        shots: Iterable[Shot],
        memory: MemoryHandover | None = None,
    ) -> None:
        """Make a handover; nothing is retained yet.

        Args:
            memory: of earlier shots, which goes with it.
            retained: what the broker keeps, by topic.
            shots: those of the press, as they are on disk.
        """
        self._settings, self._press = settings, press
        self._publisher, self._clock = publisher, clock
        self._settling = asyncio.Lock()
        self.memory = memory
        self._due: dict[str, Document | None] = {}
        """Shots whose state on disk is not retained, by key; None for those that are forgotten."""
        self._topics: dict[str, str] = {}
        """Topics of what is retained, by key of the shot."""
        self._ended: dict[str, dict[str, str]] = {}
        """Of ended shots that are retained: their times, by mold and key."""
        self._crowded: set[str] = set()
        """Molds of which more ended shots are retained than stay."""
        known = {shot.shot_key: shot.model_dump(mode="json") for shot in shots}
        self._strange: list[str] = []
        """Topics of shots that are not ours, or that are named as older agents did."""
        for topic, payload in retained.items():
            address = settings.topics.parse(topic)
            if address.channel is Channel.HANDOVER:
                shot = known.get(address.shot_key or "")
                if shot is None or shot["mold_id"] != address.mold_id:
                    self._strange.append(topic)
                else:
                    self._note(shot, topic)
                    if self._is_as(payload, shot):
                        del known[shot["shot_key"]]
        for ended in _ended(known.values()).values():
            for key in ended[:-ENDED_KEPT]:
                del known[key]
        self._due |= known

    def committed(self, state: Mapping[tuple[str, str], Document | None]) -> None:
        """A transaction with this state is on disk."""
        if self.memory is not None:
            self.memory.committed(state)
        for (scope, key), document in state.items():
            if scope != SHOT_SCOPE:
                continue
            if document is None:
                if key in self._topics or key in self._due:
                    self._due[key] = None
            elif (document["site"], document["press"]) == (self._press.site, self._press.press):
                self._due[key] = document

    async def sign(self, session: Session, shots: Iterable[Shot]) -> None:
        """Retain shots that were taken over as they are: from now on we follow them.

        Raises:
            LinkError: the session is over.
        """
        keys = [shot.shot_key for shot in shots]
        await self._retain(session, {key: self._due.pop(key) for key in keys if key in self._due})

    async def settle(self, session: Session, progress: Callable[[], None]) -> None:
        """Wait until all that is on disk is published, then retain the shots.

        Args:
            progress: called while it waits: what hangs, if anything, is not this.

        Raises:
            LinkError: the session is over.
        """
        async with self._settling:
            due, self._due = self._due, {}
            while not self._publisher.quiet(self._press):
                progress()
                await asyncio.sleep(LOOK_AGAIN_S)
            beyond = self._beyond(due)  # what is acknowledged now is not among these
            of_memory = [] if self.memory is None else [self.memory.settle(session)]
            await asyncio.gather(self._retain(session, due), *of_memory)
            await asyncio.gather(*(session.publish(topic, b"", retain=True) for topic in beyond))

    def _beyond(self, due: Iterable[str]) -> list[str]:
        """Topics of strangers, and of ended shots beyond those that stay."""
        beyond, self._strange = self._strange, []
        crowded, self._crowded = self._crowded, set()
        for mold_id in crowded:
            ended = self._ended[mold_id]
            for key in sorted(ended, key=ended.__getitem__)[:-ENDED_KEPT]:
                if key in due:
                    self._crowded.add(mold_id)
                else:
                    beyond.append(self._topics.pop(key))
                    del ended[key]
        return beyond

    async def _retain(self, session: Session, shots: Mapping[str, Document | None]) -> None:
        wanted = dict[str, bytes]()
        for key, shot in shots.items():
            before, payload = self._topics.get(key), b"" if shot is None else self._encoded(shot)
            if payload is None:
                continue
            if before is not None:
                mold_id = self._settings.topics.parse(before).mold_id or ""
                self._ended.get(mold_id, {}).pop(key, None)
                del self._topics[key]
                wanted[before] = b""
            if shot is not None:
                topic = self._settings.topics.handover(self._press, shot["mold_id"], key)
                wanted[topic] = payload
                self._note(shot, topic)
        work = (session.publish(topic, payload, retain=True) for topic, payload in wanted.items())
        await asyncio.gather(*work)

    def _note(self, shot: Document, topic: str) -> None:
        """Note that a shot is retained."""
        self._topics[shot["shot_key"]] = topic
        if shot["closed_at"] is not None:
            ended = self._ended.setdefault(shot["mold_id"], {})
            ended[shot["shot_key"]] = _when(shot)
            if len(ended) > ENDED_KEPT:
                self._crowded.add(shot["mold_id"])

    def _is_as(self, payload: bytes, shot: Document) -> bool:
        """Did we retain a shot as it is?"""
        try:
            message = decode(messages.Handover, payload)
        except PayloadError:  # of another version of this program
            return False
        ours = message.agent_id == self._settings.agent_id
        return ours and message.document == json.dumps(shot)

    def _encoded(self, shot: Document) -> bytes | None:
        document = json.dumps(shot)
        if len(document) > DOCUMENT_LIMIT:  # a press that sends what nobody knows
            get_logger().warning("handover_too_large", shot_id=shot["shot_id"], count=len(document))
            return None
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
        return encode(message, self._settings.broker.payload_format)


def _ended(shots: Iterable[Document]) -> dict[str, list[str]]:
    """Keys of ended shots by mold, oldest first."""
    found = dict[str, list[str]]()
    for shot in sorted(shots, key=_when):
        if shot["closed_at"] is not None:
            found.setdefault(shot["mold_id"], []).append(shot["shot_key"])
    return found


def _when(shot: Document) -> str:
    return shot["started_at"] or shot["poured_at"] or shot["closed_at"] or ""


async def left_behind(settings: Settings, press: PressAddress, client_id: str) -> dict[str, bytes]:
    """Read what the broker retains of a press, by topic: shots, memory, advice, alerts …

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
            try:
                await session.subscribe(topics.memories(press))
            except NotAuthorized as error:  # by rules of an older program
                get_logger().warning(
                    "memory_not_heard",
                    press=press.press,
                    error=str(error),
                    hint="let agents read …/memory/…: call `pur-mold-twin broker init` again",
                )
            try:
                await session.subscribe([topics.advices(press)])
            except NotAuthorized as error:  # likewise
                get_logger().warning(
                    "advice_not_heard",
                    press=press.press,
                    error=str(error),
                    hint="let agents read …/advice: call `pur-mold-twin broker init` again",
                )
            of_press = topics.handovers(press), topics.predictions(press), topics.alerts(press)
            await session.subscribe([*of_press, end])
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
