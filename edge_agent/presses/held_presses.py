"""The presses an agent works for, and the shots that come and go with them.

An agent of a group follows shots only on presses it holds. When it gets one it goes on with the
shots that the agent before it has left at the broker; when it gives one up it forgets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pydantic import ValidationError

from broker.codec import decode
from broker.errors import PayloadError
from broker.messages import Handover
from broker.topics import Channel, PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.logs import get_logger
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.shots.shot import Shot
from edge_agent.spool.spool import Changes, SpoolThread


class Holdings:
    """Which presses are ours now: all of them, or in a group those that were taken."""

    def __init__(
        self, agent_id: str, shared: bool, assembler: Assembler, spool: SpoolThread, clock: Clock
    ) -> None:
        self._agent_id, self._assembler = agent_id, assembler
        self._spool, self._clock = spool, clock
        self._held: set[PressAddress] | None = set() if shared else None
        self.lock = asyncio.Lock()
        """Held while shots are worked on, so that none is given up meanwhile."""

    def __contains__(self, press: object) -> bool:
        return self._held is None or press in self._held

    def in_work(self, press: PressAddress) -> bool:
        """Is a shot open on this press?"""
        return any(shot.closed_at is None for shot in self._shots(press))

    def latest(self, press: PressAddress) -> dict[str, Shot]:
        """The latest shot of every mold of a press, by mold."""
        return {shot.mold_id: shot for shot in sorted(self._shots(press), key=_when)}

    async def take(
        self, press: PressAddress, topics: TopicSpace, retained: Mapping[str, bytes]
    ) -> None:
        """Hold a press from now on, and go on with what its agent before us has left.

        Args:
            retained: what the broker keeps of the press: handovers and predictions, by topic.
        """
        async with self.lock:
            left = [(by, shot) for by, shot in _left(topics, retained) if shot.address == press]
            found = [shot for by, shot in left if self._is_news(by, shot)]
            molds = {shot.mold_id for shot in found}
            gone = [shot for shot in self._shots(press) if shot.mold_id in molds]
            if found:
                channel = Channel.PREDICTION
                kept = {t: p for t, p in retained.items() if topics.parse(t).channel is channel}
                await self._spool.call(self._spool.spool.exchange, str(press), kept)
                await self._exchange(gone, found)
            if self._held is not None:
                self._held.add(press)
        get_logger().info("press_taken", press=press.press, count=len(found))

    async def give_up(self, press: PressAddress) -> None:
        """Another has the press, or will: forget its shots, and what was still to be said."""
        async with self.lock:
            if self._held is not None:
                self._held.discard(press)
            await self._spool.call(self._spool.spool.exchange, str(press), {})
            await self._exchange(self._shots(press), [])

    def _is_news(self, agent_id: str, shot: Shot) -> bool:
        """What we left ourselves is no news, unless we have forgotten it."""
        return agent_id != self._agent_id or shot.key not in self._assembler.shots

    async def _exchange(self, gone: list[Shot], found: list[Shot]) -> None:
        changes = Changes()
        for shot in gone:
            del self._assembler.shots[shot.key]
            changes.state[SHOT_SCOPE, shot.key] = None
        for shot in found:
            self._assembler.shots[shot.key] = shot
            changes.state[SHOT_SCOPE, shot.key] = shot.model_dump(mode="json")
        if changes:
            await self._spool.call(self._spool.spool.commit, changes, self._clock.now())

    def _shots(self, press: PressAddress) -> list[Shot]:
        return [shot for shot in self._assembler.shots.values() if shot.address == press]


def _when(shot: Shot) -> str:
    begun = shot.begun_at or shot.closed_at
    return begun.isoformat() if begun is not None else ""


def _left(topics: TopicSpace, retained: Mapping[str, bytes]) -> list[tuple[str, Shot]]:
    """Shots that are handed over, with the agent that followed them."""
    found = []
    for topic, payload in retained.items():
        if topics.parse(topic).channel is not Channel.HANDOVER:
            continue
        try:
            message = decode(Handover, payload)
            found.append((message.agent_id, Shot.model_validate_json(message.document)))
        except (PayloadError, ValidationError) as error:  # of another version of this program
            get_logger().warning("handover_refused", topic=topic[:200], error=str(error)[:500])
    return found
