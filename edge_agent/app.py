"""The agent: one session per press, one pipeline, one forwarder; orderly start and end."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import datetime
from typing import Any

from broker.codec import encode
from broker.messages import TwinStatus
from broker.topics import PressAddress
from edge_agent import __version__
from edge_agent.catalogue import load_catalogue
from edge_agent.clock import Clock
from edge_agent.errors import LinkError, StoreError
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.links.mqtt import Session, Will, connect
from edge_agent.logs import get_logger
from edge_agent.pipeline import Pipeline
from edge_agent.salvage import open_spool
from edge_agent.settings import Settings
from edge_agent.spool import SpoolThread
from edge_agent.stages.forward import forward, forward_batch
from edge_agent.stages.publish import publish
from edge_agent.stages.receive import receive

RECONNECT_FIRST_S = 0.5
FLUSH_TIMEOUT_S = 5.0
"""How long an ending agent waits for the broker to take what is left; the rest stays on disk."""


class Agent:
    """Composes the stages. ``run`` works until ``stop`` is set."""

    def __init__(self, settings: Settings, clock: Clock, stop: asyncio.Event) -> None:
        """Open spool, history and catalogue.

        Raises:
            InputError, StoreError: something on disk cannot be used.
        """
        self._settings = settings
        self._clock = clock
        self._stop = stop
        catalogue = load_catalogue(settings)
        spool, salvage = open_spool(settings.spool.path, clock.now())
        if salvage is not None:
            get_logger().error(
                "spool_salvaged",
                path=str(salvage.damaged),
                reason="; ".join(salvage.problems),
                count=sum(salvage.saved.values()),
                hint="the damaged file is kept; send it to support, then delete it",
            )
        self._spool = SpoolThread(spool)
        self._history = SqliteHistory(settings.history.path)
        self._pipeline = Pipeline(settings, catalogue, self._spool, clock, self._committed)
        self._publish_wake = {address: asyncio.Event() for address in settings.addresses()}
        self._forward_wake = asyncio.Event()
        self._started_at = clock.now()

    async def run(self) -> None:
        """Run until told to stop, then drain, flush and say goodbye."""
        log = get_logger()
        log.info("agent_started", agent_id=self._settings.agent_id, version=__version__)
        warming = asyncio.create_task(asyncio.to_thread(self._pipeline.warm_up))
        work = asyncio.create_task(self._pipeline.run())
        forwarder = asyncio.create_task(forward(self._spool, self._history, self._forward_wake))
        links = [asyncio.create_task(self._link(a)) for a in self._settings.addresses()]
        stopping = asyncio.create_task(self._stop.wait())
        everything: list[asyncio.Task[Any]] = [work, forwarder, *links, stopping]
        done, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        await asyncio.gather(*links, return_exceptions=True)
        for task in (*everything, warming):
            task.cancel()
        await asyncio.gather(*everything, warming, return_exceptions=True)
        with suppress(StoreError):
            while await forward_batch(self._spool, self._history):
                pass
        depth = await self._spool.call(self._spool.spool.depth)
        self._spool.close()
        self._history.close()
        log.info("agent_stopped", backlog_count=depth.publish_count + depth.forward_count)
        for task in done - {stopping}:
            task.result()  # a fault in the agent itself: do not end as if all were well

    def _committed(self) -> None:
        for wake in self._publish_wake.values():
            wake.set()
        self._forward_wake.set()

    async def _link(self, press: PressAddress) -> None:
        """Keep a session for one press; every failure is tried again, later and later."""
        log = get_logger().bind(press=press.press)
        delay = RECONNECT_FIRST_S
        while not self._stop.is_set():
            try:
                will = Will(
                    self._settings.topics.status(press), self._status(press, "connection lost")
                )
                client_id = f"pur-twin-{self._settings.agent_id}-{press.site}-{press.press}"
                async with connect(self._settings.broker, client_id, will) as session:
                    log.info("link_connected", protocol=session.version)
                    await self._session(press, session)
                    delay = RECONNECT_FIRST_S
            except LinkError as error:
                pause = random.uniform(0.5, 1.0) * delay
                log.warning("link_lost", error=str(error), delay_s=round(pause, 2))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause)
                delay = min(2.0 * delay, self._settings.broker.reconnect_max_s)

    async def _session(self, press: PressAddress, session: Session) -> None:
        """One session: subscribe, birth, restore what is retained, then work until it ends."""
        topics = self._settings.topics
        await session.subscribe(topics.subscriptions(press))
        await session.publish(topics.status(press), self._status(press), retain=True)
        for topic, payload in await self._spool.call(self._spool.spool.retained, str(press)):
            await session.publish(topic, payload, retain=True)
        wake = self._publish_wake[press]
        sender = asyncio.create_task(publish(session, self._spool, press, wake, self._clock.now()))
        receiver = asyncio.create_task(
            receive(session, self._spool, self._clock, self._pipeline.wake.set)
        )
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({sender, receiver, stopping}, return_when=asyncio.FIRST_COMPLETED)
            receiver.cancel()
            if self._stop.is_set():
                await self._goodbye(press, session)
        finally:
            for task in (sender, receiver, stopping):
                task.cancel()
            ended = await asyncio.gather(sender, receiver, stopping, return_exceptions=True)
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem

    async def _goodbye(self, press: PressAddress, session: Session) -> None:
        """Let what was received be finished and published, then say that we go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                while True:
                    depth = await self._spool.call(self._spool.spool.depth)
                    if depth.inbox_count == 0 and depth.publish_count == 0:
                        break
                    await asyncio.sleep(0.02)
        payload = self._status(press, "shut down")
        await session.publish(self._settings.topics.status(press), payload, retain=True)

    def _status(self, press: PressAddress, offline_reason: str | None = None) -> bytes:
        now: datetime = self._clock.now()
        status = TwinStatus(
            ts=now,
            site=press.site,
            press=press.press,
            agent_id=self._settings.agent_id,
            state="online" if offline_reason is None else "offline",
            reason=offline_reason,
            version=__version__,
            started_at=self._started_at,
        )
        return encode(status, self._settings.broker.payload_format)
