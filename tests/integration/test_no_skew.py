"""The press and the training see the same columns, shot by shot, also over a restart."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.codec import encode
from broker.messages import Prediction, PressEvent, TelemetryFrame
from broker.timestamps import parse_timestamp
from edge_agent.config.catalogue import load_catalogue
from edge_agent.config.parameter_set_store import promote
from edge_agent.config.settings import Settings
from edge_agent.history.read import open_sqlite
from edge_agent.learning.feature_set import Builder
from edge_agent.logged_shots.from_history import from_history
from edge_agent.pipeline.infer import Inference
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation
from edge_agent.shots.timed_messages import TimedMessage
from edge_agent.virtual_plant.shots import VirtualShot
from tests.support.case_press import Arrival
from tests.support.parameter_sets import SYSTEM, made_set, written
from tests.support.pipelines import feed, incoming, pipeline_on
from tests.support.played import deliver, messages_of, settings_for, virtual_plant
from twin_core.learning.columns import COLUMNS, known_by
from twin_core.learning.features import Row

SHOTS = 40
SHAPES = (
    *("meas_T_core_t_half_s", "meas_T_core_slope_max_C_per_s", "meas_T_core_cooling_C_per_s"),
    *("meas_core_over_mold_open_K", "meas_p_120_bar", "meas_p_kept_ratio", "meas_p_area_bar_s"),
    *("delta_T_core_t_half_s", "delta_p_t_half_s", "delta_t_demold_min_ratio"),
)
"""Columns of the curves, most of them from readings that the press has thinned out."""
RTOL = 2e-4
"""Many shots at once are simulated with a coarser tolerance than one; the rest is exact."""


def awkward(number: int, shot: VirtualShot) -> VirtualShot:
    """A laboratory that does not always name the mold, a press that says things twice, and a probe
    that still holds the heat of the part before.
    """
    quality = shot.quality
    if quality is not None and number % 3 == 0:
        message = quality.message.model_copy(update={"mold_id": None})
        quality = TimedMessage(quality.ts, message)
    twice = [message for message in shot.messages for _ in range(1 + (number % 4 == 0))]
    if number % 5 == 0:
        twice += hot_probe(shot)
    return replace(shot, messages=twice, quality=quality)


def hot_probe(shot: VirtualShot) -> list[TimedMessage]:
    """Frames of the first moments of a shot, with a core that cools from 150 °C."""
    (poured,) = [m.ts for m in shot.messages if getattr(m.message, "event", "") == "poured"]
    frame = next(m.message for m in shot.messages if isinstance(m.message, TelemetryFrame))
    found = []
    for t_s, T_core_C in ((0.11, 150.0), (0.22, 149.0), (0.33, 148.0)):
        ts = poured + timedelta(seconds=t_s)
        found.append(
            TimedMessage(ts, frame.model_copy(update={"ts": ts, "sensors": {"T_core_C": T_core_C}}))
        )
    return found


class Seen:
    """Rows as the press computes them, by moment and shot."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pour: dict[str, Row] = {}
        self.demold: dict[str, Row] = {}
        corrected, closed = Inference.corrected, Inference.closed

        def with_pour(
            inference: Inference,
            shot: Shot,
            simulation: ShotSimulation,
            prediction: Prediction,
            *more: Any,
        ) -> Any:
            if prediction.basis == "poured":
                self.pour[shot.shot_id] = dict(inference.rows.row(shot, simulation, "pour"))
            return corrected(inference, shot, simulation, prediction, *more)

        def with_demold(
            inference: Inference, shot: Shot, simulation: ShotSimulation, *more: Any
        ) -> None:
            self.demold[shot.shot_id] = inference.rows.row(shot, simulation, "demold")
            closed(inference, shot, simulation, *more)

        monkeypatch.setattr(Inference, "corrected", with_pour)
        monkeypatch.setattr(Inference, "closed", with_demold)


def promote_a_set(settings: Settings) -> Settings:
    """The settings with a parameter set in use for the first mold, which turns everything."""
    catalogue = load_catalogue(settings)
    numbers = {
        "T_mold_offset_C": 1.5,
        "T_core_offset_C": -2.0,
        "p_cavity_offset_bar": 0.02,
        "heat_transfer_factor": 1.2,
        "vent_area_factor": 0.9,
        "cavity_volume_factor": 1.01,
    }
    folder = settings.spool.path.parent / "parameter_sets"
    written(folder, made_set(0.9, {min(catalogue.molds): numbers}))
    promote(folder, SYSTEM, 1, catalogue.systems, catalogue.molds)
    folders = settings.catalogue.model_copy(update={"parameter_sets": folder})
    return settings.model_copy(update={"catalogue": folders})


@pytest.mark.peers
@pytest.mark.parametrize("calibrated", [False, True])
async def test_columns_of_the_press_are_those_of_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calibrated: bool
) -> None:
    seen, plant = Seen(monkeypatch), virtual_plant(SHOTS)
    settings = settings_for(tmp_path, plant)
    if calibrated:
        settings = promote_a_set(settings)
    shots = [awkward(number, shot) for number, shot in enumerate(plant.shots())]
    messages = messages_of(settings, shots)
    (press,) = settings.addresses()
    for at, kind in ((len(messages) // 3, "cleaning"), (len(messages) * 2 // 3, "maintenance")):
        ts = json.loads(messages[at].payload)["ts"]
        event = PressEvent.model_validate({"ts": ts, "event": kind})
        messages.insert(at, incoming(settings.topics.event(press), encode(event)))
    half = len(messages) // 2
    for part in (messages[:half], messages[half:]):  # a restart, in the middle of a shot
        clock = Arrival()
        work = pipeline_on(settings, clock)
        for message in part:
            clock.time = parse_timestamp(json.loads(message.payload)["ts"])
            await feed(work, [message])
        await deliver(work, settings)
        work._spool.close()
    reader, builder = open_sqlite(settings.history.path), Builder(load_catalogue(settings))
    await from_history(reader, builder.take, take_event=builder.take_event)
    await reader.close()
    built = builder.finish("test").columns
    assert len(set(built["parameters_hash"])) == 1 + calibrated
    assert len(built["shot_id"]) == len(shots) == len(seen.pour) == len(seen.demold)
    assert sum(not math.isnan(v) for v in built["prev_rho_moulded_mean8"]) > SHOTS / 3
    assert min(built["prev_p_max_since"][-5:]) < 10, "an event begins anew"
    assert sum(not math.isnan(v) for v in built["meas_T_core_slope_0_60_C_per_s"]) > SHOTS / 2
    for name in SHAPES:
        assert sum(not math.isnan(v) for v in built[name]) > SHOTS / 2, name
    for moment, rows in (("pour", seen.pour), ("demold", seen.demold)):
        for number, shot_id in enumerate(built["shot_id"]):
            expected = {name: float(built[name][number]) for name in COLUMNS}
            found = rows[shot_id]
            assert set(found) == set(known_by(moment)), moment
            for name, value in found.items():
                exact = name.startswith(("proc_", "meas_")) or name.endswith(("_count", "_pause_s"))
                near = {"rel": 1e-12, "abs": 0.0} if exact else {"rel": RTOL, "abs": RTOL}
                same = pytest.approx(expected[name], **near, nan_ok=True)
                assert value == same, (moment, shot_id, name)
