"""The pipeline: messages in, predictions out at once, one transaction for all they led to."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from broker import alert_codes as codes
from broker.messages import Alert, DeadLetter
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.config.catalogue import Catalogue, changed_sets, changed_systems
from edge_agent.config.settings import LearningSettings, Settings
from edge_agent.drift.schedule import DriftWatch
from edge_agent.errors import LinkError, StoreError
from edge_agent.inference.earlier_shots import EARLIER_SCOPE
from edge_agent.inference.press_events import HAPPENED_SCOPE
from edge_agent.inference.seen_intervals import INTERVALS_SCOPE
from edge_agent.learning.recall import RECALLED_SCOPE, Recall
from edge_agent.logs import get_logger
from edge_agent.monitoring.alerts import (
    drift_level,
    history_away,
    history_back,
    spool_alert,
    spool_takes_again,
)
from edge_agent.monitoring.metrics import Laps, Metrics
from edge_agent.monitoring.uncorrected import UNCORRECTED_SCOPE, UncorrectedMolds
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import old_inbox
from edge_agent.pipeline.adopted import Adopted
from edge_agent.pipeline.advised import ADVICE_SCOPE, AdviceBook
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.batches import Batches
from edge_agent.pipeline.changed_shots import ChangedShots
from edge_agent.pipeline.commit import Writer
from edge_agent.pipeline.compile_ahead import compile_ahead
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.intake import Intake, TakenEvent
from edge_agent.pipeline.issue import Predictions
from edge_agent.pipeline.keep_in_size import SizeKeeper
from edge_agent.pipeline.kept_shots import kept_horizon, kept_shots
from edge_agent.pipeline.numbers import Numbers
from edge_agent.pipeline.open_alerts import ALERT_SCOPE, OpenAlertLists
from edge_agent.pipeline.publish import Publisher
from edge_agent.pipeline.receipts import RECEIVED_SCOPE, Receipts
from edge_agent.pipeline.receive import Inlet
from edge_agent.pipeline.refused_publishes import RefusedPublishes
from edge_agent.pipeline.results import Results
from edge_agent.pipeline.revisions import REVISION_SCOPE, Revisions, State
from edge_agent.pipeline.sets_refresh import SetsRefresh, log_changed_sets
from edge_agent.pipeline.simulate import Simulations
from edge_agent.ports import HistoryRow, Outgoing, Stored
from edge_agent.shots import scenario
from edge_agent.shots.named_shots import NAMED_SCOPE, NamedShots
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.thread import SpoolThread

if TYPE_CHECKING:
    from edge_agent.pipeline.edge_nodes import EdgeNodes

TURN = 32
"""Messages of a press before the next press has its turn."""
TICK_S = 5.0
_OVER_LIMIT = (codes.SPOOL_THINNED, codes.SPOOL_FULL)


class Pipeline:
    """decode -> assemble -> simulate -> infer -> issue -> commit, for all presses of the agent."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        spool: SpoolThread,
        clock: Clock,
        committed: Callable[[Changes], None] = lambda _changes: None,
        refuses: Callable[[bool], None] = lambda _refuses: None,
        metrics: Metrics | None = None,
        nodes: EdgeNodes | None = None,
    ) -> None:
        """Go on with the shots that the spool holds.

        Args:
            committed: called with every transaction.
            refuses: called when the disk refuses again and again, and when it takes again.
            nodes: edge nodes of Sparkplug, if that is on.
        """
        self._settings, self._catalogue = settings, catalogue
        self._spool, self._clock = spool, clock
        self._topics, self._fallback = settings.topics, settings.addresses()[0]
        self._metrics = metrics = metrics or Metrics()
        self._watch = metrics.watches.add(Watch("pipeline"))
        self._committed = committed
        took = metrics.stage_seconds.labels("publish").observe
        self.publisher = Publisher(spool, clock, self._published, took, self._publish_refused)
        self.revisions = Revisions(spool.state_at_start(REVISION_SCOPE), clock.now())
        """Counters of the presses."""
        self.open_alerts = OpenAlertLists(spool.state_at_start(ALERT_SCOPE))
        self.results = Results(
            *(self._topics, settings.broker.payload_format, self.publisher, self.open_alerts),
            *(nodes, settings.sparkplug.plain),
            AdviceBook(spool.state_at_start(ADVICE_SCOPE)),
        )
        self._refused_publishes = RefusedPublishes(self.results, metrics, clock)
        self.receipts = Receipts(spool.state_at_start(RECEIVED_SCOPE))
        writes = spool, self.publisher, self.revisions, self.receipts, clock, metrics
        self.wake = asyncio.Event()
        self.batches = Batches(
            self.results,
            settings.spool.gather_s,
            lambda refused: Writer(*writes, self._written, refused, nodes),
            self.wake.set,
            refuses,
        )
        metrics.held_age.set_function(self.batches.held_s)
        self.publisher.moved = self.batches.settle
        self.numbers = Numbers(
            *(spool, self.revisions, self.results, self.batches, self._watch, metrics, clock)
        )
        self._inference = _inference(settings.learning, spool, metrics)
        notes = spool.state_at_start(RECALLED_SCOPE)
        self.recall = Recall(self._inference.rows.earlier, notes, self._to_write, metrics)
        """Memory of earlier shots that a new spool has not."""
        self.recall.renew(catalogue)
        self._drift = DriftWatch(metrics, lambda p: drift_level(self.open_alerts.open_of(p)))
        self._sets = SetsRefresh(catalogue, metrics, self.wake.set)
        self._simulations = Simulations(catalogue, settings.shots.horizon_s, metrics)
        self._predictions = Predictions(
            self._simulations,
            self._inference,
            self.revisions,
            self.results,
            clock,
            metrics,
            settings.shots.live_interval_s,
        )
        shots, renamed = kept_shots(spool)
        self.results.batch.state |= renamed
        named = NamedShots(spool.state_at_start(NAMED_SCOPE))
        for shot in shots:
            self.revisions.pass_over(shot.address, shot.revision)
            if shot.poured_at is not None:
                named.poured(shot, self.results.batch.state)
        limits = settings.shots.signal_age_max_s, settings.shots.timeout_s
        self.assembler = Assembler(shots, *limits, kept_horizon(spool))
        self._predictions.is_newest = self.assembler.is_newest
        self._changed = ChangedShots(
            *(shots, self.assembler, self._predictions, named, self.results),
            *(self.numbers.have_one, self._watch, metrics, clock),
        )
        self._intake = Intake(
            self._topics, self.assembler, self.results, self._inference, named, metrics, clock
        )
        self._intake.renew(settings)
        self.adopted = Adopted(self.results, self.open_alerts, clock, self._expect_clocks)
        for press in settings.addresses():
            self._expect_clocks(press)
        self._size = _size_keeper(settings, spool, metrics, self.open_alerts)
        self._inlets: dict[Inlet, None] = {}
        self.holds: Callable[[PressAddress], bool] = lambda _press: True
        """Does this agent follow the shots of a press? In a group not of all."""
        self.lock = asyncio.Lock()
        """Held while shots are worked on, so that none is given up meanwhile."""

    def renew(self, settings: Settings, catalogue: Catalogue) -> None:
        """Go on with other settings; shots that cure are simulated again at their next reading."""
        for system_id, version, words in changed_systems(self._catalogue, catalogue):
            get_logger().info("system_changed", system_id=system_id, version=version, detail=words)
        log_changed_sets(self._catalogue, catalogue)
        self._settings, self._catalogue = settings, catalogue
        self._fallback = settings.addresses()[0]
        self._predictions.live_interval_s = settings.shots.live_interval_s
        self._sets.renew(catalogue)
        self.recall.renew(catalogue)
        self._simulations.renew(catalogue, settings.shots.horizon_s)
        self._inference.renew(settings.learning.models, settings.learning.trusted_keys)
        self._inference.no_corrections_h = settings.learning.no_corrections_h
        self.assembler.renew(settings.shots.signal_age_max_s, settings.shots.timeout_s)
        self._intake.renew(settings)
        self.batches.gather_s = settings.spool.gather_s

    @property
    def uncorrected(self) -> UncorrectedMolds:
        """Molds whose last shots had no correction."""
        return self._inference.uncorrected

    def open(self, inlet: Inlet) -> None:
        """Work on what comes in there, too."""
        inlet.wake, inlet.dropped = self.wake.set, self._metrics.dropped.inc
        self._inlets[inlet] = None

    def close(self, inlet: Inlet) -> None:
        """The session has ended; the broker has what was not acknowledged."""
        inlet.close()
        self._inlets.pop(inlet, None)

    async def run(self) -> None:
        """Work for ever, and look at the clock now and then, busy or idle."""
        now = asyncio.get_running_loop().time
        await self.start()
        ticked = now()
        while True:
            self._watch.progress()
            self.wake.clear()
            busy = await self.step()
            if now() - ticked >= TICK_S:
                await self.tick()
                ticked = now()
            if busy or self._inference.rows.earlier.count_ahead():
                await asyncio.sleep(0)  # others have their turn: sockets, the publisher
            else:
                self._watch.rest()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await self.wake.wait()

    async def start(self) -> None:
        """Reserve numbers, load models, and work on what an older program left."""
        await self.reserve()
        await self._inference.start()
        presses = filter(self.holds, self._settings.addresses())
        self.recall.tick(self._clock.now(), self._settings, presses)
        await self._drain_inbox()

    async def stop(self) -> None:
        """Write what there is, if the disk takes it at once; the broker has the rest."""
        await self.recall.stop()
        await self._predictions.intervals.computed()
        await self.batches.stop()

    async def step(self) -> bool:
        """A turn of every press, and a transaction if one is due; false when nothing was done."""
        busy = False
        if self.lock.locked():  # somebody waits for the disk: that is not stuck
            self._watch.rest()
        async with self.lock:
            self._watch.progress()
            self._take_sets()
            for inlet in list(self._inlets):
                if inlet.waiting and self._may_take(inlet):
                    busy = True
                    async with self.batches.turn:
                        await self._turn(inlet)
                    self.batches.write_if_due()
        self.batches.write_if_due()
        return busy

    async def tick(self) -> None:
        """Let time pass: shots time out, old ones are forgotten."""
        if self.lock.locked():  # as in ``step``
            self._watch.rest()
        async with self.lock:
            self._watch.progress()
            now = self._clock.now()
            presses = list(filter(self.holds, self._settings.addresses()))
            self._take_sets()
            self._sets.look(self._catalogue, self._settings.catalogue.parameter_sets)
            for alert in self._sets.alerts(now, presses):
                self.results.alert(alert)
            for alert in self._inference.tick(now, presses, self.assembler.shots):
                self.results.alert(alert)
            self.recall.tick(now, self._settings, presses)
            model = self._inference.folder_in_use
            for alert in self._drift.tick(now, self._settings, model, presses):
                self.results.alert(alert)
            for press in presses:  # of an earlier life of the agent
                if (
                    self.open_alerts.open_of(press, codes.SPOOL_REFUSED)
                    and not self.results.unsaved
                ):
                    self.results.alert(spool_takes_again(press, now))
            if self.results.nodes is not None:
                self.results.nodes.tick()
            late, old = self.assembler.tick(now, self._may_end)
            for shot in late:
                await self._changed.answer(shot, by_readings=False)
            for shot in old:
                self._changed.forget(shot)
            await self._changed.correct(self._may_end)
            self._simulations.keep(self.assembler.shots)

    def _take_sets(self) -> None:
        """Take parameter sets that were promoted; shots of their molds are simulated again."""
        new = self._sets.take(self._catalogue)
        if new is None:
            return
        old, self._catalogue = self._catalogue, new
        log_changed_sets(old, new)
        changed = {key for key, _, _ in changed_sets(old, new)}
        self.recall.renew(new)
        self._simulations.renew_sets(new)
        for shot in self.assembler.shots:
            if (shot.mold_id, shot.system_id) in changed:
                self._simulations.forget(shot)
                self._inference.forget(shot.shot_key)

    async def keep_in_size(self) -> None:
        """Thin and trim what is in the spool; to be called again and again, whatever is locked."""
        now = self._clock.now()
        if self.results.nodes is not None:
            with suppress(StoreError):  # the disk is away: a commit says so
                await self.results.nodes.keep_in_size()
        alert = await self._size.check(now)
        if alert is not None:
            for press in filter(self.holds, self._settings.addresses()):
                self.results.alert(spool_alert(press, alert, now))
            self.wake.set()

    @property
    def topics(self) -> TopicSpace:
        """The topic grammar."""
        return self._topics

    def dead_letter(self, letter: DeadLetter) -> None:
        """Take a message that came another way and cannot be understood."""
        self.results.dead_letter(letter)
        self._metrics.refused(letter.reason)
        self.wake.set()

    def note(self, alert: Alert) -> Alert:
        """Take note of an alert that goes out another way; returns it with its id."""
        if self.holds(PressAddress(alert.site, alert.press)):
            alert = self.results.note(alert)
            self.wake.set()
        return alert

    def history_is_away(self, problem: str | None) -> None:
        """Tell that the history has not taken anything for a while, or takes rows again.

        Args:
            problem: why; None when it takes rows.
        """
        now, told = self._clock.now(), self.open_alerts.presses_with(codes.HISTORY_AWAY)
        presses = list(filter(self.holds, self._settings.addresses()))
        if problem is None:
            alerts = [history_back(press, now) for press in presses if press in told]
        else:
            alerts = [history_away(press, problem, now) for press in presses if press not in told]
        for alert in alerts:
            self.results.alert(alert)
        if alerts:
            self.wake.set()

    def say_again(self, shot: Shot) -> None:
        """Issue the last word on a shot anew: another agent had one that it may not have kept."""
        self._changed.say_again(shot)

    async def reserve(self, *more: PressAddress) -> None:
        """Have numbers for the predictions of every press of the configuration, and of ``more``."""
        await self.numbers.reserve([*self._settings.addresses(), *more])

    def rejected(self, row: Stored[HistoryRow], reason: str) -> None:
        """The history will never take this row."""
        self.results.rejected(row, reason, self._clock.now())

    async def _turn(self, inlet: Inlet) -> None:
        """Some messages of a press; it ends with an event, which has its answer at once."""
        changed: dict[str, Shot] = {}
        taken: TakenEvent | None = None
        laps = Laps(self._metrics)
        for _ in range(min(TURN, len(inlet.waiting))):
            message = inlet.next()
            taken = self._intake.take(inlet.press, message, changed, laps)
            self.results.batch.worked(inlet, message)
            laps.lap("assemble")
            if taken is not None or not self.results.batch.has_room(inlet):
                break
        self.assembler.settle()
        self._changed.report_crowds()
        laps.observe()
        for key, shot in changed.items():
            event = taken.event if taken is not None and key in taken.changed else None
            await self._changed.answer(shot, by_readings=event is None, event=event)
        if taken is not None:
            self._intake.report(taken)

    def _to_write(self) -> State:
        """State that the next transaction writes, which is due in time."""
        self.batches.settle()
        return self.results.batch.state

    def _pause_s(self) -> float:
        due_s = self.batches.due_in_s()
        return TICK_S if due_s is None else min(TICK_S, due_s)

    def _may_take(self, inlet: Inlet) -> bool:
        """Is there room for more of a press, and are there numbers for its predictions?

        If not, its messages wait, unacknowledged, until the disk has taken what it is given; other
        presses go on.
        """
        numbered = inlet.inbox or self.numbers.has(inlet.press)
        return numbered and self.results.batch.has_room(inlet)

    def _expect_clocks(self, press: PressAddress) -> None:
        for alert in self.open_alerts.open_of(press, codes.PRESS_CLOCK):
            if alert.ends_by == "condition":
                self._intake.expect_clock(press, alert)

    def _may_end(self, press: PressAddress) -> bool:
        """May shots of a press time out: is it ours, and are there numbers for the last words?"""
        return self.holds(press) and self.numbers.has(press)

    def _written(self, changes: Changes) -> None:
        self._metrics.committed(changes)
        self._committed(changes)

    def _published(self, message: Outgoing) -> None:
        self._metrics.published(message, self._clock.now())
        self._refused_publishes.accepted(message)

    def _publish_refused(self, message: Outgoing, problem: LinkError) -> None:
        self._refused_publishes.refused(message, problem)
        self.wake.set()

    async def _drain_inbox(self) -> None:
        """Messages that an older program acknowledged and had not worked on."""
        inlet = Inlet(self._fallback, inbox=True)
        async for page in old_inbox.pages(self._spool):
            inlet.put(page)
            self._inlets[inlet] = None
            while inlet.waiting:
                if not await self.step():
                    await self.batches.flush()
            await self.batches.flush()
        self._inlets.pop(inlet, None)

    async def compile(self) -> None:
        """Be ready for the first shot; for some seconds on a new machine."""
        await compile_ahead(self._settings.catalogue.systems)
        await asyncio.to_thread(scenario.warm_up, self._catalogue.systems.values())
        gc.freeze()  # what was loaded stays: looking through it again would hold up predictions
        self._simulations.compiled = True
        if not self._watch.resting:  # a shot may have waited for it
            self._watch.progress()
        get_logger().info("simulation_ready", stage="simulate")


def _size_keeper(
    settings: Settings, spool: SpoolThread, metrics: Metrics, open_alerts: OpenAlertLists
) -> SizeKeeper:
    watch = metrics.watches.add(Watch("spool"))
    alerted = any(open_alerts.presses_with(code) for code in _OVER_LIMIT)
    return SizeKeeper(spool, settings.spool.limit_mb, watch, alerted=alerted)


def _inference(learning: LearningSettings, spool: SpoolThread, metrics: Metrics) -> Inference:
    """Inference that goes on from what the spool holds."""
    found = Inference(
        learning.models,
        metrics,
        spool.state_at_start(EARLIER_SCOPE).values(),
        learning.trusted_keys,
        spool.state_at_start(HAPPENED_SCOPE).values(),
        spool.state_at_start(INTERVALS_SCOPE),
        spool.state_at_start(UNCORRECTED_SCOPE),
    )
    found.no_corrections_h = learning.no_corrections_h
    return found
