"""Changed shots: which answers are due of shots that messages, or time, have changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from broker.messages import ShotEvent
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.shot_alerts import no_pour, too_many_shots
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.corrections import Corrections
from edge_agent.pipeline.issue import Predictions
from edge_agent.pipeline.kept_shots import horizon_state
from edge_agent.pipeline.results import Results
from edge_agent.shots.named_shots import NamedShots
from edge_agent.shots.shot import Shot


class ChangedShots:
    """Answers of the shots that the assembler follows: issued, corrected, or given up."""

    def __init__(
        self,
        kept: Iterable[Shot],
        assembler: Assembler,
        predictions: Predictions,
        named: NamedShots,
        results: Results,
        have_number: Callable[[Shot], Awaitable[None]],
        watch: Watch,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """Go on with shots.

        Args:
            kept: shots of the spool: a result that was not corrected before the agent ended is due.
            have_number: waits until there is a number for the next prediction of a shot.
            watch: of the pipeline.
        """
        self._assembler, self._predictions = assembler, predictions
        self._named, self._results = named, results
        self._have_number, self._watch = have_number, watch
        self._metrics, self._clock = metrics, clock
        self._corrections = Corrections(kept)

    async def answer(
        self, shot: Shot, *, by_readings: bool, event: ShotEvent | None = None
    ) -> None:
        """Issue what is due of a shot that has changed.

        Args:
            shot: the shot.
            by_readings: nothing but readings changed it.
            event: the event that changed it, if one did.
        """
        batch = self._results.batch
        if shot.finished and shot.revision and shot.closed_at is not None:
            batch.changed(shot, urgent=False)
            if self._corrections.changed(shot, event) and not by_readings:
                await self._correct(shot)
            return
        if shot.finished and shot.poured_at is None:
            batch.changed(shot, urgent=False)
            return
        shot.finished = False  # the pour was reported after the end, or the end was another's
        if shot.poured_at is not None:
            if not by_readings or self._predictions.is_due(shot):
                await self._predict(shot, event)
            self._named.poured(shot, batch.state)
        elif shot.closed_at is not None:
            shot.finished = True
            assert shot.outcome is not None
            self._metrics.shots.labels(shot.outcome).inc()
            self._results.alert(no_pour(shot, self._clock.now()))
        self._results.batch.changed(shot, urgent=not by_readings)

    async def correct(self, may_end: Callable[[PressAddress], bool]) -> None:
        """Issue the results again that readings have changed since, on these presses."""
        for shot in self._corrections.waiting():
            if may_end(shot.address):
                await self._correct(shot)

    def say_again(self, shot: Shot) -> None:
        """Let the last word on a shot be issued anew."""
        if shot.finished:
            self._corrections.again(shot)
        else:
            shot.predicted_inputs = None

    def report_crowds(self) -> None:
        """Tell of presses with too many open shots, and forget what no message will reach."""
        crowded, self._assembler.crowded = self._assembler.crowded, []
        left_over, self._assembler.left_over = self._assembler.left_over, []
        for shot in crowded:
            self._results.alert(too_many_shots(shot, self._clock.now()))
        for shot in left_over:
            self.forget(shot)

    def forget(self, shot: Shot) -> None:
        """Forget a shot; only the history needs to know it."""
        self._corrections.take(shot)
        self._results.batch.forget(shot)
        key = shot.address, shot.mold_id
        if key in self._assembler.horizon:
            self._results.batch.state |= horizon_state(key, self._assembler.horizon[key])

    async def _predict(self, shot: Shot, event: ShotEvent | None) -> None:
        self._watch.progress()
        await self._have_number(shot)
        was_stored = shot.revision > 0
        await self._predictions.of(shot)
        if was_stored and shot.closed_at is None and event in shot.events:
            self._results.poured(shot, self._clock.now())  # its start came late

    async def _correct(self, shot: Shot) -> None:
        reasons = self._corrections.take(shot)
        gone = shot.shot_key not in self._assembler.shots
        if gone or shot.closed_at is None or shot.poured_at is None:
            return  # another agent has it, or its end was another's
        await self._have_number(shot)
        await self._predictions.correct(shot, reasons)
        self._results.batch.changed(shot, urgent=True)
