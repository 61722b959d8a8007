"""The agent: one session per press, one pipeline, one forwarder; orderly start and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from broker.codec import encode
from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.config.catalogue import load_catalogue
from edge_agent.config.reload import Renewal, renewal
from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError
from edge_agent.history import open_store
from edge_agent.history.rows import alert_row
from edge_agent.logs import configure, flush_repeats, get_logger
from edge_agent.monitoring.alerts import spool_refused, spool_salvaged, spool_takes_again
from edge_agent.monitoring.health import LOOP, Vitals, application, serving
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.systemd import Service
from edge_agent.monitoring.watchdog import STUCK_AFTER_S, Watch
from edge_agent.pipeline.forward import Forwarder
from edge_agent.pipeline.open_alerts import ALERT_SCOPE, OpenAlertLists
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.ports import HistoryStore, Outgoing
from edge_agent.presses.group import Membership
from edge_agent.presses.identity import Identity
from edge_agent.presses.presence import Presence
from edge_agent.presses.sessions import Sessions
from edge_agent.presses.sparkplug import edge_nodes, node_sessions
from edge_agent.spool.changes import Changes, new_key
from edge_agent.spool.queue_metrics import SpoolCollector, SpoolReader
from edge_agent.spool.repair import open_spool
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread
from twin_core.errors import InputError

BEAT_S = CHECKPOINT_S = 1.0


class Agent:
    """Composes the stages. ``run`` works until ``stop`` is set."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        stop: asyncio.Event,
        load: Callable[[], Settings] | None = None,
        service: Service | None = None,
    ) -> None:
        """Open spool, history and catalogue.

        Args:
            load: reads the configuration again, for ``reload``.
            service: the service manager, which gets notices.

        Raises:
            InputError, StoreError: something on disk cannot be used, or another agent has it.
        """
        self._settings = settings
        self._clock = clock
        self._stop = stop
        catalogue = load_catalogue(settings)
        self._identity = identity = Identity.of(settings, clock)
        spool, self._history = _stores(settings, clock)
        self._spool = SpoolThread(spool)
        self._metrics = Metrics()
        self._metrics.registry.register(
            SpoolCollector(
                SpoolReader(settings.spool.path, spool.problem), settings.spool.limit_mb, clock
            )
        )
        try:
            nodes = edge_nodes(settings, self._spool, clock, self._metrics)
        except BaseException:
            self._spool.close()
            raise
        self._pipeline = Pipeline(
            settings,
            catalogue,
            self._spool,
            clock,
            self._committed,
            self._disk_refuses,
            self._metrics,
            nodes,
        )
        if nodes is not None:
            nodes.moved = self._pipeline.batches.settle
        self._forwarder = Forwarder(
            settings, self._spool, self._history, self._pipeline, clock, self._metrics
        )
        self._load, self._hup = load, asyncio.Event()
        self._service = service or Service({})
        stuck_after_s = self._service.watchdog_s or STUCK_AFTER_S
        self._vitals = Vitals(spool, self._metrics.watches, stuck_after_s)
        self._presence = Presence(settings, identity)
        self._sessions = Sessions(
            settings,
            identity,
            self._presence,
            self._spool,
            clock,
            self._pipeline,
            self._metrics,
            self._vitals,
            node_sessions(
                *(settings, identity, self._presence, nodes, self._spool),
                *(clock, self._pipeline, self._metrics),
            ),
        )
        self._membership: Membership | None = None
        self._presence.current = self._sessions.current
        self._presence.give_way = self._sessions.give_way
        self._presence.noted = self._pipeline.note
        if settings.group is not None:
            self._membership = Membership(
                settings,
                settings.group,
                identity,
                self._presence,
                self._sessions,
                self._metrics,
                self._vitals,
            )
            self._presence.current = self._membership.current

    def reload(self) -> None:
        """Read the configuration again soon; a wrong one changes nothing."""
        self._hup.set()

    async def run(self) -> None:
        """Run until asked to stop, then drain, flush and publish a last status.

        Raises:
            SettingsError: ``health.port`` cannot be had.
        """
        try:
            pages = application(self._vitals, self._metrics.registry)
            with serving(self._settings.health, pages) as port:
                if port is not None:
                    host = self._settings.health.host
                    get_logger().info("health_listening", host=host, port=port)
                await self._run()
        finally:
            self._spool.close()
            await self._history.close()
            self._service.close()

    async def _run(self) -> None:
        log = get_logger()
        log.info("agent_started", agent_id=self._settings.agent_id, version=__version__)
        warming = asyncio.create_task(self._pipeline.compile())
        work = asyncio.create_task(self._pipeline.run())
        forwarder = asyncio.create_task(self._forwarder.run())
        self._sessions.start()
        beating = asyncio.create_task(self._beat(warming))
        reloading = asyncio.create_task(self._reloads())
        stopping = asyncio.create_task(self._stop.wait())
        failing = asyncio.create_task(self._sessions.failed.wait())
        tidying = asyncio.create_task(self._tidy())
        present = asyncio.create_task(self._presence.run())
        loops: list[asyncio.Task[Any]] = [work, forwarder, beating, reloading, tidying, present]
        if self._membership is not None:
            membership = asyncio.create_task(self._membership.run())
            loops.append(membership)
        everything = [*loops, stopping, failing]
        done, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        self._service.stopping()
        reloading.cancel()
        if self._membership is not None:
            await self._membership.leave(membership)
        faults = await self._sessions.end_all()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await self._pipeline.stop()
        for task in (*everything, warming):
            task.cancel()
        await asyncio.gather(*everything, warming, return_exceptions=True)
        with suppress(StoreError):
            while await self._forwarder.batch():
                pass
        await self._pipeline.stop()
        depth = await self._spool.depth()
        log.info("agent_stopped", backlog_count=depth.publish_count + depth.forward_count)
        flush_repeats()
        faults += [error for task in done if (error := task.exception()) is not None]
        if faults:
            raise faults[0]  # a fault in the agent itself: do not end as if all were well

    def _committed(self, changes: Changes) -> None:
        self._sessions.committed(changes)
        self._forwarder.committed(changes)

    def _disk_refuses(self, refuses: bool) -> None:
        """Tell people, past the spool."""
        now, settings = self._clock.now(), self._settings
        for press in settings.addresses():
            if refuses:
                alert = spool_refused(press, self._spool.problem(), now)
            else:
                alert = spool_takes_again(press, now)
            alert = self._pipeline.note(alert)
            payload = encode(alert, settings.broker.payload_format)
            topic = settings.topics.alert(press)
            self._pipeline.publisher.say(Outgoing(str(press), new_key("alert"), topic, payload))

    async def _beat(self, warming: asyncio.Task[None]) -> None:
        """Say that we are ready, then that we are alive as long as everything moves."""
        watch, hanging = self._metrics.watches.add(Watch(LOOP)), False
        every_s = min(BEAT_S, (self._service.watchdog_s or BEAT_S) / 4)
        self._service.status("compiling the model")
        while True:
            watch.progress()
            if warming.done() and not self._vitals.warm:
                warming.result()  # a fault of the program: end
                self._vitals.warm = True
                self._service.ready(self._words())
            stuck = self._vitals.stuck()
            if not stuck:
                self._service.alive()
            if bool(stuck) != hanging:
                hanging = bool(stuck)
                write = get_logger().error if hanging else get_logger().info
                words = "; ".join(stuck) or "everything moves again"
                write("agent_stuck" if hanging else "agent_recovered", reason=words)
                self._service.status(words)
            flush_repeats()
            await asyncio.sleep(every_s)

    async def _tidy(self) -> None:
        """Keep spool and log short without holding up a commit; see that it stays where it is."""
        lost = False
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            problem = self._spool.problem()
            if problem is not None and not lost:
                get_logger().error("spool_lost", stage="commit", reason=problem)
            elif problem is None and lost:
                get_logger().info("spool_recovered", stage="commit")
            lost = problem is not None
            self._pipeline.batches.spool_is_lost(lost)
            await asyncio.to_thread(self._identity.ids.keep)
            with suppress(StoreError):  # the disk is away: a commit says so
                await self._spool.tidy()
            await self._pipeline.keep_in_size()

    def _words(self) -> str:
        return f"for {', '.join(self._settings.presses)} of {self._settings.site}"

    async def _reloads(self) -> None:
        """Put a new configuration into force as a whole, or say why not and keep the old one."""
        while True:
            await self._hup.wait()
            self._hup.clear()
            if self._load is None:
                continue
            self._service.reloading()
            try:
                new = await asyncio.to_thread(renewal, self._settings, self._load)
            except InputError as error:
                problems = "; ".join(str(error).splitlines())
                get_logger().error("configuration_refused", detail=problems, hint=error.hint)
                words = f"{self._words()}; the new configuration was refused: see the log"
            else:
                await self._renew(new)
                words = self._words()
            if self._vitals.warm:
                self._service.ready(words)

    async def _renew(self, new: Renewal) -> None:
        old, self._settings = self._settings, new.settings
        if new.settings.log != old.log:
            configure(new.settings.log.level, new.settings.log.style)
        self._pipeline.renew(new.settings, new.catalogue)
        if self._membership is not None:
            self._membership.renew(new.settings)
        self._presence.renew(new.settings)
        await self._sessions.renew(new.settings, reconnect=new.reconnect)
        changed = ", ".join(new.changed) or "the catalogue was read again"
        get_logger().info("configuration_reloaded", detail=changed)


def _stores(settings: Settings, clock: Clock) -> tuple[Spool, HistoryStore]:
    """Spool and history, both open or none."""
    now = clock.now()
    spool, salvage = open_spool(settings.spool.path, now, settings.agent_id)
    try:
        if salvage is not None:
            get_logger().error(
                "spool_salvaged",
                path=str(salvage.damaged),
                reason="; ".join(salvage.problems),
                count=sum(salvage.saved.values()),
                hint="the damaged file is kept; send it to support, then delete it",
            )
            changes, lists = Changes(), OpenAlertLists(spool.state(ALERT_SCOPE))
            for press in settings.addresses():
                alert = lists.tell(spool_salvaged(press, salvage, now))
                payload = encode(alert, settings.broker.payload_format)
                topic = settings.topics.alert(press)
                changes.publish.append(Outgoing(str(press), new_key("alert"), topic, payload))
            changes.state, changed = lists.take_changes()
            changes.forward = [alert_row(press, one) for press, one in changed]
            spool.commit(changes, now)
        return spool, open_store(settings.history)
    except BaseException:
        spool.close()
        raise
