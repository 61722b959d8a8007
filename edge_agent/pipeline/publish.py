"""publish: results -> MQTT, at once, and kept until the broker has accepted them.

What is issued goes to the broker before it is on disk. A commit stores what the broker has not
accepted by then; what it accepts later is settled in the next commit. What is stored and was not
sent in this session is read from the spool, page by page, beside the live messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Unpack

from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.errors import LinkError, NotAuthorized, PublishDeferred, PublishRefused
from edge_agent.links.mqtt import TIMEOUT_S, SendOptions, Session
from edge_agent.logs import get_logger
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.busy_broker import BusyBroker, Tries
from edge_agent.ports import Outgoing
from edge_agent.spool.changes import Changes
from edge_agent.spool.thread import SpoolThread

PREDICTION_EXPIRES_S = 86_400
"""A retained prediction that nothing has replaced in a day speaks of no mold any more."""
MAY_BE_LOST_S = 3_600
"""A broker that kept our session may have been killed, and has what it saved before: half an hour
ago, by default."""
BESIDE = 10
"""Messages of a backlog under way at once. paho sends 20 before the first is acknowledged; the rest
is for live ones."""
PAGE = 64
LOOK_S = 1.0
"""How often the sender looks for messages that nobody acknowledges."""


@dataclass(eq=False, slots=True)
class Issued:
    """A message that was issued, until it is settled or in the spool."""

    entry: Outgoing
    at: datetime
    unsaved: bool = False
    """The disk refuses: it is sent with this mark, and again when it is saved."""
    stored: bool = False
    """It is in a transaction, so it must be settled in a later one."""
    from_spool: bool = False
    """It is sent from there, a first time or again."""
    settled: bool = False
    """The broker has accepted it, or refused it for good."""


class Publisher:
    """Messages that wait to be published, for all presses of an agent."""

    def __init__(
        self,
        spool: SpoolThread,
        clock: Clock,
        published: Callable[[Outgoing], None] = lambda _message: None,
        took: Callable[[float], None] = lambda _seconds: None,
        refused: Callable[[Outgoing, LinkError], None] = lambda _message, _problem: None,
    ) -> None:
        """No session is open yet.

        Args:
            published: called with every message that the broker accepted.
            took: called with how long it took to accept it.
            refused: called with every message that it refused for good.
        """
        self.spool, self.clock, self.published, self.took = spool, clock, published, took
        self.refused = refused
        self.tries = Tries()
        self._senders: dict[str, Sender] = {}
        self._settled: list[str] = []
        self.known: set[str] = set()
        """Keys of what is under way, and of what is settled and still in the spool."""
        self.retained: dict[str, Issued] = {}
        """The newest retained message by topic, until it is in the spool."""
        self.moved: Callable[[], None] = lambda: None
        """Called when something can be settled."""

    def open(self, press: PressAddress, session: Session, watch: Watch) -> Sender:
        """A session to a broker is open: send what is issued from now on, and the backlog."""
        sender = Sender(self, press, session, watch)
        self._senders[str(press)] = sender
        return sender

    def close(self, sender: Sender) -> None:
        """The session has ended; what it had under way goes out in the next one."""
        if self._senders.get(str(sender.press)) is sender:
            del self._senders[str(sender.press)]
        sender.give_up()

    def issue(self, entry: Outgoing, *, unsaved: bool = False) -> Issued:
        """Send a message if there is a session; in any case it goes into the batch."""
        now = self.clock.now()
        issued = Issued(replace(entry, at=now), now, unsaved)
        if entry.retain:
            self.retained[entry.topic] = issued
        sender = self._senders.get(entry.press)
        if sender is not None:
            self.known.add(entry.key)
            sender.send(issued)
        return issued

    def say(self, entry: Outgoing) -> None:
        """Send a message that is kept nowhere, if there is a session: the disk refuses."""
        sender = self._senders.get(entry.press)
        if sender is not None:
            sender.send(Issued(entry, self.clock.now(), unsaved=True))

    def flush(self, press: PressAddress) -> None:
        """Write what was issued for a press to its socket now."""
        sender = self._senders.get(str(press))
        if sender is not None:
            sender.flush()

    def to_store(self, issued: Iterable[Issued]) -> list[Outgoing]:
        """Those that are not settled: they are in the next transaction."""
        found = []
        for one in issued:
            if not one.settled:
                one.stored = True
                found.append(one.entry)
        return found

    def take_settled(self) -> list[str]:
        """Keys of stored messages that the spool may forget."""
        settled, self._settled = self._settled, []
        return settled

    def has_settled(self) -> bool:
        """May the spool forget something?"""
        return bool(self._settled)

    def committed(self, changes: Changes) -> None:
        """A transaction is on disk."""
        self.known.difference_update(changes.settled)
        for topic, entry in changes.retained.items():
            if topic in self.retained and self.retained[topic].entry is entry:
                del self.retained[topic]
        for entry in changes.publish:
            if entry.key not in self.known and (sender := self._senders.get(entry.press)):
                sender.backlog.set()

    def settle(self, issued: Issued) -> None:
        """The broker has accepted a message, or refused it for good."""
        issued.settled = True
        self.tries.forget(issued.entry.key)
        if issued.stored:
            self._settled.append(issued.entry.key)
            self.moved()
        else:
            self.known.discard(issued.entry.key)

    def quiet(self, press: PressAddress) -> bool:
        """True if the broker has everything of this press; only with an open session."""
        sender = self._senders.get(str(press))
        return sender is not None and sender.quiet


@dataclass(eq=False, slots=True)
class _Flight:
    issued: Issued | None
    """None for a retained message that is restored."""
    topic: str
    since: float


class Sender:
    """Publishes for one press in one session."""

    def __init__(
        self, publisher: Publisher, press: PressAddress, session: Session, watch: Watch
    ) -> None:
        self.press = press
        self._publisher, self._session, self._watch = publisher, session, watch
        self._since = publisher.clock.now()
        self._flying: dict[asyncio.Future[None], _Flight] = {}
        self._newest: dict[str, str] = {}
        """Key of the newest retained message by topic, where one was issued in this session."""
        self._reading = False
        """Is a page of the backlog being read, so that nobody knows what is in it?"""
        self._failure: Exception | None = None
        self._moved = asyncio.Event()
        self._cursor = 0
        """Row of the spool that was looked at last."""
        self._busy = BusyBroker()
        self.backlog = asyncio.Event()
        """Set when the spool may hold something that was not sent in this session."""
        self.backlog.set()

    @property
    def quiet(self) -> bool:
        """True if nothing is under way, and nothing left in the spool."""
        idle = not (self._reading or self.backlog.is_set() or self._busy.owes)
        return idle and not any(flight.issued for flight in self._flying.values())

    def send(self, issued: Issued) -> None:
        """Publish at once."""
        entry = issued.entry
        if entry.retain and not issued.stored:
            self._newest[entry.topic] = entry.key
        newest = self._newest.get(entry.topic, entry.key) == entry.key
        self._fly(
            issued,
            entry.topic,
            entry.payload,
            retain=entry.retain and newest,  # a backlog replaces nothing that is newer
            historical=issued.at < self._since,
            unsaved=issued.unsaved,
            expires_s=PREDICTION_EXPIRES_S if entry.retain and newest else None,
        )

    def flush(self) -> None:
        """Write to the socket now what was sent."""
        self._session.flush()

    async def run(self) -> None:
        """Send the backlog, restore what the broker may have lost, and see that all is answered.

        Raises:
            LinkError: the session is over; what was not accepted goes out in the next one.
        """
        self._restore_unwritten()
        restoring, after = True, ""
        now = self._since
        forgotten = now - timedelta(seconds=PREDICTION_EXPIRES_S)
        lost_since = now - timedelta(seconds=MAY_BE_LOST_S) if self._session.present else forgotten
        while True:
            if self._failure is not None:
                raise self._failure
            self._moved.clear()
            if self._busy.is_over():
                self._cursor = 0
                self.backlog.set()
            if self._busy.takes_nothing:
                await self._wait()
            elif self.backlog.is_set():
                await self._page_of_backlog()
            elif restoring:
                after = await self._page_of_retained(lost_since, after)
                restoring = after != ""
            else:
                if not self._flying:
                    self._busy.well()
                await self._wait()

    def give_up(self) -> None:
        """The session is over."""
        for flight in self._flying.values():
            if flight.issued is not None and not flight.issued.settled:
                self._publisher.known.discard(flight.issued.entry.key)
        self._flying.clear()
        self._watch.rest()

    async def _page_of_backlog(self) -> None:
        publisher = self._publisher
        self.backlog.clear()
        self._reading, cursor = True, self._cursor
        rows = await publisher.spool.to_publish(str(self.press), PAGE, cursor)
        self._reading = False
        if not rows:
            return
        self.backlog.set()
        if self._cursor == cursor:  # else it was set back meanwhile
            self._cursor = rows[-1].id
        waiting = deque(row for row in rows if row.entry.key not in publisher.known)
        publisher.known.update(row.entry.key for row in waiting)
        try:
            while waiting:
                await self._room()
                if self._busy.takes_nothing:
                    break
                row = waiting.popleft()
                self.send(Issued(row.entry, row.created_at, stored=True, from_spool=True))
        finally:
            publisher.known.difference_update(row.entry.key for row in waiting)

    def _restore_unwritten(self) -> None:
        """Restore what is retained and not in the spool yet: it is newer than what is there."""
        for issued in list(self._publisher.retained.values()):
            entry, expires_s = issued.entry, PREDICTION_EXPIRES_S
            if entry.press == str(self.press) and entry.topic not in self._newest:
                self._newest[entry.topic] = entry.key
                self._fly(
                    None,
                    entry.topic,
                    entry.payload,
                    retain=True,
                    unsaved=issued.unsaved,
                    expires_s=expires_s,
                )

    async def _page_of_retained(self, since: datetime, after: str) -> str:
        """Restore some retained messages; topic of the last one, empty when that was all."""
        found = await self._publisher.spool.retained(str(self.press), since, after, PAGE)
        for kept in found:
            after = kept.topic
            await self._room()
            if kept.topic in self._newest:
                continue
            age_s = max(0, int((self._since - kept.at).total_seconds()))
            expires_s = max(1, PREDICTION_EXPIRES_S - age_s)
            self._fly(None, kept.topic, kept.payload, retain=True, expires_s=expires_s)
        return after if found else ""

    async def _room(self) -> None:
        """Wait until one more of a backlog may be under way."""
        while len(self._flying) >= BESIDE:
            self._moved.clear()
            await self._wait()
            if self._failure is not None:
                raise self._failure

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._moved.wait()
        if self._flying and self._session.owes_s > TIMEOUT_S:
            topic = next(iter(self._flying.values())).topic
            raise LinkError(f"{topic}: the broker did not acknowledge a publish")

    def _fly(
        self, issued: Issued | None, topic: str, payload: bytes, **options: Unpack[SendOptions]
    ) -> None:
        flight = _Flight(issued, topic, perf_counter())
        try:
            outcome = self._session.send(topic, payload, **options)
        except (LinkError, PublishRefused) as error:
            self._land(flight, error)
            return
        self._flying[outcome] = flight
        self._watch.progress()
        outcome.add_done_callback(self._landed)

    def _landed(self, outcome: asyncio.Future[None]) -> None:
        flight = self._flying.pop(outcome, None)
        if flight is not None and not outcome.cancelled():
            self._land(flight, outcome.exception())

    def _land(self, flight: _Flight, problem: BaseException | None) -> None:
        publisher, issued = self._publisher, flight.issued
        if isinstance(problem, PublishDeferred) and not self._is_given_up(issued, problem):
            issued = None
        elif isinstance(problem, PublishRefused | NotAuthorized | PublishDeferred):
            get_logger().error("publish_refused", stage="publish", error=str(problem))
            if issued is not None:
                publisher.refused(issued.entry, problem)
        elif problem is not None:
            self._failure = self._failure or _as_link_error(problem)
            if issued is not None:
                publisher.known.discard(issued.entry.key)
            issued = None
        if issued is not None:
            if issued.unsaved and problem is None:  # it goes out again when it is saved
                publisher.known.discard(issued.entry.key)
                self._cursor = 0
                self.backlog.set()
            else:
                publisher.settle(issued)
            if problem is None:
                self._busy.accepted()
                publisher.tries.accepted_count += 1
                publisher.took(perf_counter() - flight.since)
                publisher.published(issued.entry)
        if self._flying:
            self._watch.progress()
        else:
            self._watch.rest()
        self._moved.set()

    def _is_given_up(self, issued: Issued | None, problem: PublishDeferred) -> bool:
        """Note a refusal for now; unless it was one too many, the message is sent again."""
        if issued is None:
            return False
        key = issued.entry.key
        begins = self._busy.refused()
        if issued.from_spool and self._publisher.tries.refused(key):
            return True
        self._publisher.known.discard(key)
        if begins:
            get_logger().warning(
                "publish_deferred",
                stage="publish",
                press=self.press.press,
                error=str(problem),
                delay_s=self._busy.pause_s,
            )
        return False


def _as_link_error(problem: BaseException) -> Exception:
    return problem if isinstance(problem, Exception) else LinkError(str(problem))
