"""Two agents of one name: they find each other at the broker, and the later one gives way.

Every process has a ``run_id``, in each status that it publishes. It listens to the statuses of its
own name, and says its own again, naming the other ``run_id``, whenever it hears one of another
process. So a status that names our ``run_id`` was written by a process that has heard us and lives:
no retained status, last will or message of an earlier life can. Of two that have heard each other
the one that started later ends (by ``started_at``, then by ``run_id``), whatever their machines,
spools and session secrets are.

It has a session of its own, under an id of this process alone: two copies of an agent with one
session secret throw each other out of their other sessions, not out of this one. No session of a
press is opened before the broker was asked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime

from broker.codec import decode, encode
from broker.errors import PayloadError
from broker.messages import AgentStatus, Alert, TwinStatus
from broker.topics import PressAddress
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError, NameTaken
from edge_agent.links.mqtt import Session, connect
from edge_agent.logs import get_logger
from edge_agent.monitoring.alerts import gave_way, two_agents
from edge_agent.presses.identity import Identity

Status = TwinStatus | AgentStatus
ECHO_S = 5.0
"""How long our own status may take to come back, before we say that we may not read it."""
ANSWER_S = 5.0
"""How long another one may take to answer, that was online by what the broker retains."""
GATHER_S = 2.0
"""How long we wait for one that was there before us to say to which presses it listens."""
RETRY_FIRST_S = 0.5
ALERT_EVERY_S = 600.0
"""An agent that systemd starts again and again comes with a new ``run_id`` each time."""
UNREADABLE = (
    "the broker does not let this agent read its own status (…/twin/status): two agents of one "
    "name are not found; run `pur-mold-twin broker init` again, or add the right by hand"
)


class Presence:
    """Says who we are, and hears who else says so."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        """Make a presence; ``current`` and ``give_way`` are set before ``run``."""
        self._settings, self._me = settings, identity
        self.current: Callable[[], Mapping[str, Status]] = dict
        """Our statuses as they are now, by topic."""
        self.give_way: Callable[[str, frozenset[str]], Awaitable[None]] | None = None
        self.noted: Callable[[Alert], Alert] = lambda alert: alert
        """Takes note of an alert, for the list of open ones; returns it with its id."""
        """Ends all sessions of presses: the reason, and the status topics of those whose sessions
        are ours alone and needed no more."""
        self._alone = False
        self._tried, self._wanted = asyncio.Event(), asyncio.Event()
        self._renewed, self._heard = asyncio.Event(), asyncio.Event()
        self._problem: LinkError | None = None
        self._echoed: set[str] = set()
        self._somebody_was_online = False
        self._met = False
        """Has one answered that was started after us?"""
        self._rival: Status | None = None
        """Who was there before us, and lives."""
        self._served: set[str] = set()
        """Topics on which it said that it is online."""
        self._told_unreadable = False
        self._alerted_at: float | None = None

    def renew(self, settings: Settings) -> None:
        """Go on with other presses or credentials."""
        self._settings = settings
        self._renewed.set()

    async def alone(self) -> None:
        """Wait until the broker was asked for others of our name, and none has answered.

        Raises:
            LinkError: the broker cannot be asked.
        """
        while not self._alone:
            self._tried.clear()
            self._wanted.set()
            await self._tried.wait()
            if not self._alone and self._problem is not None:
                raise LinkError(str(self._problem), hint=self._problem.hint)

    async def run(self) -> None:
        """Listen for ever; a connection that is lost is opened again.

        Raises:
            NameTaken: another one of our name was there before us.
        """
        delay = RETRY_FIRST_S
        while True:
            try:
                await self._listen()
                delay = RETRY_FIRST_S
            except LinkError as error:
                delay = RETRY_FIRST_S if self._alone else delay
                self._problem = error  # told by the sessions that wait for us
                self._alone = False
                self._tried.set()
                self._wanted.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(random.uniform(0.5, 1.0) * delay):
                        await self._wanted.wait()
                delay = min(2.0 * delay, self._settings.broker.reconnect_max_s)

    async def _listen(self) -> None:
        """One connection: ask who is there, then hear whoever comes; ends after ``renew``."""
        self._problem, self._somebody_was_online, self._met = None, False, False
        self._rival = None
        self._echoed.clear()
        self._served.clear()
        self._renewed.clear()
        client_id = self._me.ids.presence(self._me.run_id)
        async with connect(self._settings.broker, client_id) as session:
            hearing = asyncio.create_task(self._hear_all(session))
            renewed = asyncio.create_task(self._renewed.wait())
            try:
                await self._ask(session, hearing)
                self._alone = True
                self._tried.set()
                await self._say_online(session)
                await asyncio.wait({hearing, renewed}, return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    hearing.result()
            finally:
                for task in (hearing, renewed):
                    task.cancel()
                await asyncio.gather(hearing, renewed, return_exceptions=True)

    async def _say_online(self, session: Session) -> None:
        """Say where we are online: who listened has heard us ask.

        Each status is that of its moment: a press that is given up meanwhile has said goodbye.
        """
        for topic in self.current():
            status = self.current().get(topic)
            if status is not None and status.state == "online":
                await self._say(session, topic, status)

    async def _ask(self, session: Session, hearing: asyncio.Task[None]) -> None:
        """Say that we are there; when another one was there before, ``hearing`` ends."""
        current = self.current()
        try:
            await session.subscribe(list(current))
            for topic, status in current.items():  # never "online": a session may be just lost
                asking = status.model_copy(update={"state": "starting", "reason": None})
                await self._say(session, topic, asking)
            if await self._comes(lambda: self._echoed >= current.keys(), hearing, ECHO_S):
                if self._somebody_was_online:
                    await self._comes(lambda: self._met, hearing, ANSWER_S)
                return
        except LinkError as error:
            if "the broker refused" not in str(error):  # not a right, the link
                raise
        if not self._told_unreadable:
            self._told_unreadable = True
            get_logger().warning("own_status_not_heard", hint=UNREADABLE)

    async def _comes(
        self, so: Callable[[], bool], hearing: asyncio.Task[None], limit_s: float
    ) -> bool:
        """Wait until it is so, or the time is over; what ``hearing`` ends with is raised."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not so():
                    self._heard.clear()
                    heard = asyncio.create_task(self._heard.wait())
                    try:
                        await asyncio.wait({hearing, heard}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        heard.cancel()
                    if hearing.done():
                        hearing.result()
                return True
        if self._rival is not None:  # the rest is with ``hearing``, which ends with an error
            await asyncio.wait({hearing})
            hearing.result()
        return False

    async def _hear_all(self, session: Session) -> None:
        while True:
            limit_s = None if self._rival is None else GATHER_S
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    batch = await session.next_batch(64)
                session.acknowledge(batch)
                for message in batch:
                    await self._hear(session, message.topic, message.payload)
                self._heard.set()
                if self._rival is None or not self._served >= self.current().keys():
                    continue
            await self._leave(session)

    async def _hear(self, session: Session, topic: str, payload: bytes) -> None:
        mine = self.current().get(topic)
        if mine is None:  # of a press that is no longer ours
            return
        try:
            other: Status = decode(type(mine), payload)
        except PayloadError:  # emptied by hand
            return
        if other.agent_id != self._me.agent_id:  # somebody else has this press, too
            return
        if other.run_id == self._me.run_id:
            self._echoed.add(topic)
            return
        self._somebody_was_online |= other.state not in {"offline", "starting"}
        if other.answers_run_id == self._me.run_id:
            if other.state != "offline" and self._was_before_us(other):
                await self._give_way_to(session, topic, mine, other)
                return
            self._met = True
            await self._alert(session, other)
        if other.state != "offline" or mine.state == "online":  # else what it retains stays
            await self._say(session, topic, mine, answers=other.run_id)

    async def _give_way_to(self, session: Session, topic: str, mine: Status, other: Status) -> None:
        """It lives, and was there first. With a press open, we wait until it listens to one."""
        if other.state == "online":
            self._served.add(topic)
        elif mine.state == "online":
            await self._say(session, topic, mine, answers=other.run_id)
            return
        if self._rival is None:
            self._rival = other
            for at, status in self.current().items():  # so it tells people, and where it listens
                await self._say(session, at, status, answers=other.run_id)

    async def _leave(self, session: Session) -> None:
        """End our sessions, and with an error the process."""
        other = self._rival
        assert other is not None
        assert other.run_id is not None
        words = f"another agent {other.agent_id!r} is online since {_since(other.started_at)}"
        get_logger().error("name_taken", agent_id=other.agent_id, detail=words)
        await self._tell(session, other, gave_way, f"{words}: a second one has ended")
        if self.give_way is not None:
            copied = self._me.ids.is_of_this_secret(other.run_id)
            await self.give_way(words, frozenset() if copied else frozenset(self._served))
        raise NameTaken(
            f"agent_id: {words} ({_of(other)} of site {other.site}); this one, started "
            f"{_since(self._me.started_at)}, has ended"
        )

    async def _alert(self, session: Session, other: Status) -> None:
        """Tell people, not too often, that there is another one, which will end or has."""
        now = asyncio.get_running_loop().time()
        if self._alerted_at is not None and now - self._alerted_at < ALERT_EVERY_S:
            return
        self._alerted_at = now
        words = (
            f"another agent {other.agent_id!r} was started at {_since(other.started_at)}, with the "
            "same site and agent_id: it gives way, this one goes on; stop it or rename it"
        )
        get_logger().warning("name_claimed", agent_id=other.agent_id, detail=words)
        await self._tell(session, other, two_agents, words)

    async def _tell(
        self,
        session: Session,
        at: Status,
        made: Callable[[PressAddress, str, datetime], Alert],
        words: str,
    ) -> None:
        """An alert for the press in question, in a group for all."""
        presses = self._settings.addresses()
        if isinstance(at, TwinStatus):
            presses = [press for press in presses if press.press == at.press]
        for press in presses:
            alert = made(press, words, self._me.clock.now())
            if made is two_agents:  # the one that gives way ends: it has no list any more
                alert = self.noted(alert)
            payload = encode(alert, self._settings.broker.payload_format)
            with suppress(LinkError):
                await session.publish(self._settings.topics.alert(press), payload)

    async def _say(
        self, session: Session, topic: str, status: Status, answers: str | None = None
    ) -> None:
        said = status.model_copy(update={"answers_run_id": answers})
        retain = said.state in {"online", "leaving"}
        payload = encode(said, self._settings.broker.payload_format)
        await session.publish(topic, payload, retain=retain)

    def _was_before_us(self, other: Status) -> bool:
        if other.run_id is None or other.started_at is None:
            return False
        return (other.started_at, other.run_id) < (self._me.started_at, self._me.run_id)


def _since(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _of(status: Status) -> str:
    if isinstance(status, TwinStatus):
        return f"press {status.press}"
    return f"group {status.group}"
