"""infer: simulated shot -> the correction of a learned model, beside the physics."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from broker.messages import Alert, Prediction, PressEvent, QualityRecord
from broker.messages.prediction import IntervalRecord
from broker.ml_status import BAD_INPUT, NO_MODEL
from broker.topics import PressAddress
from edge_agent.inference.correction import Learned, learned
from edge_agent.inference.earlier_shots import State
from edge_agent.inference.entry import Entry
from edge_agent.inference.feature_row import FeatureRows
from edge_agent.inference.refresh import ModelRefresh
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.monitoring.alerts import model_refused
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.shot_alerts import corrections_missing
from edge_agent.monitoring.uncorrected import UncorrectedMolds
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation
from twin_core.learning.columns import LIVE_S, Known

_MOMENT: dict[str, Known] = {"poured": "pour", "final": "demold"}


class Inference:
    """Features and models of all presses of an agent."""

    def __init__(
        self,
        folder: Path,
        metrics: Metrics,
        kept: Iterable[Mapping[str, Any]] = (),
        trusted: Sequence[Path] = (),
        happened: Iterable[Mapping[str, Any]] = (),
        intervals: Mapping[str, Mapping[str, Any]] | None = None,
        uncorrected: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Go on from what was kept on disk.

        Args:
            folder: the model directory.
            metrics: counts.
            kept: rows of earlier shots.
            trusted: keys of whom to trust.
            happened: events of presses.
            intervals: what was seen of corrections, by press and mold.
            uncorrected: molds without corrections, by press and mold.
        """
        self.uncorrected = UncorrectedMolds(uncorrected)
        self.no_corrections_h = 24.0
        self._models, self._metrics = ModelRefresh(folder, metrics, trusted), metrics
        self.rows = FeatureRows(kept, happened, intervals)
        self._at_pour: dict[tuple[str, str], Learned] = {}
        """Corrections at the pour, by shot and model: they hold while the shot cures."""

    def renew(self, folder: Path, trusted: Sequence[Path] = ()) -> None:
        """Go on with another model directory or other keys, and perhaps another catalogue."""
        self._models.renew(folder, trusted)
        self.rows.clear()
        self._at_pour.clear()

    @property
    def folder_in_use(self) -> Path | None:
        """Folder of the model for the pour that is in use."""
        return self._models.folder_in_use

    async def start(self) -> None:
        """Load the promoted models, and wait for them for a while."""
        await self._models.start()

    def tick(
        self, now: datetime, presses: Iterable[PressAddress], shots: Container[str]
    ) -> list[Alert]:
        """Refresh the models beside the event loop; alerts for those that are newly refused."""
        for key in self.rows.others(shots):
            self.forget(key)
        presses = list(presses)
        refused, labels = self._models.tick(), self._models.now.labels
        self._at_pour = {key: found for key, found in self._at_pour.items() if key[1] in labels}
        self._metrics.intervals(self._records(presses))
        return [
            model_refused(press, entry.label, entry.words, now)
            for entry in refused
            for press in presses
        ]

    def _records(
        self, presses: Iterable[PressAddress]
    ) -> Iterator[tuple[str, str, str, IntervalRecord]]:
        """How intervals have held, by press, mold and target."""
        intervals = self.rows.earlier.intervals
        for press in presses:
            for mold in intervals.of_press(press):
                for name, record in intervals.records(mold).items():
                    yield press.press, mold[1], name, record

    def poured(self, shot: Shot, simulation: ShotSimulation, state: State) -> None:
        """Report a shot that was simulated, for the first time or again."""
        self.forget(shot.shot_key)
        self.rows.poured(shot, simulation, state)

    def closed(
        self,
        shot: Shot,
        simulation: ShotSimulation,
        state: State,
        received_at: datetime | None = None,
    ) -> None:
        """Report the end of a poured shot; the next ones may know its results from then on."""
        self.rows.closed(shot, simulation, state, received_at)
        self.forget(shot.shot_key)
        shot.cure = type(shot.cure)()

    def lab(
        self,
        press: PressAddress,
        record: QualityRecord,
        state: State,
        received_at: datetime | None = None,
    ) -> None:
        """Report a quality record, known from ``received_at`` on."""
        self.rows.lab(press, record, state, received_at)

    def happened(
        self, press: PressAddress, event: PressEvent, state: State, received_at: datetime
    ) -> None:
        """Report a thing that was done to a press, known from ``received_at`` on."""
        self.rows.earlier.happened(LoggedEvent.of(press, event, received_at), state)

    def forget(self, key: str) -> None:
        """Drop what is kept of a shot that has changed or is over."""
        self.rows.forget(key)
        for known in [known for known in self._at_pour if known[0] == key]:
            del self._at_pour[known]

    def corrected(
        self, shot: Shot, simulation: ShotSimulation, prediction: Prediction, state: State
    ) -> tuple[Prediction, list[Alert]]:
        """Add the corrections of models to a prediction; its physics is untouched.

        Args:
            shot: the shot.
            simulation: of it.
            prediction: by the physics.
            state: takes what is to be kept.

        Returns:
            The prediction, and what people must hear.
        """
        with self._metrics.stage_seconds.labels("infer").time():
            in_use, moment = self._models.now, _moment(shot, prediction)
            parameters_hash = prediction.versions.parameters_hash
            found = self._ask(
                shot, simulation, moment, in_use.serving(moment), parameters_hash, state
            )
            shadow, beside = in_use.compared(moment), Learned()
            if shadow is not None:
                beside = self._ask(shot, simulation, moment, shadow, parameters_hash)
        self._metrics.ml_status.labels(found.ml_status).inc()
        for name, reason in found.reasons.items():
            self._metrics.ml_reasons.labels(name, reason).inc()
        model = None if found.correction is None else found.correction.model
        corrected = prediction.model_copy(
            update={
                "ml_status": found.ml_status,
                "correction": found.correction,
                "shadow": beside.correction,
                "diagnostics": [*prediction.diagnostics, *found.diagnostics],
                "versions": prediction.versions.model_copy(update={"model": model}),
            }
        )
        if prediction.basis != "poured":
            return corrected, []
        return corrected, self._noted(shot, found, prediction.issued_at, state)

    def _noted(self, shot: Shot, found: Learned, now: datetime, state: State) -> list[Alert]:
        """Take note whether the mold gets corrections."""
        assert shot.poured_at is not None
        values = found.correction is not None and bool(found.correction.values)
        news = self.uncorrected.poured(
            shot.address,
            shot.mold_id,
            shot.poured_at,
            state,
            corrected=values or found.ml_status == NO_MODEL,
            after=timedelta(hours=self.no_corrections_h),
        )
        if news is None:
            return []
        words = found.words or (found.correction.words if found.correction else None) or ""
        return [corrections_missing(shot, *news, found.ml_status, words, now)]

    def _ask(
        self,
        shot: Shot,
        simulation: ShotSimulation,
        moment: Known,
        entry: Entry | None,
        parameters_hash: str,
        state: State | None = None,
    ) -> Learned:
        if entry is None or entry.model is None:
            return learned(entry, {}, ("", ""))
        if simulation.result is None:
            return Learned(BAD_INPUT)
        known_at = entry.known_at or moment
        key = shot.shot_key, entry.label
        if known_at == "pour" and key in self._at_pour:
            return self._at_pour[key]
        system = simulation.result.scenario.system.system_id, parameters_hash
        row = self.rows.row_or_none(shot, simulation, known_at)
        if row is None:
            return Learned(BAD_INPUT, words="the features could not be computed: see the log")
        if known_at != "pour":
            return learned(entry, row, system)
        if state is None:  # in shadow: nobody has seen its answers
            found = learned(entry, row, system)
        else:
            found = learned(entry, row, system, *self.rows.earlier.seen(shot))
            self.rows.earlier.said(shot, found.said, found.coverage, state)
        self._at_pour[key] = found
        return found


def _moment(shot: Shot, prediction: Prediction) -> Known:
    """Moment whose knowledge a prediction may use."""
    if prediction.basis in _MOMENT:
        return _MOMENT[prediction.basis]
    assert shot.poured_at is not None
    live_at = shot.live_at or shot.poured_at
    return "live" if live_at - shot.poured_at >= timedelta(seconds=LIVE_S) else "pour"
