"""One open session of a press: birth, what is retained, messages in and out, and the goodbye."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from broker.codec import encode
from broker.messages import TwinState
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import Session
from edge_agent.links.tls import Fingerprint, new_credentials
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.publish import PREDICTION_EXPIRES_S, publish
from edge_agent.pipeline.receive import receive
from edge_agent.pipeline.unsaved import Unsaved
from edge_agent.ports import Outgoing
from edge_agent.presses.handover import Handover, left_behind
from edge_agent.presses.held_presses import Holdings
from edge_agent.presses.identity import Identity
from edge_agent.presses.session_state import Link
from edge_agent.presses.takeover import Kept, Settled, TakeOver
from edge_agent.spool.spool import SpoolThread

FLUSH_TIMEOUT_S = 5.0
"""How long an ending session waits for the broker to take what is left; the rest stays on disk."""
OLD_FIRST_S = 10.0
"""How long new messages wait for those in a session of an earlier client id, to come after them."""


@dataclass(frozen=True)
class Tools:
    """What all sessions of an agent work with."""

    me: Identity
    spool: SpoolThread
    clock: Clock
    stored: asyncio.Event
    """Set when messages came in."""
    metrics: Metrics
    holdings: Holdings
    unsaved: Unsaved
    takeover: TakeOver


class PressSession:
    """The session of a press while it is open."""

    def __init__(self, link: Link, session: Session, settings: Settings, tools: Tools) -> None:
        """Nothing is sent yet."""
        self._link, self._session = link, session
        self._settings, self._tools = settings, tools

    async def run(
        self, used: Fingerprint, earlier: list[Kept], told: Callable[[bool], None]
    ) -> None:
        """Subscribe, birth, restore what is retained, then work until the session ends.

        It ends in order when the credentials it ``used`` have been exchanged. What waits in
        ``earlier`` sessions comes first, if it can be had at once.

        Args:
            told: whether the session is up.
        """
        link, session, tools = self._link, self._session, self._tools
        press, topics = link.press, self._settings.topics
        settled = None
        if self._settings.group is not None:
            retained = await left_behind(self._settings, press, tools.me.ids.reader(press))
            await tools.holdings.take(press, topics, retained)
        await session.subscribe(tools.takeover.todays(press).topics)
        if self._settings.group is not None:
            link.handover = Handover(
                self._settings, press, tools.spool, tools.holdings, tools.clock
            )
            settled = partial(link.handover.settle, session, link.receiving.progress)
        await self._say()
        for topic, payload in await tools.spool.call(tools.spool.spool.retained, str(press)):
            link.watch.progress()  # one after the other: there may be many
            await session.publish(topic, payload, retain=True, expires_s=PREDICTION_EXPIRES_S)
        link.watch.rest()
        told(True)
        publishing = tools.metrics.watch("publish", f"publish {press.press}")
        link.receiving = receiving = tools.metrics.watch("receive", f"receive {press.press}")
        since = tools.clock.now()
        sender = asyncio.create_task(
            publish(session, tools.spool, press, link.wake, since, publishing, self._published)
        )
        receiver = asyncio.create_task(self._receive(earlier, settled))
        link.receiver = receiver
        stopping = asyncio.create_task(link.end.wait())
        exchanged = asyncio.create_task(new_credentials(self._settings.broker, used))
        tools.unsaved.sessions[str(press)] = session
        tasks: set[asyncio.Task[Any]] = {sender, receiver, stopping, exchanged}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            receiver.cancel()
            if exchanged.done():
                get_logger().info("credentials_exchanged", press=press.press)
            if link.end.is_set() and link.last_words is not None:
                await self._goodbye(link.last_words)
        finally:
            link.receiver = link.handover = None
            told(False)
            del tools.unsaved.sessions[str(press)]
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            for watch in (publishing, receiving):
                tools.metrics.watches.remove(watch.name)
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem

    async def _receive(self, earlier: list[Kept], settled: Settled | None) -> None:
        """Take messages until the session ends, after those of earlier sessions."""
        tools, link, session = self._tools, self._link, self._session
        old = tools.takeover.start(link.press, earlier, session.version, settled)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(old.tried.wait(), OLD_FIRST_S)
            await receive(
                session,
                tools.spool,
                tools.clock,
                self._settings.topics.everything(link.press),
                tools.stored.set,
                link.receiving,
                tools.unsaved,
                settled,
            )
        finally:
            await old.stop()

    def _published(self, message: Outgoing) -> None:
        if self._link.handover is not None:
            self._link.handover.moved.set()
        self._tools.metrics.published(message, self._tools.clock.now())

    async def _goodbye(self, last_words: str) -> None:
        """Let what was received be finished and published, then say that we go."""
        link = self._link
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                if link.handover is not None:
                    await link.handover.settle(self._session, link.watch.progress)
                else:
                    await drained(self._tools.spool)
        await self._say(last_words)

    async def _say(self, last_words: str | None = None) -> None:
        press = self._link.press
        status = status_of(self._tools.me, self._settings, press, last_words)
        await self._session.publish(self._settings.topics.status(press), status, retain=True)


def status_of(
    me: Identity, settings: Settings, press: PressAddress, offline_reason: str | None = None
) -> bytes:
    """The status of a press, online unless a reason is given, as it is published."""
    state: TwinState = "online" if offline_reason is None else "offline"
    return encode(me.of_press(press, state, offline_reason), settings.broker.payload_format)


async def drained(spool: SpoolThread, *, published: bool = True) -> None:
    """Wait until the inbox is empty and, if so wanted, all is published."""
    while True:
        depth = await spool.call(spool.spool.depth)
        if depth.inbox_count == 0 and not (published and depth.publish_count):
            break
        await asyncio.sleep(0.02)
