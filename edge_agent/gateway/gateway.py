"""Gateway: tags of machines in, messages of the twin's contract out; nothing is lost in between.

sources → stations → one transaction → the sources may forget → the broker → the agent has it →
the outbox forgets.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from broker.topics import PressAddress
from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.errors import SettingsError, StoreError
from edge_agent.gateway.committer import Committer
from edge_agent.gateway.health import GatewayHealth
from edge_agent.gateway.metrics import GatewayMetrics
from edge_agent.gateway.outbox import SOURCE, STATION, Outbox
from edge_agent.gateway.outbox_entry import Draft, Step
from edge_agent.gateway.outbox_limit import MB, OutboxLimit
from edge_agent.gateway.outbox_repair import open_outbox
from edge_agent.gateway.outbox_thread import OutboxThread
from edge_agent.gateway.sender import Sender
from edge_agent.gateway.source_loop import SourceLoop
from edge_agent.gateway.sources import make
from edge_agent.gateway.station import StationTranslator
from edge_agent.links.tag_source import Position, SampleBatch, TagSource
from edge_agent.logs import flush_repeats, get_logger
from edge_agent.monitoring.health import LOOP, application, serving
from edge_agent.monitoring.systemd import Service
from edge_agent.monitoring.watchdog import STUCK_AFTER_S, Watch, Watches

BEAT_S = 1.0
TICK_LAST_S = 1.0
"""Stations are asked at least this often what is due."""
LIMIT_EVERY_S = 5.0
FLUSH_TIMEOUT_S = 5.0
"""How long an ending gateway waits for the disk, and for the broker; the rest stays on disk."""
_OF_CLOCK = {"clock-ahead", "clock-set-back"}
"""Notes of the trace that are warnings in the log."""
MakeSource = Callable[..., TagSource]


class Gateway:
    """Composes the parts. ``run`` works until ``stop`` is set."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        stop: asyncio.Event,
        service: Service | None = None,
        make_source: MakeSource = make,
    ) -> None:
        """Open the outbox, and make sources and stations as they stood.

        Args:
            service: the service manager, which gets notices.
            make_source: makes a source; see ``sources.make``.

        Raises:
            InputError, StoreError: something on disk cannot be used, or another gateway has it.
            MissingExtra: a library is not installed.
        """
        self._settings, self._clock, self._stop = settings, clock, stop
        self._service = service or Service({})
        self._outbox = outbox = _opened(settings, clock)
        try:
            self._thread = OutboxThread(outbox)
            self.metrics = GatewayMetrics()
            self._watches = Watches()
            watch = self._watches.add(Watch("outbox"))
            self._committer = Committer(self._thread, clock, watch, self._committed)
            states = outbox.state(STATION)
            self._positions: dict[str, Position] = dict(outbox.state(SOURCE))
            self._stations = [
                StationTranslator(name, station, settings, states.get(name))
                for name, station in settings.stations.items()
            ]
            self._loops = {
                name: SourceLoop(
                    make_source(name, source, settings, clock, outbox.secret),
                    clock,
                    settings.reconnect_max_s,
                    self._take,
                    self._position,
                    self._lost,
                )
                for name, source in settings.sources.items()
            }
            self._stations_of = {
                name: [one for one in self._stations if any(_is_of(name, t) for t in one.tags)]
                for name in settings.sources
            }
        except BaseException:
            outbox.close()
            raise
        presses = _presses(settings, outbox)
        self.metrics.presses(presses)
        self.metrics.limit.set(settings.outbox.limit_mb * MB)
        self.sender = Sender(
            settings.broker,
            settings.topics,
            presses,
            self._thread,
            clock,
            self.metrics,
            self.metrics.confirmed,
        )
        self._limit = OutboxLimit(self._thread, settings.outbox)
        self.health = GatewayHealth(
            outbox,
            self._limit,
            {name: loop.state for name, loop in self._loops.items()},
            self.sender,
            self._committer,
            self._watches,
            self._service.watchdog_s or STUCK_AFTER_S,
        )
        self._due = asyncio.Event()
        """Set when a station may have something due earlier than was thought."""

    async def run(self) -> None:
        """Run until asked to stop, then write and send what is in hand.

        Raises:
            SettingsError: ``health.port`` cannot be had, or no source can be as it is configured.
        """
        try:
            pages = application(self.health, self.metrics.registry)
            with serving(self._settings.health, pages) as port:
                if port is not None:
                    host = self._settings.health.host
                    get_logger().info("health_listening", host=host, port=port)
                await self._run()
        finally:
            self._thread.close()
            self._service.close()

    async def _run(self) -> None:
        log = get_logger()
        log.info("gateway_started", agent_id=self._settings.id, version=__version__)
        committing = asyncio.create_task(self._committer.run())
        for name in self._loops:
            self._lost(name)
        reading = [asyncio.create_task(loop.run()) for loop in self._loops.values()]
        ticking = asyncio.create_task(self._tick())
        sending = asyncio.create_task(self.sender.run())
        stopping = asyncio.create_task(self._stop.wait())
        failing = asyncio.create_task(self._no_source_can_be())
        beating = asyncio.create_task(self._beat())
        limiting = asyncio.create_task(self._keep_in_size())
        everything = [committing, *reading, ticking, sending, stopping, failing, beating, limiting]
        done, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        self._service.stopping()
        await _ended(*reading, ticking, failing)
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await self._committer.flushed()
                while self.sender.connected and not self.sender.quiet:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        await _ended(*everything)
        waiting = self._outbox.waiting
        log.info("gateway_stopped", backlog_count=waiting["telemetry"] + waiting["shot"])
        flush_repeats()
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error  # a fault in the gateway itself: do not end as if all were well

    async def _take(self, name: str, batch: SampleBatch) -> None:
        """Translate a batch, and return when what it led to is safe."""
        samples, drafts = batch.samples, []
        states: dict[str, Mapping[str, Any]] = {}
        trace: list[tuple[str, Mapping[str, Any]]] = []
        if batch.seamless:
            for station in self._stations_of[name]:
                station.resumed(name)
                states[station.name] = station.state()
        if samples:
            self.metrics.samples.labels(name).inc(len(samples))
            now = self._clock.now()
            for station in self._stations_of[name]:
                drafts += _made(station, station.take, name, samples, now)
                states[station.name] = station.state()
                trace += self._traced(station)
        elif batch.position == self._positions.get(name) and not batch.seamless:
            return
        self._positions[name] = batch.position
        written = self._committer.add(Step(drafts, states, {name: batch.position}, trace))
        self._due.set()
        await written

    def _lost(self, name: str) -> None:
        """Tell the stations that a source has no link; what follows is written like a batch."""
        now = self._clock.now()
        made = [(one, _made(one, one.lost, name, now)) for one in self._stations_of[name]]
        self._translate(made, even_if_silent=True)

    def _translate(
        self, found: Sequence[tuple[StationTranslator, list[Draft]]], *, even_if_silent: bool
    ) -> None:
        drafts: list[Draft] = []
        states: dict[str, Mapping[str, Any]] = {}
        trace: list[tuple[str, Mapping[str, Any]]] = []
        for station, made in found:
            lines = self._traced(station)
            if made or lines or even_if_silent:
                drafts += made
                trace += lines
                states[station.name] = station.state()
        if states:
            self._committer.add(Step(drafts, states, {}, trace))

    def _traced(self, station: StationTranslator) -> list[tuple[str, Mapping[str, Any]]]:
        """New lines of a station's trace, which are logged, too."""
        lines = station.fetch_trace()
        for line in lines:
            write = get_logger().warning if line.reason in _OF_CLOCK else get_logger().info
            write(
                "shot_traced",
                station=station.name,
                code=line.kind,
                reason=line.reason,
                detail=line.words,
            )
        return [(station.name, line.document()) for line in lines]

    async def _position(self, name: str) -> Position:
        """Place of a source when all that it delivered is safe."""
        await self._committer.flushed()
        return self._positions.get(name, {})

    async def _tick(self) -> None:
        """Let stations say what is due as time goes by; not while the disk refuses."""
        while True:
            self._due.clear()
            now = self._clock.now()
            wait_s = TICK_LAST_S
            if self._committer.refused is None:
                dues = [(one, one.next_due(now)) for one in self._stations]
                due = [one for one, at in dues if at is not None and at <= now]
                made = [(one, _made(one, one.tick, now)) for one in due]
                self._translate(made, even_if_silent=False)
                later = [at - now for _, at in dues if at is not None and at > now]
                soonest_s = min(later).total_seconds() if later else TICK_LAST_S
                wait_s = min(soonest_s, TICK_LAST_S) / self._clock.speed
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait_s, 0.001)):
                    await self._due.wait()

    def _committed(self, steps: Sequence[Step]) -> None:
        drafts = [draft for step in steps for draft in step.drafts]
        if drafts:
            self.metrics.made(drafts)
            self.sender.committed()

    async def _no_source_can_be(self) -> None:
        """End the gateway when not one source can be as it is configured.

        Raises:
            SettingsError: all their reasons.
        """
        for loop in self._loops.values():
            await loop.failed.wait()
        if all(loop.failed.is_set() for loop in self._loops.values()):
            words = [f"sources.{name}: {one.state.reason}" for name, one in self._loops.items()]
            raise SettingsError("\n".join(words))
        await asyncio.Event().wait()

    async def _beat(self) -> None:
        """Say that we are ready, then that we are alive as long as everything moves."""
        watch, hanging = self._watches.add(Watch(LOOP)), False
        every_s = min(BEAT_S, (self._service.watchdog_s or BEAT_S) / 4)
        self._service.ready(self.health.words())
        told = ""
        while True:
            watch.progress()
            stuck = self.health.stuck()
            if not stuck:
                self._service.alive()
            if bool(stuck) != hanging:
                hanging = bool(stuck)
                write = get_logger().error if hanging else get_logger().info
                words = "; ".join(stuck) or "everything moves again"
                write("gateway_stuck" if hanging else "gateway_recovered", reason=words)
            words = "; ".join(stuck) or self.health.words()
            if words != told:
                self._service.status(words)
                told = words
            await self._measure()
            flush_repeats()
            await asyncio.sleep(every_s)

    async def _measure(self) -> None:
        metrics = self.metrics
        for name, loop in self._loops.items():
            metrics.source_up.labels(name).set(loop.state.connected)
            metrics.tags_without_value.labels(name).set(len(loop.state.faults))
            for reason, count in loop.state.left_out.items():
                metrics.left_out.labels(name, reason).set(count)
        metrics.broker_up.set(self.sender.connected)
        for kind, count in self._outbox.waiting.items():
            metrics.waiting.labels(kind).set(count)
        for station in self._stations:
            for key, count in station.trace.counts.items():
                event, _, reason = key.partition(":")
                metrics.not_told.labels(station.name, event, reason).set(count)
        metrics.bytes.set(self._limit.used_bytes)
        metrics.dropped.set(self._limit.dropped_count)
        metrics.expired.set(self._limit.expired_count)
        with suppress(StoreError):
            oldest = await self._thread.oldest_at()
            age_s = 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()
            metrics.oldest_age.set(max(0.0, age_s))

    async def _keep_in_size(self) -> None:
        lost = False
        while True:
            with suppress(StoreError):  # the disk is away: a commit says so
                await self._limit.check(self._clock.now())
            problem = self._outbox.problem()
            if (problem is not None) != lost:
                lost = problem is not None
                if lost:
                    get_logger().error("outbox_lost", reason=problem)
                else:
                    get_logger().info("outbox_recovered")
            await asyncio.sleep(LIMIT_EVERY_S)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, and wait for them."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _made(
    station: StationTranslator, call: Callable[..., list[Draft]], *arguments: object
) -> list[Draft]:
    """Messages that a station makes; a fault of the program in it costs that station alone."""
    try:
        return call(*arguments)
    except Exception as error:
        words = "".join(traceback.format_exception(error))[-4000:]
        get_logger().error(
            "station_failed", station=station.name, error=repr(error)[:500], exception=words
        )
        return []


def _is_of(source: str, tag: str) -> bool:
    return tag.partition(".")[0] == source


def _presses(settings: GatewaySettings, outbox: Outbox) -> list[PressAddress]:
    """Presses of the stations, and those of an earlier configuration that still have messages."""
    found = dict.fromkeys(settings.address(one) for one in settings.stations.values())
    for press in outbox.presses():
        site, _, name = press.partition("/")
        found.setdefault(PressAddress(site, name))
    return list(found)


def _opened(settings: GatewaySettings, clock: Clock) -> Outbox:
    path = settings.outbox.path
    outbox, repaired = open_outbox(path, clock.now(), settings.id, settings.broker.payload_format)
    if repaired is not None:
        get_logger().error(
            "outbox_salvaged",
            path=str(repaired.damaged),
            reason="; ".join(repaired.problems),
            count=repaired.saved.get("message", 0),
            hint="the damaged file is kept; devices count anew, under ids with another suffix",
        )
    return outbox
