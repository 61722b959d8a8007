"""issue: which prediction of a shot is due, and its final word; they go out at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from broker.messages import Basis, Prediction
from edge_agent.clock import Clock
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.shot_alerts import opened_before_window
from edge_agent.monitoring.shot_kpis import kpis_of
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.intervals import Intervals
from edge_agent.pipeline.results import Results
from edge_agent.pipeline.revisions import Revisions
from edge_agent.pipeline.simulate import Simulations
from edge_agent.shots import scenario
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation


class Predictions:
    """Issues the predictions that a changed shot calls for."""

    def __init__(
        self,
        simulations: Simulations,
        inference: Inference,
        revisions: Revisions,
        results: Results,
        clock: Clock,
        metrics: Metrics,
        live_interval_s: float,
    ) -> None:
        """Nothing is issued yet.

        Args:
            simulations: of open shots.
            inference: learned corrections.
            revisions: counters of the presses.
            results: takes what is issued.
            clock: the agent's.
            metrics: counts.
            live_interval_s: spacing of live predictions, in the time of the press [s].
        """
        self._simulations, self._inference = simulations, inference
        self._revisions, self._results = revisions, results
        self._clock, self._metrics = clock, metrics
        self.live_interval_s = live_interval_s
        self.intervals = Intervals()
        self.is_newest: Callable[[Shot], bool] = lambda _shot: True
        """Is a shot the newest of its mold, so that its prediction is to be shown?"""

    def is_due(self, shot: Shot) -> bool:
        """True if a shot that got readings and nothing else calls for a prediction."""
        return not self._simulations.of_now(shot) or self._live_is_due(shot)

    async def of(self, shot: Shot) -> None:
        """Issue what is due of a poured shot that is not finished."""
        simulation, made = await self._simulations.of(shot)
        if made:
            self._inference.poured(shot, simulation, self._results.batch.state)
        first = shot.revision == 0
        changed = shot.predicted_inputs != simulation.inputs
        if first or (changed and shot.closed_at is None):  # an ended shot gets both, too
            shot.predicted_inputs = simulation.inputs
            self._issue(shot, simulation, "poured" if first else "live", keep=True)
        elif shot.closed_at is None and self._live_is_due(shot):
            self._issue(shot, simulation, "live", keep=False)
        if first:
            self._results.poured(shot, self._clock.now())
        if shot.closed_at is not None:
            self._end(shot, simulation)

    async def correct(self, shot: Shot, reasons: Iterable[str]) -> None:
        """Issue the final word on a finished shot again, with what came late.

        Args:
            shot: the shot.
            reasons: of ``broker.data_quality.CORRECTED``.
        """
        shot.corrected = sorted({*shot.corrected, *reasons})
        simulation, _ = await self._simulations.of(shot)
        self._metrics.corrections.inc()
        self._conclude(shot, simulation)
        get_logger().info("shot_corrected", shot_id=shot.shot_id, outcome=shot.outcome)

    def _end(self, shot: Shot, simulation: ShotSimulation) -> None:
        self._conclude(shot, simulation)
        assert shot.outcome is not None
        self._metrics.shots.labels(shot.outcome).inc()
        get_logger().info("shot_finished", shot_id=shot.shot_id, outcome=shot.outcome)

    def _conclude(self, shot: Shot, simulation: ShotSimulation) -> None:
        final = self._issue(shot, simulation, "final", keep=True)
        newest = self.is_newest(shot)
        self._results.ended(kpis_of(shot, final), shot, self._clock.now(), newest=newest)
        early = opened_before_window(shot, final, self._clock.now())
        if early is not None:
            self._results.alert(early)
        if not shot.finished or not shot.cure.is_empty:
            self._inference.closed(shot, simulation, self._results.batch.state, self._clock.now())
        shot.finished, shot.final_of = True, shot.facts()
        self._simulations.forget(shot)

    def _live_is_due(self, shot: Shot) -> bool:
        newest = _newest(shot)
        if newest is None or shot.live_at is None:
            return newest is not None
        return newest - shot.live_at >= timedelta(seconds=self.live_interval_s)

    def _issue(
        self, shot: Shot, simulation: ShotSimulation, basis: Basis, *, keep: bool
    ) -> Prediction:
        shot.revision = self._revisions.take(shot.address)
        shot.live_at = _newest(shot) or shot.poured_at
        now = self._clock.now()
        if simulation.result is None:
            assert simulation.problem is not None
            prediction = scenario.hold(shot, simulation.problem, basis, now)
        else:
            assert simulation.facts is not None
            interval = self.intervals.of(simulation.result, simulation.facts.parameters_hash)
            prediction = scenario.predict(
                *(shot, simulation.result, simulation.substituted, simulation.rho_free_rise),
                *(simulation.facts, basis, now, interval),
            )
        state = self._results.batch.state
        prediction, alerts = self._inference.corrected(shot, simulation, prediction, state)
        self._results.prediction(prediction, keep=keep, show=self.is_newest(shot))
        for alert in alerts:
            self._results.alert(alert)
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


def _newest(shot: Shot) -> datetime | None:
    return max((reading.ts for reading in shot.latest.values()), default=None)
