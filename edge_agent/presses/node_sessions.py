"""Sparkplug sessions of the presses: a connection of its own each, kept as long as the press is.

A primary host that goes offline ends the session, as does a lost link; the next one is opened at
the next broker of the list. What is said meanwhile waits in the spool.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

from broker.sparkplug.node_session import NodeSession
from edge_agent.clock import Clock
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import CredentialsError, LinkError, NotAuthorized
from edge_agent.links.mqtt import Will
from edge_agent.links.sparkplug import NodeConnection, connect_node
from edge_agent.links.tls import fingerprint, new_credentials
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import SPARKPLUG, Watch
from edge_agent.pipeline.edge_node import EdgeNode
from edge_agent.pipeline.edge_nodes import EdgeNodes
from edge_agent.pipeline.node_sender import NodeSender
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.presses.connect_number import take_number
from edge_agent.presses.identity import Identity
from edge_agent.presses.node_commands import NodeCommands
from edge_agent.presses.presence import Presence
from edge_agent.presses.primary_host import HostOffline, PrimaryHost
from edge_agent.presses.session_state import Link, unless
from edge_agent.presses.simulate_commands import SimulateCommands
from edge_agent.spool.thread import SpoolThread
from edge_agent.what_if.worker import Worker

RECONNECT_FIRST_S = 0.5
HOST_WAIT_S = 10.0
"""How long the state of the primary host is waited for at one of several brokers."""
LAST_WORDS_S = 1.0
BATCH = 64


class NodeSessions:
    """The Sparkplug sessions of an agent."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        presence: Presence,
        nodes: EdgeNodes,
        spool: SpoolThread,
        clock: Clock,
        pipeline: Pipeline,
        metrics: Metrics,
    ) -> None:
        """Make sessions; nothing is opened yet."""
        self._settings, self._me, self._presence = settings, identity, presence
        self._nodes, self._spool, self._clock = nodes, spool, clock
        self._pipeline, self._metrics = pipeline, metrics
        self.worker = Worker(settings)
        """Answers what if; it is started when somebody asks."""

    def renew(self, settings: Settings) -> None:
        """Go on with other credentials at the next connect."""
        self._settings = settings

    async def keep(self, link: Link) -> None:
        """Keep the session of a press until its link ends; every failure is tried again."""
        press = link.press
        log = get_logger().bind(press=press.press)
        node = await self._nodes.prepare(press)
        watch = self._metrics.watch("publish", f"{SPARKPLUG}{press.press}")
        watch.trouble = "connecting"
        host = PrimaryHost()
        delay, at = RECONNECT_FIRST_S, 0
        up = self._metrics.sparkplug_up.labels(press.press)
        up.set(0)
        while not link.end.is_set():
            brokers = self._settings.sparkplug_brokers()
            broker = brokers[at % len(brokers)]
            watch.progress()
            try:
                if not await unless(link.end, self._presence.alone()):
                    continue
                await self._session(link, node, host, broker, len(brokers) > 1, watch)
                delay = RECONNECT_FIRST_S
            except (LinkError, CredentialsError) as error:
                at += 1
                if not isinstance(error, HostOffline):
                    host.lost(node.now_ms())
                if node.born_here or isinstance(error, HostOffline):
                    delay = RECONNECT_FIRST_S
                watch.trouble = str(error)
                pause = random.uniform(0.5, 1.0) * delay
                log.warning("sparkplug_lost", error=str(error), delay_s=round(pause, 2))
                watch.rest()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await link.end.wait()
                if at % len(brokers) == 0:
                    delay = min(2.0 * delay, self._settings.broker.reconnect_max_s)
            finally:
                up.set(0)
        self._metrics.watches.remove(watch.name)

    async def _session(
        self,
        link: Link,
        node: EdgeNode,
        host: PrimaryHost,
        broker: BrokerSettings,
        several: bool,
        watch: Watch,
    ) -> None:
        """One session, from its connect to its death.

        Raises:
            LinkError: the link is lost, or the primary host.
        """
        node.born_here = False
        number = await take_number(node, self._settings, self._me.ids, self._spool, self._clock)
        session = NodeSession(node.group, node.press.press, node.book, number)
        will = session.will(node.now_ms())
        death = Will(will.topic, will.payload, retain=False)
        used = fingerprint(broker)
        client_id = self._me.ids.sparkplug(node.press)
        async with connect_node(broker, client_id, death) as connection:
            watch.progress()
            opened = _Opened(self, host, node, session, connection, watch)
            exchanged = asyncio.create_task(new_credentials(broker, used))
            ended = asyncio.create_task(link.end.wait())
            working = asyncio.create_task(opened.run(several))
            tasks: set[asyncio.Task[Any]] = {exchanged, ended, working}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            except HostOffline:
                node.say_again()
                await connection.say_death(death)
                raise
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await connection.say_death(death)


class _Opened:
    """A session that is open: waits for the host, is born, sends, and hears commands."""

    def __init__(
        self,
        of: NodeSessions,
        host: PrimaryHost,
        node: EdgeNode,
        session: NodeSession,
        connection: NodeConnection,
        watch: Watch,
    ) -> None:
        self._of, self._node, self._session, self._connection = of, node, session, connection
        settings = of._settings.sparkplug
        self._host, self._watch = host, watch
        host.open(settings)
        self._sender = NodeSender(
            node, session, connection, of._spool, settings.historical_per_s, watch
        )
        self._commands = NodeCommands(node, session, of._pipeline, of._metrics, of._clock)
        self._simulate = SimulateCommands(
            of._settings.topics, node.press, connection, of.worker, self._commands.refuse
        )

    async def run(self, several: bool) -> None:
        """Work until the session ends.

        Raises:
            LinkError: the link is lost; ``HostOffline`` when the primary host is.
        """
        node = self._node
        await self._connection.subscribe(self._session.commands())
        if self._host.topic is not None:
            await self._connection.subscribe([self._host.topic])
        reading = asyncio.create_task(self._read())
        sending: asyncio.Task[None] | None = None
        try:
            await self._wait_for_host(reading, several)
            get_logger().info("sparkplug_connected", press=node.press.press)
            self._watch.trouble = None
            node.sends, node.born_here = self._sender, True
            self._commands.open(self._sender)
            await self._hear_questions()
            sending = asyncio.create_task(self._sender.run())
            self._of._metrics.sparkplug_up.labels(node.press.press).set(1)
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, sending):
                if task.done():
                    task.result()
        except asyncio.CancelledError:  # an orderly end
            node.sends = None
            await self._sender.settled()
            raise
        finally:
            node.sends = None
            tasks = [task for task in (reading, sending) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._sender.give_up()
            self._host.close()
            self._commands.close()
            await self._simulate.stop()

    async def _hear_questions(self) -> None:
        """Subscribe to questions; rules of a broker that are older may not allow it."""
        try:
            await self._connection.subscribe([self._simulate.topic])
        except NotAuthorized as error:
            get_logger().warning(
                "questions_not_heard",
                press=self._node.press.press,
                error=str(error),
                hint="let the agent read …/twin/cmd/simulate: call `pur-mold-twin broker init` "
                "again",
            )

    async def _wait_for_host(self, reading: asyncio.Task[None], several: bool) -> None:
        self._watch.rest()
        if not self._host.online.is_set():
            self._watch.trouble = (
                f"primary host {self._host.name}: not known to be online, the buffer holds what "
                "is said"
            )
        waiting = asyncio.create_task(self._host.online.wait())
        try:
            await asyncio.wait(
                {reading, waiting},
                return_when=asyncio.FIRST_COMPLETED,
                timeout=HOST_WAIT_S + self._host.wait_s if several else None,
            )
        finally:
            waiting.cancel()
        if reading.done():
            reading.result()
        if not self._host.online.is_set():
            raise HostOffline(f"primary host {self._host.name}: not online at this broker")

    async def _read(self) -> None:
        """Hear the primary host and commands."""
        while True:
            batch = await self._connection.next_batch(BATCH)
            self._connection.acknowledge(batch)
            for message in batch:
                if message.topic == self._host.topic:
                    if self._host.hear(message):  # it was away, and nobody said so
                        self._node.say_again()
                        self._sender.ask_rebirth()
                elif message.topic == self._simulate.topic:
                    if not message.retained and self._commands.has_room():
                        self._simulate.take(message)
                else:
                    self._commands.take(message)
