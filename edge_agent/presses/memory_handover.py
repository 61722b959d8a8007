"""What an agent of a group remembers of a press, retained at the broker for the next one.

The shots of a mold stand in parts, each shot in the same one for ever: a result writes one part
anew, of some kilobytes, before its message is acknowledged. What the history or an earlier agent
brought, many parts at once, goes out beside the shots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from broker.codec import decode, encode
from broker.errors import PayloadError
from broker.messages import Memory
from broker.messages.outbound import DOCUMENT_LIMIT
from broker.topics import Channel, PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.inference.earlier_rows import Earlier
from edge_agent.inference.earlier_shots import EARLIER_SCOPE, EarlierShots
from edge_agent.inference.memory_document import MemoryDocument, events_of, packed, shots_of
from edge_agent.inference.press_events import HAPPENED_SCOPE
from edge_agent.links.mqtt import Session
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logs import get_logger
from twin_core.learning.past_results import ShotKey

PART_SHOTS = 20
"""Shots in a part: 8 kB with a quality record each."""
EVENTS_PART = "events"
AT_ONCE = 4
"""Parts that go out beside the shots before anything else has its turn."""
Part = tuple[str, str]
"""``mold_id``, empty for the press, and name of the part."""


class Left:
    """What is retained of a press: rows and events, and in which part each shot stands."""

    def __init__(self) -> None:
        self.ours: list[Earlier] = []
        self.theirs: list[Earlier] = []
        """As another agent knows them: it has had the press since."""
        self.events: list[LoggedEvent] = []
        self.intervals: list[tuple[tuple[str, str], dict[str, Any]]] = []
        """What was seen of corrections, by press and mold, of each part."""
        self.part_of: dict[tuple[str, str], str] = {}
        """By ``mold_id`` and name of the shot."""

    async def read(self, topics: TopicSpace, retained: Mapping[str, bytes], agent_id: str) -> None:
        """Take what the broker retains; what cannot be read is left out and logged.

        Args:
            topics: grammar.
            retained: payloads by topic; all but memories are passed over.
            agent_id: our own.
        """
        for topic, payload in retained.items():
            address = topics.parse(topic)
            if address.channel is not Channel.MEMORY or not payload:
                continue
            try:
                message = decode(Memory, payload)
                document = MemoryDocument.model_validate_json(message.document)
            except (PayloadError, ValidationError) as error:  # of another version of this program
                get_logger().warning("memory_refused", topic=topic[:200], error=str(error)[:500])
                continue
            press, mold_id = str(address.press), address.mold_id or ""
            rows = [
                row
                for row in shots_of(document)
                if (row.shot.address, row.shot.mold_id) == (press, mold_id)
            ]
            (self.ours if message.agent_id == agent_id else self.theirs).extend(rows)
            self.events += [event for event in events_of(document) if event.address == press]
            if address.mold_id is not None and document.intervals:
                self.intervals.append(((str(address.press), address.mold_id), document.intervals))
            for row in rows:
                self.part_of[row.shot.mold_id, row.shot.name] = address.part or ""
            await asyncio.sleep(0)


class MemoryHandover:
    """Parts of one press during one session."""

    def __init__(
        self,
        settings: Settings,
        press: PressAddress,
        earlier: EarlierShots,
        clock: Clock,
        part_of: Mapping[tuple[str, str], str],
    ) -> None:
        """Make a handover; nothing goes out yet.

        Args:
            settings: of the agent.
            press: the press.
            earlier: what the agent remembers.
            clock: the agent's.
            part_of: where shots stand already, by ``mold_id`` and name.
        """
        self._settings, self._press = settings, press
        self._earlier, self._clock = earlier, clock
        self._part_of = dict(part_of)
        self._shots: dict[Part, dict[str, ShotKey]] = {}
        """Shots of each part, by name."""
        self._newest: dict[str, int] = {}
        """Number of the newest part of a mold."""
        self._due: set[Part] = set()
        """Parts that results have changed."""
        self._beside: set[Part] = set()
        """Parts that nobody waits for."""
        for (mold_id, _), part in self._part_of.items():
            self._count(mold_id, part)
        for row in earlier.rows_of(press):
            known = (row.shot.mold_id, row.shot.name) in self._part_of
            place = self._place(row.shot)
            if not known:
                self._beside.add(place)
        if earlier.events_of(press):
            self._beside.add(("", EVENTS_PART))

    @property
    def waits(self) -> bool:
        """True while something is not retained as it is."""
        return bool(self._due or self._beside)

    def committed(self, state: Mapping[tuple[str, str], dict[str, Any] | None]) -> None:
        """A transaction with this state is on disk."""
        for (scope, key), document in state.items():
            if scope == HAPPENED_SCOPE and key == str(self._press) and document is not None:
                self._due.add(("", EVENTS_PART))
            if scope != EARLIER_SCOPE:
                continue
            if document is None:
                self._forget(key)
            elif document["key"][:2] == [self._press.site, self._press.press]:
                self._due.add(self._place(ShotKey(*document["key"])))

    async def settle(self, session: Session) -> None:
        """Retain what results have changed.

        Raises:
            LinkError: the session is over.
        """
        due, self._due = self._due, set()
        self._beside -= due
        await self._retain(session, due)

    async def settle_beside(self, session: Session) -> None:
        """Retain some of the parts that nobody waits for.

        Raises:
            LinkError: the session is over.
        """
        some = sorted(self._beside)[:AT_ONCE]
        self._beside -= set(some)
        await self._retain(session, some)

    async def _retain(self, session: Session, parts: Iterable[Part]) -> None:
        work = []
        for mold_id, part in parts:
            topic = self._settings.topics.memory(self._press, mold_id or None, part)
            payload = self._payload(mold_id, part)
            if payload is not None:
                work.append(session.publish(topic, payload, retain=True))
        await asyncio.gather(*work)

    def _payload(self, mold_id: str, part: str) -> bytes | None:
        """A part as it is now, empty if there is nothing in it; None if it is too large."""
        events = self._earlier.events_of(self._press) if part == EVENTS_PART else []
        shots = self._shots.get((mold_id, part), {})
        rows = [row for key in shots.values() if (row := self._earlier.row(key)) is not None]
        if not rows and not events:
            return b""
        mold = str(self._press), mold_id
        document = packed(rows, events, self._earlier.intervals.document(mold) if mold_id else {})
        if len(document) > DOCUMENT_LIMIT:  # names as long as they may be, records without end
            get_logger().warning("memory_too_large", mold_id=mold_id, count=len(document))
            return None
        message = Memory(
            ts=self._clock.now(),
            site=self._press.site,
            press=self._press.press,
            mold_id=mold_id or None,
            part=part,
            agent_id=self._settings.agent_id,
            document=document,
        )
        return encode(message, self._settings.broker.payload_format)

    def _place(self, shot: ShotKey) -> Part:
        """Part in which a shot stands, from now on if it is new."""
        mold_id = shot.mold_id
        part = self._part_of.get((mold_id, shot.name))
        if part is None:
            part = str(self._newest.setdefault(mold_id, 0))
            if len(self._shots.get((mold_id, part), {})) >= PART_SHOTS:
                self._newest[mold_id] += 1
                part = str(self._newest[mold_id])
            self._part_of[mold_id, shot.name] = part
        self._shots.setdefault((mold_id, part), {})[shot.name] = shot
        return mold_id, part

    def _forget(self, text: str) -> None:
        """Forget a shot; a part without any goes.

        Args:
            text: its key in the spool's state.
        """
        site, press, mold_id, *names = text.split("/")
        if (site, press) != (self._press.site, self._press.press):
            return
        part = self._part_of.pop((mold_id, names[-1]), None)
        if part is None:
            return
        shots = self._shots.get((mold_id, part), {})
        shots.pop(names[-1], None)
        if not shots:
            self._due.add((mold_id, part))

    def _count(self, mold_id: str, part: str) -> None:
        if part.isdecimal():
            self._newest[mold_id] = max(self._newest.get(mold_id, 0), int(part))
