"""An agent in its group: it says that it is there, sees who else is, and takes and gives presses.

One session of its own carries its status, which names the presses it holds, and the last will. Who
is to have which press is in ``share``; here it is done, one agent after the other:

- a press that moves is named no more by the old agent before the new one takes it;
- while this session is lost no session of a press is opened: another may have taken it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from broker.codec import decode, encode
from broker.errors import PayloadError
from broker.messages import AgentState, AgentStatus
from broker.topics import PressAddress
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError, SettingsError
from edge_agent.links.mqtt import Session, Will, connect
from edge_agent.links.tls import fingerprint, new_credentials
from edge_agent.logs import get_logger
from edge_agent.monitoring.health import Vitals
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.presses.identity import Identity
from edge_agent.presses.ownership import Moves, moves
from edge_agent.presses.presence import Presence
from edge_agent.presses.press_session import FLUSH_TIMEOUT_S
from edge_agent.presses.sessions import RECONNECT_FIRST_S, Sessions

LOOK_S = 0.2
"""How often it is looked whether a press that is to move is between shots."""
JOIN_TIMEOUT_S = 10.0
HANDED_OVER = "handed over to another agent"


class Membership:
    """Membership of the agent in its group, and the presses that are its part of it."""

    def __init__(
        self,
        settings: Settings,
        group: PressAddress,
        identity: Identity,
        presence: Presence,
        sessions: Sessions,
        metrics: Metrics,
        vitals: Vitals,
    ) -> None:
        """Make a membership; nothing is opened yet."""
        self._settings, self._group = settings, group
        self._me, self._presence = identity, presence
        self._sessions, self._vitals = sessions, vitals
        self._watch = metrics.watches.add(Watch(f"link {group.press}"))
        self._others: dict[str, AgentStatus] = {}
        self._wanted_since: dict[PressAddress, float] = {}
        self._leaving = asyncio.Event()
        self._joined = False
        self._said: tuple[AgentState, frozenset[str]] | None = None
        self._joined_is(False)

    def current(self) -> dict[str, AgentStatus]:
        """Our status as it is now, by topic."""
        said = self._said if self._joined else None
        state, holds = said or ("starting", frozenset())
        return {self._topic(): self._me.of_member(self._group, state, holds)}

    def renew(self, settings: Settings) -> None:
        """Go on with other presses or credentials."""
        self._settings = settings

    async def run(self) -> None:
        """Keep the session of the group until ``leave`` is called; every failure is tried again.

        Raises:
            SettingsError: this broker knows no shared subscriptions.
        """
        delay = RECONNECT_FIRST_S
        while not self._leaving.is_set():
            self._watch.progress()
            try:
                await self._member()
                delay = RECONNECT_FIRST_S
            except LinkError as error:
                delay = RECONNECT_FIRST_S if self._joined else delay
                self._joined_is(False)
                self._watch.trouble = str(error)
                pause = random.uniform(0.5, 1.0) * delay
                words = {"error": str(error), "delay_s": round(pause, 2)}
                get_logger().warning("group_lost", detail=self._group.press, **words)
                self._watch.rest()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._leaving.wait()
                delay = min(2.0 * delay, self._settings.broker.reconnect_max_s)

    async def leave(self, running: asyncio.Task[None]) -> None:
        """Hand over what is held, if somebody is there to take it and the time allows."""
        self._leaving.set()
        if self._joined:
            limit_s = self._settings.share.leave_max_s + 2 * FLUSH_TIMEOUT_S
            await asyncio.wait([running], timeout=limit_s)

    async def _member(self) -> None:
        """One session: join, then take and give until it ends."""
        await self._presence.alone()
        self._watch.progress()
        used = fingerprint(self._settings.broker)
        client_id = self._me.ids.status()
        will = Will(self._topic(), self._status("offline", "connection lost")[1])
        await self._sessions.note_all()
        async with connect(self._settings.broker, client_id, will) as session:
            await self._join(session)
            self._joined_is(True)
            reading = asyncio.create_task(self._read(session))
            exchanged = asyncio.create_task(new_credentials(self._settings.broker, used))
            tasks: set[asyncio.Task[Any]] = {reading, exchanged}
            try:
                while not exchanged.done():
                    if reading.done():
                        reading.result()
                    if await self._balance(session):
                        await self._say(session, "offline", reason="shut down")
                        break
                    await asyncio.sleep(LOOK_S)
            except asyncio.CancelledError:  # the others must not wait for what we hold
                with suppress(LinkError):
                    await self._say(session, "offline", reason="stopped")
                raise
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, session: Session) -> None:
        """Look who is there before taking part: when our own status comes back we have seen all."""
        topics = self._settings.topics
        self._others.clear()
        async with _limited("the broker does not tell who is in the group"):
            await session.subscribe([topics.agents(self._group)])
            at, joining = self._status("offline", "joining")
            await session.publish(self._topic(), joining, retain=True)
            while not await self._heard(session, at):
                pass
        if session.version != "5":
            await self._try_shared(session)
        for press in self._sessions.presses:  # others may have taken some while we were away
            if any(press.press in other.presses for other in self._others.values()):
                await self._sessions.give_up(press, None)
        await self._say(session, "online", {press.press for press in self._sessions.presses})

    async def _try_shared(self, session: Session) -> None:
        """MQTT 3.1.1 does not know shared subscriptions; Mosquitto grants them all the same."""
        client_id = self._me.ids.probe()
        probe = f"$share/{client_id}/{self._topic()}"
        with suppress(TimeoutError, LinkError):
            async with connect(self._settings.broker, client_id) as other, asyncio.timeout(3.0):
                await other.subscribe([probe])
                at, joining = self._status("offline", "joining")
                await session.publish(self._topic(), joining, retain=True)
                while not await self._heard(other, at):
                    pass
                return
        raise SettingsError(
            "share.group: this broker knows no shared subscriptions (amqtt, the broker of the demo "
            "where Mosquitto is missing, does not): use Mosquitto or an MQTT 5 broker, or remove "
            "share.group"
        )

    async def _read(self, session: Session) -> None:
        while True:
            await self._heard(session)

    async def _heard(self, session: Session, at: datetime | None = None) -> bool:
        """Take in what others say; true when our own word of this time is among it."""
        batch = await session.next_batch(64)
        session.acknowledge(batch)
        back = False
        for message in batch:
            try:
                status = decode(AgentStatus, message.payload)
            except PayloadError:  # emptied by hand
                continue
            if status.state == "starting":  # it only asks whether there is another of its name
                continue
            if status.agent_id == self._settings.agent_id:
                back = back or status.ts == at
            else:
                self._others[status.agent_id] = status
        return back

    async def _balance(self, session: Session) -> bool:
        """Take and give what is due; true when leaving and nothing is left to give."""
        self._watch.progress()
        leaving = self._leaving.is_set()
        addresses = {press.press: press for press in self._settings.addresses()}
        held = {press.press for press in self._sessions.presses}
        what = moves(self._settings.agent_id, leaving, addresses, held, self._others)
        for name in what.drop:
            await self._sessions.give_up(addresses[name], None)
        gone = [press for press in self._ready(what, addresses) if press in self._sessions.presses]
        await asyncio.gather(*(self._sessions.give_up(press, HANDED_OVER) for press in gone))
        for press in gone:
            get_logger().info("press_handed_over", press=press.press)
        holds = frozenset((held - what.drop - {press.press for press in gone}) | what.take)
        state: AgentState = "leaving" if leaving else "online"
        if (state, holds) != self._said:
            await self._say(session, state, holds)
        for name in what.take:
            self._sessions.open(addresses[name])
        self._watch.rest()
        return leaving and not what.hand_over

    def _ready(self, what: Moves, addresses: dict[str, PressAddress]) -> list[PressAddress]:
        """Presses to hand over now: between two shots, or after too long a wait."""
        share, now = self._settings.share, asyncio.get_running_loop().time()
        limit_s = share.leave_max_s if self._leaving.is_set() else share.handover_max_s
        due = {addresses[name] for name in what.hand_over}
        self._wanted_since = {press: self._wanted_since.get(press, now) for press in due}
        return [
            press
            for press, since in self._wanted_since.items()
            if self._sessions.stop_if_idle(press, HANDED_OVER) or now - since >= limit_s
        ]

    async def _say(
        self,
        session: Session,
        state: AgentState,
        holds: Iterable[str] = (),
        reason: str | None = None,
    ) -> None:
        self._said = state, frozenset(holds)
        _, status = self._status(state, reason, holds)
        await session.publish(self._topic(), status, retain=True)

    def _status(
        self, state: AgentState, reason: str | None = None, holds: Iterable[str] = ()
    ) -> tuple[datetime, bytes]:
        """Status of this agent, and when it is published."""
        status = self._me.of_member(self._group, state, holds, reason)
        return status.ts, encode(status, self._settings.broker.payload_format)

    def _topic(self) -> str:
        return self._settings.topics.agent(self._group, self._settings.agent_id)

    def _joined_is(self, joined: bool) -> None:
        self._joined = self._vitals.sessions[self._group.press] = joined
        if joined:
            self._watch.trouble = None
            self._sessions.allowed.set()
            get_logger().info("group_joined", detail=self._group.press)
        else:
            self._sessions.allowed.clear()


@asynccontextmanager
async def _limited(what_not: str) -> AsyncIterator[None]:
    """A wait that ends: as trouble of the link."""
    try:
        async with asyncio.timeout(JOIN_TIMEOUT_S):
            yield
    except TimeoutError:
        raise LinkError(what_not) from None
