"""infer: simulated shot -> what a learned model makes of it, beside the physics.

Features come from the functions that build a feature set, so a model sees here what it learned
from: ``tests/integration/test_no_skew.py`` compares every column.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from broker.messages import Alert, Prediction, QualityRecord
from broker.ml_status import BAD_INPUT
from broker.topics import PressAddress
from edge_agent.inference.correction import Learned, learned
from edge_agent.inference.earlier_shots import EarlierShots, State
from edge_agent.inference.serving import Entry, InUse, ModelsInUse
from edge_agent.logs import get_logger
from edge_agent.monitoring.alerts import model_refused
from edge_agent.monitoring.metrics import Metrics
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation
from twin_core import SimulationResult
from twin_core.learning.columns import LIVE_S, Known
from twin_core.learning.features import (
    NAN,
    Row,
    demold_columns,
    live_columns,
    physics_columns,
    process_columns,
)
from twin_core.learning.ranges import possible

FIRST_LOOK_S = 20.0
"""Shots wait so long at a start for the models to be loaded."""
SENSORS = ("T_core_C", "p_cavity_bar")
_MOMENT: dict[str, Known] = {"poured": "pour", "final": "demold"}


class Inference:
    """Features and models of all presses of an agent."""

    def __init__(
        self, folder: Path, metrics: Metrics, kept: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._models, self._metrics = ModelsInUse(folder), metrics
        self._earlier = EarlierShots(kept)
        self._at_pour: dict[str, Row] = {}
        self._said: dict[tuple[str, str], Learned] = {}
        """What a model for the pour said, by shot and model: it holds while the shot cures."""
        self._told = InUse()
        self._looking: asyncio.Task[InUse] | None = None

    def renew(self, folder: Path) -> None:
        """Go on with another model directory, and perhaps another catalogue."""
        if folder != self._models.folder:
            self._models = ModelsInUse(folder)
            self._look()
        self._at_pour.clear()
        self._said.clear()

    @property
    def folder_in_use(self) -> Path | None:
        """Folder of the model for the pour that is in use."""
        entry = self._models.now.serving("pour")
        if entry is None or entry.model is None:
            return None
        return self._models.folder / entry.name / str(entry.version)

    async def start(self) -> None:
        """Load what is promoted; whoever waits for it does not wait for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await asyncio.shield(self._look())

    def tick(
        self, now: datetime, presses: Iterable[PressAddress], shots: Container[str]
    ) -> list[Alert]:
        """Look for new models, beside everything else; what is new of them, for people."""
        for key in [key for key in self._at_pour if key not in shots]:
            self.forget(key)
        alerts = self._news(now, presses)
        if self._looking is None or self._looking.done():
            self._look()
        return alerts

    def poured(self, shot: Shot, simulation: ShotSimulation, state: State) -> None:
        """A shot was simulated, for the first time or again."""
        self.forget(shot.shot_key)
        if simulation.result is not None:
            self._earlier.poured(shot, _computed(simulation, simulation.result), state)

    def closed(self, shot: Shot, simulation: ShotSimulation, state: State) -> None:
        """A poured shot has ended; what it showed is known to the next ones."""
        self._earlier.closed(shot, self._row(shot, simulation, "demold") or {}, state)
        self.forget(shot.shot_key)
        shot.cure = type(shot.cure)()

    def lab(self, press: PressAddress, record: QualityRecord, state: State) -> None:
        """A quality record has come."""
        self._earlier.lab(press, record, state)

    def forget(self, key: str) -> None:
        """Nothing more will be asked of this shot, or it has changed."""
        self._at_pour.pop(key, None)
        for said in [said for said in self._said if said[0] == key]:
            del self._said[said]

    def row(self, shot: Shot, simulation: ShotSimulation, moment: Known) -> Row:
        """All columns of a shot that are known at a moment; empty without a simulation."""
        if simulation.result is None:
            return {}
        assert shot.poured_at is not None
        found = self._at_pour.get(shot.shot_key)
        if found is None:
            found = _computed(simulation, simulation.result)
            found |= self._earlier.known(shot, found)
            self._at_pour[shot.shot_key] = found
        if moment == "pour":
            return found
        cure, poured_at, closed_at = shot.cure, shot.poured_at, shot.closed_at
        T_core, p = (cure.readings(name, poured_at) for name in SENSORS)
        measured = live_columns(T_core, p)
        if moment == "live" or closed_at is None:
            return found | possible(measured)[0]
        opened = (closed_at - poured_at).total_seconds() if shot.outcome == "demolded" else NAN
        measured = possible(measured | {"meas_t_demold_actual_s": opened})[0]
        T_max, p_max = (cure.peak(name, poured_at, closed_at) for name in SENSORS)
        opened = measured["meas_t_demold_actual_s"]
        return found | measured | demold_columns(found, T_max, p_max, opened)

    def corrected(
        self, shot: Shot, simulation: ShotSimulation, prediction: Prediction
    ) -> Prediction:
        """The prediction with what models say beside the physics; the physics is untouched."""
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
        if known_at == "pour" and key in self._said:
            return self._said[key]
        system = simulation.result.scenario.system.system_id, parameters_hash
        row = self._row(shot, simulation, known_at)
        if row is None:
            return Learned(BAD_INPUT, words="the features could not be computed: see the log")
        found = learned(entry, row, system)
        if known_at == "pour":
            self._said[key] = found
        return found

    def _row(self, shot: Shot, simulation: ShotSimulation, moment: Known) -> Row | None:
        try:
            return self.row(shot, simulation, moment)
        except Exception as error:  # a feature that cannot be computed stops nothing
            get_logger().error("features_failed", stage="infer", error=str(error)[:500])
            return None

    def _look(self) -> asyncio.Task[InUse]:
        self._looking = asyncio.create_task(asyncio.to_thread(self._models.look))
        self._looking.add_done_callback(_looked)
        return self._looking

    def _news(self, now: datetime, presses: Iterable[PressAddress]) -> list[Alert]:
        in_use, told = self._models.now, self._told
        if in_use is told:
            return []
        self._told = in_use
        self._said = {said: found for said, found in self._said.items() if said[1] in in_use.labels}
        self._metrics.models(
            [(entry.name, str(entry.version)) for entry in in_use.promoted if entry.model],
            len(in_use.refused),
        )
        log = get_logger()
        if in_use.labels != told.labels:
            log.info("models_changed", stage="infer", detail=", ".join(in_use.labels) or "none")
        for words in in_use.warnings:
            log.warning("models_ambiguous", stage="infer", detail=words)
        known = {(entry.label, entry.words) for entry in told.refused}
        alerts = list[Alert]()
        for entry in in_use.refused:
            if (entry.label, entry.words) not in known:
                log.error("model_refused", stage="infer", reason=entry.label, error=entry.words)
                alerts += [model_refused(press, entry.label, entry.words, now) for press in presses]
        return alerts


def _looked(task: asyncio.Task[InUse]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        get_logger().error("models_not_read", stage="infer", error=repr(error)[:500])


def _computed(simulation: ShotSimulation, result: SimulationResult) -> Row:
    """``proc_`` and ``sim_`` columns."""
    scenario, count = result.scenario, len(simulation.substituted)
    row = possible(process_columns(scenario.process, scenario.mold, count))[0]
    return row | physics_columns(result)


def _moment(shot: Shot, prediction: Prediction) -> Known:
    if prediction.basis in _MOMENT:
        return _MOMENT[prediction.basis]
    assert shot.poured_at is not None
    live_at = shot.live_at or shot.poured_at
    return "live" if live_at - shot.poured_at >= timedelta(seconds=LIVE_S) else "pour"
