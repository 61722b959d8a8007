"""One MQTT session per press: opened, kept, opened anew, and ended in order.

Its client id is secret: see ``session_ids``. In a group the session belongs to the press: its id is
the same for all agents, so the broker lets one agent have it at a time, and what that one has not
acknowledged goes to the next.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from broker.messages import TwinStatus
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError, PacketError
from edge_agent.links.mqtt import Will, connect
from edge_agent.links.tls import fingerprint
from edge_agent.logs import get_logger
from edge_agent.monitoring.health import Vitals
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.presses.held_presses import HeldPresses
from edge_agent.presses.identity import Identity
from edge_agent.presses.presence import Presence
from edge_agent.presses.press_session import PressSession, Tools, status_of
from edge_agent.presses.session_state import Link, either, unless
from edge_agent.presses.takeover import TakeOver
from edge_agent.spool.changes import Changes
from edge_agent.spool.retry import until_written
from edge_agent.spool.thread import SpoolThread

if TYPE_CHECKING:
    from edge_agent.presses.node_sessions import NodeSessions

RECONNECT_FIRST_S = 0.5
SHORT_SESSION = "the session was short: the broker's log may say why"
GIVE_WAY_S = 30.0
"""How long an agent that gives way takes what waits for it at the broker."""


class Sessions:
    """The sessions of all presses of the agent."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        presence: Presence,
        spool: SpoolThread,
        clock: Clock,
        pipeline: Pipeline,
        metrics: Metrics,
        vitals: Vitals,
        nodes: NodeSessions | None = None,
    ) -> None:
        """Make sessions; nothing is opened yet."""
        self._nodes = nodes
        self._pipeline = pipeline
        self._held = HeldPresses(
            settings.agent_id, settings.group is not None, pipeline, spool, clock
        )
        self._settings, self._metrics, self._vitals = settings, metrics, vitals
        self._links: dict[PressAddress, tuple[Link, asyncio.Task[None]]] = {}
        self._met: set[PressAddress] = set()
        self._me, self._presence = identity, presence
        self._takeover = TakeOver(settings, identity.ids, spool, clock, pipeline)
        self._tools = Tools(identity, pipeline, clock, metrics, self._held, self._takeover)
        self._gave_way = False
        self.allowed = asyncio.Event()
        """May sessions be opened? In a group not while the others are out of sight."""
        if settings.group is None:
            self.allowed.set()
        self.failed = asyncio.Event()
        """Set when a session ended by a fault of the program; ``end_all`` says which."""

    def start(self) -> None:
        """Open a session for every press that has none; in a group ``open`` is called for each."""
        if self._settings.group is None:
            for press in self._settings.addresses():
                self.open(press)

    @property
    def presses(self) -> list[PressAddress]:
        """Those that have a session, open or tried."""
        return list(self._links)

    def current(self) -> dict[str, TwinStatus]:
        """The statuses of all presses as they are now, by topic."""
        return {
            self._settings.topics.status(press): self._me.of_press(
                press, "online" if self._is_online(press) else "starting"
            )
            for press in self._settings.addresses()
        }

    def _is_online(self, press: PressAddress) -> bool:
        """Is its session up, and not about to say goodbye?"""
        link, _ = self._links.get(press, (None, None))
        ending = link is not None and link.end.is_set()
        return self._vitals.sessions.get(press.press, False) and not ending

    def open(self, press: PressAddress) -> None:
        """Open a session for a press, and keep it."""
        if press not in self._links and not self._gave_way:
            self._start(press)

    def stop_if_idle(self, press: PressAddress, last_words: str) -> bool:
        """Take no more of a press, if no shot is open and nothing in hand: true when so."""
        link, _ = self._links[press]
        if self._held.in_work(press) or not link.idle:
            return False
        if link.receiver is not None:
            link.receiver.cancel()  # it waits for a message: none is lost
        link.last_words = last_words
        link.end.set()
        return True

    async def give_up(self, press: PressAddress, last_words: str | None) -> None:
        """End the session of a press that another agent gets, or (no last words) has already."""
        if press in self._links:
            await self._end(press, last_words)
            self._metrics.forget_press(press.press)
        await until_written("commit", self._held.give_up, press)

    async def renew(self, settings: Settings, *, reconnect: bool) -> None:
        """End the sessions of presses that are gone, open those of new ones."""
        self._settings = settings
        self._takeover.renew(settings)
        if self._nodes is not None:
            self._nodes.renew(settings)
        wanted = settings.addresses()
        gone = [press for press in self._links if press not in wanted]
        again = [press for press in self._links if press in wanted and reconnect]
        await asyncio.gather(
            *(self._end(press, "press removed from the configuration") for press in gone),
            *(self._end(press, "reconnecting with new credentials") for press in again),
        )
        for press in gone:
            self._metrics.forget_press(press.press)
            if settings.group is not None:
                await until_written("commit", self._held.give_up, press)
        for press in again:
            self.open(press)
        self.start()

    async def give_way(self, words: str, topics: frozenset[str]) -> None:
        """End all sessions, for another agent of our name; take what still waits at the broker.

        Args:
            topics: status topics of the presses whose sessions are to end at the broker, too.
        """
        self._gave_way = True
        await asyncio.gather(*(self._end(press, words) for press in self.presses))
        if self._settings.group is not None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_WAY_S):
                for press in self._settings.addresses():
                    if self._settings.topics.status(press) in topics:
                        await self._takeover.end_todays(press)
                await self._pipeline.batches.flush()

    async def note_all(self) -> None:
        """Note how the sessions of all presses are called, whoever of the group opens them."""
        for press in self._settings.addresses():
            await self._takeover.expect(press)

    async def end_all(self) -> list[BaseException]:
        """End every session in order; gives the faults of those that failed."""
        tasks = [task for _, task in self._links.values()]
        for link, _ in self._links.values():
            link.end.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        if self._nodes is not None:
            await self._nodes.worker.stop()
        return [fault for fault in ended if fault is not None]

    def committed(self, changes: Changes) -> None:
        """A transaction is on disk: the next agent may go on from there."""
        for link, _ in self._links.values():
            if link.handover is not None:
                link.handover.committed(changes.state)

    def _start(self, press: PressAddress) -> None:
        link = Link(press, self._metrics.watches.add(Watch(f"link {press.press}")))
        task = asyncio.create_task(self._keep_all(link))
        task.add_done_callback(self._ended)
        self._links[press] = link, task
        self._vitals.sessions[press.press] = False

    async def _end(self, press: PressAddress, last_words: str | None) -> None:
        link, task = self._links[press]
        link.last_words = last_words
        link.end.set()
        await asyncio.wait([task])
        del self._links[press], self._vitals.sessions[press.press]
        self._metrics.watches.remove(link.watch.name)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.failed.set()

    def _session_is(self, press: PressAddress, up: bool) -> None:
        self._vitals.sessions[press.press] = up
        self._metrics.link_up.labels(press.press).set(up)
        reconnects = self._metrics.reconnects.labels(press.press)
        if up:
            reconnects.inc(press in self._met)
            self._met.add(press)

    async def _keep_all(self, link: Link) -> None:
        """Keep the session of a press, and that of its edge node where there is one."""
        if self._nodes is None:
            await self._keep(link)
            return
        node = asyncio.create_task(self._nodes.keep(link))
        node.add_done_callback(self._ended)
        try:
            await self._keep(link)
        finally:
            link.end.set()
            await node

    async def _keep(self, link: Link) -> None:
        """Keep a session for one press; every failure is tried again, later and later."""
        press = link.press
        log = get_logger().bind(press=press.press)
        delay = RECONNECT_FIRST_S
        now = asyncio.get_running_loop().time
        self._session_is(press, False)
        while not link.end.is_set():
            if not self.allowed.is_set():
                await either(self.allowed, link.end)
                continue
            link.watch.progress()
            connected_at = None
            try:
                if not await unless(link.end, self._presence.alone()):
                    continue
                link.watch.progress()
                will = Will(
                    self._settings.topics.status(press),
                    status_of(self._tools.me, self._settings, press, "connection lost"),
                )
                used = fingerprint(self._settings.broker)
                client_id = self._me.ids.press(press)
                earlier = await self._takeover.expect(press)
                async with connect(self._settings.broker, client_id, will) as session:
                    log.info("link_connected", protocol=session.version)
                    link.watch.trouble = None
                    connected_at = now()
                    opened = PressSession(link, session, self._settings, self._tools)
                    await opened.run(used, earlier, partial(self._session_is, press))
                    delay = RECONNECT_FIRST_S
            except LinkError as error:
                link.watch.trouble = str(error)
                longest, hints = self._settings.broker.reconnect_max_s, {}
                if connected_at is not None and now() - connected_at > longest:
                    delay = RECONNECT_FIRST_S  # it worked: this is new trouble
                elif connected_at is not None and not isinstance(error, PacketError):
                    hints = {"hint": SHORT_SESSION}
                pause = random.uniform(0.5, 1.0) * delay
                log.warning("link_lost", error=str(error), delay_s=round(pause, 2), **hints)
                link.watch.rest()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await link.end.wait()
                delay = min(2.0 * delay, longest)
