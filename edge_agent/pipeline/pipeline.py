"""The heart of the agent: inbox rows in, one transaction of results out."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from broker.messages import (
    Basis,
    DeadLetter,
    Prediction,
    QualityRecord,
    ShotEvent,
    TelemetryFrame,
)
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.config.catalogue import Catalogue, changed_systems
from edge_agent.config.settings import Settings
from edge_agent.drift.schedule import DriftWatch
from edge_agent.errors import StoreError
from edge_agent.inference.earlier_shots import EARLIER_SCOPE
from edge_agent.logs import get_logger
from edge_agent.monitoring.alerts import kpis_of, no_pour, spool_alert
from edge_agent.monitoring.metrics import Laps, Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.commit import SHOT_SCOPE, Committer
from edge_agent.pipeline.compile_ahead import warm_apart
from edge_agent.pipeline.decode import decode
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.receive import until_written
from edge_agent.pipeline.unsaved import Unsaved
from edge_agent.ports import InboxRow
from edge_agent.presses.held_presses import Holdings
from edge_agent.shots import scenario as stage
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import Answer, answer_of
from edge_agent.spool.limit import SpoolLimit
from edge_agent.spool.spool import SpoolThread

BATCH = 256
TICK_S = 5.0


class Pipeline:
    """decode -> assemble -> simulate -> commit, for all presses of the agent."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        spool: SpoolThread,
        clock: Clock,
        committed: Callable[[], None],
        metrics: Metrics | None = None,
        unsaved: Unsaved | None = None,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._spool = spool
        self._clock = clock
        self._committed = committed
        self._topics, self._fallback = settings.topics, settings.addresses()[0]
        self._metrics = metrics or Metrics()
        self._watch = self._metrics.watches.add(Watch("pipeline"))
        self._unsaved = unsaved
        self._answers: dict[str, Answer] = {}
        self._warm = False
        earlier = spool.spool.state(EARLIER_SCOPE).values()
        self._inference = Inference(settings.learning.models, self._metrics, earlier)
        self._drift = DriftWatch(self._metrics)
        self._assembler = Assembler(
            _kept_shots(spool.spool.state(SHOT_SCOPE)),
            settings.shots.signal_age_max_s,
            settings.shots.timeout_s,
        )
        self.holdings = Holdings(
            settings.agent_id, settings.group is not None, self._assembler, spool, clock
        )
        self._limit = SpoolLimit(spool, settings.spool.limit_mb)
        self.wake = asyncio.Event()

    def renew(self, settings: Settings, catalogue: Catalogue) -> None:
        """Go on with other settings; shots that cure are simulated again at their next reading."""
        for system_id, version, words in changed_systems(self._catalogue, catalogue):
            get_logger().info("system_changed", system_id=system_id, version=version, detail=words)
        self._settings, self._catalogue = settings, catalogue
        self._fallback = settings.addresses()[0]
        self._answers.clear()
        self._inference.renew(settings.learning.models)
        self._assembler.renew(settings.shots.signal_age_max_s, settings.shots.timeout_s)

    async def run(self) -> None:
        """Work for ever, and look at the clock now and then, busy or idle."""
        now = asyncio.get_running_loop().time
        await self._inference.start()
        ticked = now()
        while True:
            self._watch.progress()
            self.wake.clear()
            busy = await self.step()
            if now() - ticked >= TICK_S:
                await self.tick()
                ticked = now()
            if not busy:
                self._watch.rest()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), TICK_S)

    async def drain(self) -> None:
        """Finish everything that is in the inbox."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """One batch of inbox rows; false when there were none."""
        rows = self._spool.spool.inbox(0, BATCH)
        if not rows:
            return False
        async with self.holdings.lock:
            committer = Committer(self._topics, self._settings.broker.payload_format)
            changed: dict[str, Shot] = {}
            self._metrics.taken(rows)
            laps = Laps(self._metrics)
            for row in rows:
                self._take(row, committer, changed, laps)
                committer.done(row.id)
                laps.lap("assemble")
            laps.observe()
            await self._settle(committer, changed)
        return True

    async def tick(self) -> None:
        """Let time pass: the spool is kept in size, shots time out, old ones are forgotten."""
        async with self.holdings.lock:
            committer = Committer(self._topics, self._settings.broker.payload_format)
            now = self._clock.now()
            presses = list(filter(self.holdings.__contains__, self._settings.addresses()))
            with suppress(StoreError):  # the disk is away: the commit below waits for it
                news = await self._limit.check(now)
                if news is not None:
                    for press in presses:
                        committer.alert(spool_alert(press, news, now))
            for alert in self._inference.tick(now, presses, self._assembler.shots):
                committer.alert(alert)
            model = self._inference.folder_in_use
            for alert in self._drift.tick(now, self._settings, model, presses):
                committer.alert(alert)
            late, old = self._assembler.tick(now, self.holdings)
            for shot in old:
                committer.forget(shot)
            await self._settle(committer, {shot.key: shot for shot in late})

    def _take(
        self, row: InboxRow, committer: Committer, changed: dict[str, Shot], laps: Laps
    ) -> None:
        decoded = decode(
            row.envelope,
            self._topics,
            self._fallback,
            self._clock.now(),
            self._settings.shots.future_skew_max_s,
        )
        laps.lap("decode")
        if isinstance(decoded, DeadLetter):
            if PressAddress(decoded.site, decoded.press) not in self.holdings:
                return  # not acknowledged
            committer.dead_letter(decoded, row.id)
            self._metrics.refused(decoded.reason)
            get_logger().warning(
                "message_refused",
                stage="decode",
                topic=row.envelope.topic[:200],
                reason=decoded.reason,
                detail=decoded.detail,
            )
            return
        press = decoded.press
        match decoded.message:
            case TelemetryFrame() as frame if press not in self.holdings:
                committer.telemetry(press, frame, self._assembler.shot_of(press, frame))
            case TelemetryFrame() as frame:
                shot, touched = self._assembler.frame(press, frame)
                committer.telemetry(press, frame, shot)
                changed |= {other.key: other for other in touched}
            case ShotEvent() as event if press in self.holdings:
                changed |= {shot.key: shot for shot in self._assembler.event(press, event)}
                get_logger().info(
                    f"shot_{event.event}",
                    stage="assemble",
                    press=press.press,
                    shot_id=event.shot_id,
                    mold_id=event.mold_id,
                )
            case QualityRecord() as record:
                committer.quality(press, record)
                self._inference.lab(press, record, committer.changes.state)

    async def _settle(self, committer: Committer, changed: dict[str, Shot]) -> None:
        """Simulate what changed, then commit until the disk takes it."""
        for shot in changed.values():
            if shot.poured_at is not None and not shot.finished:
                await self._answer(shot, committer)
            elif shot.closed_at is not None and not shot.finished:
                shot.finished = True
                self._metrics.shots.labels(shot.outcome).inc()
                committer.alert(no_pour(shot, self._clock.now()))
            committer.shot(shot)
        changes = committer.changes
        if not changes:
            return
        spool, now = self._spool, self._clock.now()
        call = self._watch.tries(spool.call)

        seen = max(changes.done, default=0)

        async def refused() -> None:
            nonlocal seen
            if self._unsaved is not None:
                await self._unsaved.unwritten(changes.publish)
                with suppress(StoreError):
                    rows = spool.spool.inbox(seen, BATCH)  # what still found room there
                    if rows:
                        seen = rows[-1].id
                        await self._unsaved.refused([row.envelope for row in rows])

        write = spool.spool.commit
        with self._metrics.stage_seconds.labels("commit").time():
            failed = await until_written("commit", call, write, changes, now, refused=refused)
        self._metrics.committed(changes)
        self._committed()
        if failed and self._unsaved is not None:
            await self._unsaved.taken()

    async def _answer(self, shot: Shot, committer: Committer) -> None:
        """Issue the predictions that a changed shot calls for."""
        inputs = stage.inputs_of(shot)
        answer = self._answers.get(shot.key)
        if answer is None or answer.inputs != inputs:
            self._watch.progress()
            with self._metrics.stage_seconds.labels("simulate").time():
                answer = await self._simulated(shot, inputs)
            self._answers[shot.key] = answer
            self._inference.poured(shot, answer, committer.changes.state)
        news = shot.predicted_inputs != inputs
        if shot.revision == 0:
            committer.poured(shot)
        if news and shot.closed_at is None:
            shot.predicted_inputs = inputs
            basis: Basis = "poured" if shot.revision == 0 else "live"
            self._issue(shot, answer, basis, committer, keep=True)
        elif shot.closed_at is None and self._live_is_due(shot):
            self._issue(shot, answer, "live", committer, keep=False)
        if shot.closed_at is not None:
            if shot.revision == 0:  # poured and ended in one batch: both predictions are wanted
                shot.predicted_inputs = inputs
                self._issue(shot, answer, "poured", committer, keep=True)
            final = self._issue(shot, answer, "final", committer, keep=True)
            committer.ended(kpis_of(shot, final), shot)
            self._inference.closed(shot, answer, committer.changes.state)
            shot.finished = True
            self._answers.pop(shot.key, None)
            self._metrics.shots.labels(shot.outcome).inc()
            get_logger().info("shot_finished", shot_id=shot.shot_id, outcome=shot.outcome)

    def _live_is_due(self, shot: Shot) -> bool:
        newest = max((r.ts for r in shot.latest.values()), default=None)
        if newest is None or shot.live_at is None:
            return newest is not None
        return newest - shot.live_at >= timedelta(seconds=self._settings.shots.live_interval_s)

    def _issue(
        self, shot: Shot, answer: Answer, basis: Basis, committer: Committer, *, keep: bool
    ) -> Prediction:
        shot.revision += 1
        shot.live_at = max((r.ts for r in shot.latest.values()), default=shot.poured_at)
        now = self._clock.now()
        if answer.result is None:
            assert answer.problem is not None
            prediction = stage.hold(shot, answer.problem, basis, now)
        else:
            prediction = stage.predict(
                shot, answer.result, answer.substituted, answer.rho_free_rise, basis, now
            )
        prediction = self._inference.corrected(shot, answer, prediction)
        committer.prediction(prediction, keep=keep)
        self._metrics.predictions.labels(basis).inc()
        if keep:
            get_logger().info(
                "shot_predicted",
                stage="simulate",
                shot_id=shot.shot_id,
                mold_id=shot.mold_id,
                basis=basis,
                revision=shot.revision,
            )
        return prediction

    async def warm_up(self) -> None:
        """Be ready for the first shot; for some seconds on a new machine."""
        await warm_apart(self._settings.catalogue.systems)
        await asyncio.to_thread(stage.warm_up, self._catalogue.systems.values())
        gc.freeze()  # what was loaded stays: looking through it again would hold up predictions
        self._warm = True
        get_logger().info("simulation_ready", stage="simulate")

    async def _simulated(self, shot: Shot, inputs: str) -> Answer:
        """A simulation at once: it is bounded, and when cores are busy a thread costs more.

        Before the model is compiled it would hold up everything for seconds: then in a thread.
        """
        horizon_s = self._settings.shots.horizon_s
        if self._warm:
            return answer_of(shot, inputs, self._catalogue, horizon_s)
        return await asyncio.to_thread(answer_of, shot, inputs, self._catalogue, horizon_s)


def _kept_shots(states: dict[str, dict[str, Any]]) -> list[Shot]:
    """The shots to go on with; one that cannot be read is left out, and said."""
    shots = []
    for key, state in states.items():
        try:
            shots.append(Shot.model_validate(state))
        except ValidationError as error:
            get_logger().error("shot_unreadable", shot_id=key, error=str(error)[:500])
    return shots
