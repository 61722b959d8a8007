"""Lane: the messages of one press on their way to the broker, in one session.

What is not confirmed is sent again at each new connection, in the old order and before anything
new. The first one travels alone until the broker has taken it; that nobody subscribes to a message
means that it is kept for nobody, so it counts as not taken, and all begins again after a pause.
What the broker refuses for good is set aside with its reason, and the others go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Protocol

from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.errors import (
    LinkError,
    NobodySubscribes,
    NotAuthorized,
    PublishDeferred,
    PublishRefused,
    StoreError,
)
from edge_agent.gateway.outbox import Entry
from edge_agent.gateway.outbox_thread import OutboxThread
from edge_agent.links.mqtt import TIMEOUT_S, Session
from edge_agent.logs import get_logger
from edge_agent.spool.retry import until_written

WINDOW = 50
"""Messages under way at once; a single one until the first is taken."""
PAGE = 100
LOOK_S = 1.0
"""How often it is looked at whether the broker answers."""
AGAIN_FIRST_S, AGAIN_LAST_S = 0.05, 5.0
"""Pause after a message that was not taken: at first, at last."""
STALE_FIRST_S, STALE_LAST_S = 60.0, 3600.0
"""So long the agent may leave a message out that the broker took, until it is sent again."""


class Observer(Protocol):
    """Takes note of what becomes of messages."""

    def sent(self, entry: Entry, *, again: bool) -> None:
        """It was given to the broker."""

    def taken(self, entry: Entry) -> None:
        """The broker took it, for somebody who subscribes."""

    def refused(self, entry: Entry, problem: LinkError) -> None:
        """The broker will not take it."""


class Lane:
    """Messages of one press, over all sessions."""

    def __init__(
        self,
        press: PressAddress,
        topics: TopicSpace,
        outbox: OutboxThread,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """Nothing is sent yet."""
        self.press = press
        self.trouble: str | None = None
        """Why the broker does not take the messages of this press; None when it does."""
        self._topics = {"telemetry": topics.telemetry(press), "shot": topics.shot(press)}
        self._outbox, self._clock, self._observer = outbox, clock, observer
        self._moved = asyncio.Event()
        self._more = True
        """May there be messages behind the cursor?"""
        self._highest = 0
        """Id of the newest message that was ever sent in this life."""
        self._cursor = 0
        self._flying: dict[asyncio.Future[None], Entry] = {}
        self._landed: deque[tuple[Entry, BaseException | None]] = deque()
        self._restart, self._hurry, self._pause_s = False, asyncio.Event(), AGAIN_FIRST_S
        self._stale_s, self._oldest, self._oldest_since = STALE_FIRST_S, 0, monotonic()

    def committed(self) -> None:
        """There is something new in the outbox."""
        self._more = True
        self._moved.set()

    def hurry(self) -> None:
        """Try what was not taken again at once: an agent is there."""
        self._pause_s = AGAIN_FIRST_S
        self._hurry.set()

    @property
    def through(self) -> bool:
        """True if the broker has taken all that there is, in this session."""
        return not (self._more or self._flying or self._landed or self.trouble)

    async def look_for_stale(self) -> None:
        """Send all again when the agent leaves out for long what the broker took.

        That is so when a session of the agent was lost with what waited in it.
        """
        press = str(self.press)
        oldest = await self._outbox.oldest(press)
        now = monotonic()
        if oldest is None or oldest != self._oldest or oldest > self._cursor:
            if oldest is None:
                self._stale_s = STALE_FIRST_S
            self._oldest, self._oldest_since = oldest or 0, now
        elif self._outbox.outbox.hears(press) and now - self._oldest_since > self._stale_s:
            self._stale_s = min(2.0 * self._stale_s, STALE_LAST_S)
            self._oldest_since = now
            self._restart = True
            self._moved.set()
            get_logger().warning(
                "sent_again",
                press=self.press.press,
                reason="the agent has had later messages for long, and not these",
            )

    async def run(self, session: Session) -> None:
        """Send in a session until it ends.

        Raises:
            LinkError: the session is over; what is not confirmed goes out in the next one.
        """
        self._flying.clear()
        self._landed.clear()
        since, self._pause_s = self._clock.now(), AGAIN_FIRST_S
        with suppress(StoreError):  # the disk is away: at the next connection
            await self._outbox.try_again(str(self.press))
        try:
            while True:
                self._restart = False
                problem = await self._all(session, since)
                if problem is None:
                    continue  # once more from the beginning
                self._is_not_taken(problem)
                self._hurry.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s):
                        await self._hurry.wait()
                self._pause_s = min(2.0 * self._pause_s, AGAIN_LAST_S)
        finally:
            for outcome in self._flying:
                outcome.cancel()
            self._flying.clear()

    async def _all(self, session: Session, since: datetime) -> PublishDeferred | None:
        """Send all that waits and what comes, from the oldest on; returns to begin anew.

        Returns:
            why a message was not taken; None where the beginning is wanted for another reason.
        """
        self._cursor, self._more, window = 0, True, 1
        page: deque[Entry] = deque()
        problem: PublishDeferred | None = None
        while True:
            self._moved.clear()
            taken = []
            while self._landed:
                entry, error = self._landed.popleft()
                if error is None:
                    window = WINDOW
                    taken.append(entry.id)
                    self._observer.taken(entry)
                elif isinstance(error, PublishRefused | NotAuthorized):
                    await self._set_aside(entry, error)
                elif isinstance(error, PublishDeferred):
                    problem = problem or error
                else:
                    raise error if isinstance(error, LinkError) else LinkError(str(error))
            if taken:
                self._is_taken()
                with suppress(StoreError):  # they are only kept longer than they need be
                    await self._outbox.taken(str(self.press), taken, self._clock.now())
            if problem is not None or self._restart:
                if not self._flying:
                    return problem
            elif not page and self._more:
                page.extend(await self._next_page())
            while page and len(self._flying) < window and problem is None and not self._restart:
                entry = page.popleft()
                self._cursor = entry.id
                self._fly(session, entry, since)
            wants = (page and len(self._flying) < window) or (not page and self._more)
            if not self._landed and not (wants and problem is None and not self._restart):
                await self._wait(session)

    async def _next_page(self) -> list[Entry]:
        self._more = False
        try:
            rows = await self._outbox.pending(str(self.press), PAGE, self._cursor)
        except StoreError:  # whoever writes says so; the next look reads it
            await asyncio.sleep(LOOK_S)
            self._more = True
            return []
        self._more = self._more or len(rows) == PAGE
        return rows

    def _fly(self, session: Session, entry: Entry, since: datetime) -> None:
        self._observer.sent(entry, again=entry.id <= self._highest)
        self._highest = max(self._highest, entry.id)
        historical = entry.historical or entry.created_at < since
        topic = self._topics[entry.kind]
        try:
            outcome = session.send(topic, entry.payload, historical=historical, heard=True)
        except LinkError as error:
            self._landed.append((entry, error))
            return
        self._flying[outcome] = entry
        outcome.add_done_callback(self._land)

    def _land(self, outcome: asyncio.Future[None]) -> None:
        entry = self._flying.pop(outcome, None)
        if entry is not None and not outcome.cancelled():
            self._landed.append((entry, outcome.exception()))
            self._moved.set()

    async def _wait(self, session: Session) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._moved.wait()
        if self._flying and session.owes_s > TIMEOUT_S:
            raise LinkError("the broker did not acknowledge a publish")

    async def _set_aside(self, entry: Entry, problem: LinkError) -> None:
        may_try_again = isinstance(problem, NotAuthorized)
        self._observer.refused(entry, problem)
        get_logger().error(
            "publish_refused",
            stage="publish",
            press=self.press.press,
            error=str(problem),
            hint=problem.hint,
        )
        refuse = partial(self._outbox.refuse, may_try_again=may_try_again)
        await until_written("publish", refuse, entry, str(problem), what="outbox")

    def _is_taken(self) -> None:
        self._pause_s = AGAIN_FIRST_S
        if self.trouble is not None:
            self.trouble = None
            get_logger().info("messages_taken", press=self.press.press)

    def _is_not_taken(self, problem: PublishDeferred) -> None:
        if self.trouble is None:
            nobody = isinstance(problem, NobodySubscribes)
            get_logger().warning(
                "nobody_subscribes" if nobody else "publish_deferred",
                press=self.press.press,
                error=str(problem),
                hint=problem.hint,
            )
        self.trouble = str(problem)
