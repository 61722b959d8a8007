"""Sender: the session to the broker, in which all presses' messages travel.

It hears what the agents have committed, and forgets that; and whether an agent is there at all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from broker.codec import decode
from broker.errors import PayloadError
from broker.messages import Received, TwinStatus
from broker.topics import Channel, PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError, NotAuthorized, StoreError
from edge_agent.gateway.lane import Lane, Observer
from edge_agent.gateway.outbox_thread import OutboxThread
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tls import fingerprint, new_credentials
from edge_agent.logs import get_logger
from edge_agent.spool.retry import until_written

RECONNECT_FIRST_S = 0.2
STALE_EVERY_S = 10.0
BATCH = 64


class Sender:
    """Keeps a session, and a lane in it for each press."""

    def __init__(
        self,
        settings: BrokerSettings,
        topics: TopicSpace,
        presses: Sequence[PressAddress],
        outbox: OutboxThread,
        clock: Clock,
        observer: Observer,
        confirmed: Callable[[PressAddress, int], None] = lambda _press, _count: None,
    ) -> None:
        """No session is open yet.

        Args:
            presses: each once; those of older configurations that still have messages, too.
            confirmed: called with how many messages an agent has committed.
        """
        self._settings, self._topics = settings, topics
        self._outbox, self._clock, self._confirmed = outbox, clock, confirmed
        self.lanes = {press: Lane(press, topics, outbox, clock, observer) for press in presses}
        self.connected = False
        self.since: datetime = clock.now()
        """Since when it is connected, or not."""
        self.trouble: str | None = "connecting"
        self.agents: dict[PressAddress, str] = {}
        """State of the agent by press: ``online``, ``offline`` with its reason."""
        self._newest: dict[PressAddress, Received] = {}
        self._heard = asyncio.Event()

    def committed(self) -> None:
        """There are new messages in the outbox."""
        for lane in self.lanes.values():
            lane.committed()

    @property
    def through(self) -> bool:
        """True if the broker has taken all that there is."""
        return self.connected and all(lane.through for lane in self.lanes.values())

    @property
    def quiet(self) -> bool:
        """True if the broker has taken all that it takes just now."""
        return all(lane.through or lane.trouble for lane in self.lanes.values())

    async def run(self) -> None:
        """Keep a session; every failure is tried again, later and later."""
        delay, log = RECONNECT_FIRST_S, get_logger()
        now = asyncio.get_running_loop().time
        told = ""
        while True:
            connected_at = None
            try:
                used = fingerprint(self._settings)
                async with connect(self._settings, passing_id("pur-gateway")) as session:
                    log.info("link_connected", protocol=session.version)
                    connected_at, told = now(), ""
                    await self._work(session, partial(new_credentials, self._settings, used))
                    log.info("link_renewed", reason="new credentials")
                    delay = RECONNECT_FIRST_S
            except LinkError as error:
                longest = self._settings.reconnect_max_s
                if connected_at is not None and now() - connected_at > longest:
                    delay = RECONNECT_FIRST_S
                self._is(connected=False, trouble=str(error))
                pause = random.uniform(0.5, 1.0) * min(delay, longest)
                if str(error) != told:
                    told = str(error)
                    hints = {"hint": error.hint} if error.hint else {}
                    log.warning("link_lost", error=told, delay_s=round(pause, 2), **hints)
                await asyncio.sleep(pause)
                delay = min(2.0 * delay, longest)
            finally:
                self._is(connected=False, trouble=self.trouble or "ended")

    async def _work(self, session: Session, credentials: Callable[[], object]) -> None:
        """Send and hear until the session ends, or its credentials were exchanged."""
        await self._subscribe(session)
        self._is(connected=True, trouble=None)
        tasks = [asyncio.create_task(lane.run(session)) for lane in self.lanes.values()]
        tasks += [
            asyncio.create_task(self._hear(session)),
            asyncio.create_task(self._confirm()),
            asyncio.create_task(self._look_for_stale()),
            asyncio.create_task(credentials()),  # type: ignore[arg-type]
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _subscribe(self, session: Session) -> None:
        """Hear what is committed, and who is there; without a right to it goes on all the same."""
        for press in self.lanes:
            for topic in (self._topics.received(press), self._topics.status(press)):
                try:
                    await session.subscribe([topic])
                except NotAuthorized as error:
                    get_logger().warning(
                        "subscription_refused",
                        press=press.press,
                        error=str(error),
                        hint=f"let the gateway read {topic}: `pur-mold-twin broker init` does",
                    )

    async def _hear(self, session: Session) -> None:
        while True:
            batch = await session.next_batch(BATCH)
            session.acknowledge(batch)
            for message in batch:
                self._take(message)

    def _take(self, message: Incoming) -> None:
        try:
            address = self._topics.parse(message.topic)
            press = address.press
            if press not in self.lanes:
                return
            if address.channel is Channel.RECEIVED:
                received = decode(Received, message.payload, message.content_type)
                self._newest[press] = received
                self._heard.set()
            elif address.channel is Channel.STATUS:
                self._note(press, decode(TwinStatus, message.payload, message.content_type))
        except PayloadError as error:
            if message.payload:  # an empty one clears what was retained
                get_logger().warning("message_unreadable", topic=message.topic, error=str(error))

    def _note(self, press: PressAddress, status: TwinStatus) -> None:
        state = status.state if status.reason is None else f"{status.state}: {status.reason}"
        if self.agents.get(press) != state:
            self.agents[press] = state
            get_logger().info("agent_state_changed", press=press.press, detail=state)
        if status.state == "online":
            self.lanes[press].hurry()

    async def _confirm(self) -> None:
        """Forget what the agents have committed."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            newest, self._newest = self._newest, {}
            for press, received in newest.items():
                confirm = partial(self._forget, press)
                await until_written("commit", confirm, received, what="outbox")

    async def _forget(self, press: PressAddress, received: Received) -> None:
        count = await self._outbox.confirm(str(press), received)
        if count:
            self._confirmed(press, count)

    async def _look_for_stale(self) -> None:
        while True:
            await asyncio.sleep(STALE_EVERY_S)
            for lane in self.lanes.values():
                with suppress(StoreError):
                    await lane.look_for_stale()

    def _is(self, *, connected: bool, trouble: str | None) -> None:
        if connected != self.connected:
            self.connected, self.since = connected, self._clock.now()
        self.trouble = trouble
