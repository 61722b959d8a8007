"""infer: simulated shot -> the correction of a learned model, beside the physics."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from broker.messages import Alert, Prediction, PressEvent, QualityRecord
from broker.ml_status import BAD_INPUT
from broker.topics import PressAddress
from edge_agent.inference.correction import Learned, learned
from edge_agent.inference.earlier_shots import State
from edge_agent.inference.entry import Entry
from edge_agent.inference.feature_row import FeatureRows
from edge_agent.inference.refresh import ModelRefresh
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.monitoring.alerts import model_refused
from edge_agent.monitoring.metrics import Metrics
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
    ) -> None:
        self._models, self._metrics = ModelRefresh(folder, metrics, trusted), metrics
        self.rows = FeatureRows(kept, happened)
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
        refused, labels = self._models.tick(), self._models.now.labels
        self._at_pour = {key: found for key, found in self._at_pour.items() if key[1] in labels}
        return [
            model_refused(press, entry.label, entry.words, now)
            for entry in refused
            for press in presses
        ]

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
        self, shot: Shot, simulation: ShotSimulation, prediction: Prediction
    ) -> Prediction:
        """Add the corrections of models to a prediction; its physics is untouched."""
        with self._metrics.stage_seconds.labels("infer").time():
            in_use, moment = self._models.now, _moment(shot, prediction)
            parameters_hash = prediction.versions.parameters_hash
            found = self._ask(shot, simulation, moment, in_use.serving(moment), parameters_hash)
            shadow, beside = in_use.compared(moment), Learned()
            if shadow is not None:
                beside = self._ask(shot, simulation, moment, shadow, parameters_hash)
        self._metrics.ml_status.labels(found.ml_status).inc()
        model = None if found.correction is None else found.correction.model
        return prediction.model_copy(
            update={
                "ml_status": found.ml_status,
                "correction": found.correction,
                "shadow": beside.correction,
                "diagnostics": [*prediction.diagnostics, *found.diagnostics],
                "versions": prediction.versions.model_copy(update={"model": model}),
            }
        )

    def _ask(
        self,
        shot: Shot,
        simulation: ShotSimulation,
        moment: Known,
        entry: Entry | None,
        parameters_hash: str,
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
        found = learned(entry, row, system)
        if known_at == "pour":
            self._at_pour[key] = found
        return found


def _moment(shot: Shot, prediction: Prediction) -> Known:
    """Moment whose knowledge a prediction may use."""
    if prediction.basis in _MOMENT:
        return _MOMENT[prediction.basis]
    assert shot.poured_at is not None
    live_at = shot.live_at or shot.poured_at
    return "live" if live_at - shot.poured_at >= timedelta(seconds=LIVE_S) else "pour"
