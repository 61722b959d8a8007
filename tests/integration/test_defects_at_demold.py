"""A model of risks alone, from ``train-ml`` to the final prediction of a shot at the press."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from broker.codec import decode, encode
from broker.messages import Prediction, ShotEvent, TelemetryFrame
from edge_agent.cli import main
from edge_agent.inference import refresh
from edge_agent.inference.entry import examined
from edge_agent.learning.tables import write_table
from tests.chaos.inside import MOLD, TOPIC, event
from tests.support.agents import settings_for
from tests.support.feature_sets import feature_set
from tests.support.models import parameters_hash
from tests.support.pipelines import feed, incoming, pipeline_on, spool_of
from tests.support.played import Standing
from twin_core.learning.columns import known_by

pytestmark = pytest.mark.xdist_group("training")
EARLY, COLD = "delta_t_demold_mold_ratio", "meas_T_core_open_C"
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
OPENED_S = 300


def feature_file(path: Path, defects_follow: bool, seed: int = 0) -> Path:
    """Random shots; a blister, if any, comes of an early opening."""
    columns = feature_set(400, 4, seed=seed)
    rng = np.random.default_rng(seed)
    count = len(columns["shot_id"])
    columns["parameters_hash"] = np.full(count, parameters_hash(), object)
    columns[EARLY] = rng.uniform(-1.0, 3.0, count)
    columns[COLD] = rng.uniform(20.0, 250.0, count)
    chance = 1.0 / (1.0 + np.exp(1.0 + 4.0 * columns[EARLY])) if defects_follow else 0.3
    columns["qc_defect_blister"] = (rng.random(count) < chance).astype(float)
    for name in columns:
        if name.startswith("qc_defect_") and name != "qc_defect_blister":
            columns[name] = np.where(np.arange(count) < 12, 1.0, 0.0)
    columns["qc_any_defect"] = np.full(count, np.nan)
    write_table(path, columns)
    return path


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def trained(folder: Path, *more: object, defects_follow: bool = True) -> Result:
    features = feature_file(folder / "features.parquet", defects_follow)
    others = [name for name in known_by("demold") if name not in {EARLY, COLD}]
    config = folder / "demold.yaml"
    config.write_text(
        json.dumps(
            {"known_at": "demold", "targets": [], "learners": ["ridge"], "leave_out": others}
        )
    )
    models = ("--out", folder / "models")
    return command("train-ml", "--features", features, "--config", config, *models, *more)


async def predictions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Prediction]:
    """Every prediction of a shot that is poured, read and opened."""
    monkeypatch.setattr(refresh, "tried", examined)
    settings = settings_for(folder, 1883)
    learning = settings.learning.model_copy(update={"models": folder / "models"})
    settings = settings.model_copy(update={"learning": learning})
    work = pipeline_on(settings, Standing(START + timedelta(hours=1)))
    await work._inference.start()

    def at(after_s: float) -> datetime:
        return START + timedelta(seconds=after_s)

    messages: list[tuple[str, ShotEvent | TelemetryFrame]] = [("shot", event("poured", START))]
    for seq, t in enumerate(range(5, OPENED_S, 10)):
        sensors = {"T_core_C": 30.0 + 0.2 * t, "p_cavity_bar": 1.0 + 0.001 * t, "T_mold_C": 40.0}
        frame = TelemetryFrame(ts=at(t), device_id="d", seq=seq, mold_id=MOLD, sensors=sensors)
        messages.append(("telemetry", frame))
    messages.append(("shot", event("demolded", at(OPENED_S))))
    await feed(work, [incoming(f"{TOPIC}/{channel}", encode(m)) for channel, m in messages])
    rows = spool_of(work).to_publish("s/p1", 10_000)
    found = [decode(Prediction, r.entry.payload) for r in rows if "prediction" in r.entry.key]
    work._spool.close()
    return found


async def test_a_model_of_risks_alone_answers_at_the_end_of_the_shot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = feature_file(tmp_path / "unseen.parquet", defects_follow=True, seed=1)
    done = trained(tmp_path, "--unseen", unseen)
    assert done.exit_code == 0, done.output
    assert "blister: better than its base rate" in done.output
    assert "unseen: blister: better than its base rate" in done.output
    assert "void: too few to learn from: 12 found of 30 needed" in done.output
    assert "any_defect: too few to learn from: 0 found of 30 needed" in done.output
    report = (tmp_path / "models" / "demold" / "1" / "report.md").read_text(encoding="utf-8")
    assert "too few to learn from" in report
    assert "in the file" in report
    models = ("--models", tmp_path / "models")
    better = command("models", "promote", "demold", 1, "--if-better", unseen, *models)
    assert better.exit_code == 0, better.output
    said = await predictions(tmp_path, monkeypatch)
    (one,) = [prediction for prediction in said if prediction.basis == "final"]
    assert one.ml_status == "ok", one.diagnostics
    assert one.correction is not None
    assert one.correction.model == "demold/1"
    assert one.correction.values == {}
    assert one.correction.defect_risk is None
    assert set(one.correction.defects) == {"blister"}
    assert 0.0 < one.correction.defects["blister"] < 1.0
    assert {p.ml_status for p in said if p.basis == "poured"} == {"missing-ml-models"}


def test_nothing_is_shown_that_is_no_better_than_the_base_rate(tmp_path: Path) -> None:
    done = trained(tmp_path, defects_follow=False)
    assert done.exit_code == 2
    assert "nothing to put into a file" in done.output
    assert "blister: no better than its base rate" in done.output
    assert "not in the file" in done.output
    assert not (tmp_path / "models").exists()
