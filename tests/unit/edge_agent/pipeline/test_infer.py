"""Learned corrections at the press: beside the physics, and never in its way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from broker.codec import decode, encode
from broker.messages import Alert, Prediction, QualityRecord, ShotEvent, TelemetryFrame
from broker.ml_status import ML_STATUS
from edge_agent.config.catalogue import load_catalogue
from edge_agent.inference import refresh
from edge_agent.inference.entry import examined
from edge_agent.inference.manifest import MANIFEST, MODEL, STATE
from edge_agent.inference.registry import ModelRegistry
from edge_agent.inference.seen_intervals import INTERVALS_SCOPE
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.chaos.inside import MOLD, TOPIC, event
from tests.support.agents import settings_for
from tests.support.models import model_file, registry_with
from tests.support.odd_graphs import with_file
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on, spool_of
from tests.support.played import Standing
from tests.support.processes import ROOT
from twin_core.errors import ModelError
from twin_core.learning.inference import Model

pytestmark = pytest.mark.xdist_group("training")  # models are trained once

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
T = TypeVar("T", Prediction, Alert)
DENSITY = "rho_moulded_kg_per_m3"


class Press:
    """A pipeline without a broker."""

    def __init__(self, folder: Path) -> None:
        settings = settings_for(folder, 1883)
        learning = settings.learning.model_copy(update={"models": folder / "models"})
        self.settings = settings.model_copy(update={"learning": learning})
        self.metrics = Metrics()
        self.work: Pipeline | None = None
        self.hours = 7.0
        self.restart()

    def restart(self) -> None:
        """A new life on the same spool."""
        if self.work is not None:
            self.work._spool.close()
        self.clock = Standing(START + timedelta(hours=self.hours))
        self.work = pipeline_on(self.settings, self.clock, self.metrics)

    def later(self, hours: float) -> None:
        """Let time pass: so many hours after the first shot."""
        self.hours = hours
        self.clock._at = START + timedelta(hours=hours)

    async def look(self) -> None:
        """What a tick does, waited for."""
        assert self.work is not None
        await self.work._inference.start()
        await self.work.tick()

    def incoming(self, message: ShotEvent | TelemetryFrame) -> Incoming:
        channel = "shot" if isinstance(message, ShotEvent) else "telemetry"
        return incoming(f"{TOPIC}/{channel}", encode(message))

    async def told(self, *messages: ShotEvent | TelemetryFrame) -> Prediction:
        """Send, and the last prediction."""
        assert self.work is not None
        await feed(self.work, [self.incoming(message) for message in messages], at_once=1)
        return self.published("prediction", Prediction)[-1]

    def published(self, kind: str, model: type[T]) -> list[T]:
        assert self.work is not None
        rows = spool_of(self.work).to_publish("s/p1", 10_000)
        return [decode(model, row.entry.payload) for row in rows if row.entry.key.startswith(kind)]

    def sample(self, metric: str, /, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(metric, labels)


@pytest.fixture
def press(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Press]:
    """Models are loaded at once, without a trial in a process of its own: that takes a second."""
    monkeypatch.setattr(refresh, "tried", examined)
    press = Press(tmp_path)
    yield press
    assert press.work is not None
    press.work._spool.close()


def pour(shot_id: str = "s1", after_s: float = 0.0) -> ShotEvent:
    return event("poured", START + timedelta(seconds=after_s), shot_id)


def reading(after_s: float) -> TelemetryFrame:
    return TelemetryFrame(
        ts=START + timedelta(seconds=after_s),
        device_id="d",
        seq=int(after_s),
        mold_id=MOLD,
        sensors={"T_core_C": 30.0 + after_s / 10},
    )


async def test_a_correction_stands_beside_the_physics(press: Press, tmp_path: Path) -> None:
    alone = await press.told(pour())
    assert (alone.ml_status, alone.correction) == ("missing-ml-models", None)
    registry_with(tmp_path / "models", {"pour": model_file()})
    await press.look()
    both = await press.told(pour("s2", 300.0))
    assert both.ml_status == "ok"
    assert both.versions.model == "pour/1"
    found = both.correction
    assert found is not None
    assert found.in_domain
    assert found.words is None
    assert set(found.values) == set(found.intervals)
    assert found.intervals[DENSITY].low < found.values[DENSITY] < found.intervals[DENSITY].high
    assert found.intervals[DENSITY].coverage == 0.9
    assert found.defect_risk is not None
    assert "void" in found.defects
    same = {"kpis", "t_demold_min_s", "t_demold_opt_s", "status", "quality_status", "defect_risk"}
    assert both.model_dump(include=same) == alone.model_dump(include=same)
    assert press.sample("pur_ml_status_total", code="ok") == 2, "the first one was superseded"
    assert press.sample("pur_model_loaded", name="pour", version="1") == 1
    assert press.sample("pur_stage_seconds_count", stage="infer") == 3


def rewrite(registry: ModelRegistry, content: bytes) -> None:
    """Another file in place of version 1, and its hash."""
    folder = registry.folder / "pour" / "1"
    (folder / MODEL).write_bytes(content)
    manifest = yaml.safe_load((folder / MANIFEST).read_text())
    manifest |= {"sha256": sha256(content).hexdigest(), "bytes_count": len(content)}
    (folder / MANIFEST).write_text(yaml.safe_dump(manifest))


def other_hash(registry: ModelRegistry) -> None:
    (registry.folder / "pour" / "1" / MODEL).write_bytes(model_file(seed=1))


def foreign(registry: ModelRegistry) -> None:
    import onnx
    from onnx import helper

    graph = helper.make_graph([], "nothing", [], [])
    rewrite(registry, onnx.ModelProto.SerializeToString(helper.make_model(graph)))


def no_file(registry: ModelRegistry) -> None:
    (registry.folder / "pour" / "1" / MODEL).unlink()


def folder_in_place(registry: ModelRegistry) -> None:
    no_file(registry)
    (registry.folder / "pour" / "1" / MODEL).mkdir()


def fifo_in_place(registry: ModelRegistry, name: str = MODEL) -> None:
    path = registry.folder / "pour" / "1" / name
    path.unlink()
    os.mkfifo(path)


BAD: dict[str, tuple[Callable[[ModelRegistry], object], str]] = {
    "corrupt": (lambda registry: rewrite(registry, model_file()[:3000]), "not a usable ONNX file"),
    "empty": (lambda registry: rewrite(registry, b""), "bytes_count"),
    "foreign": (foreign, "not a"),
    "another file": (other_hash, "its hash differs"),
    "wrong physics": (
        lambda registry: rewrite(registry, model_file(physics_hash="0" * 16)),
        "it corrects physics",
    ),
    "reads another file": (
        lambda registry: rewrite(registry, with_file(model_file(), "secret.txt")),
        "its numbers are in another file (external data)",
    ),
    "no file": (no_file, "no such file"),
    "a folder": (folder_in_place, "is a folder, not a regular file"),
    "a FIFO": (fifo_in_place, "is a FIFO or a pipe, not a regular file"),
    "a FIFO as manifest": (
        lambda registry: fifo_in_place(registry, MANIFEST),
        "manifest.yaml: is a FIFO or a pipe",
    ),
    "damaged manifest": (
        lambda registry: (registry.folder / "pour" / "1" / MANIFEST).write_text("name: ["),
        "manifest.yaml",
    ),
    "damaged state": (
        lambda registry: (registry.folder / "pour" / STATE).write_text("promoted: many"),
        "promoted",
    ),
    "no version": (
        lambda registry: (registry.folder / "pour" / STATE).write_text("promoted: 7"),
        "no version 7",
    ),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_file_stops_nothing(press: Press, tmp_path: Path, kind: str) -> None:
    spoil, words = BAD[kind]
    registry = registry_with(tmp_path / "models", {"pour": model_file()})
    await press.look()
    assert (await press.told(pour())).ml_status == "ok"
    spoil(registry)
    await press.look()
    found = await press.told(pour("s2", 300.0))
    assert (found.ml_status, found.status) == ("ml-error", "predicted")
    assert (found.correction, found.versions.model) == (None, None)
    (diagnostic,) = [d for d in found.diagnostics if d.code == "NOT_CORRECTED"]
    assert words in diagnostic.words
    await press.look()
    (alert,) = press.published("alert", Alert)
    assert (alert.code, alert.severity) == ("ml-model-refused", "warning")
    assert words in alert.words
    assert press.sample("pur_models_refused") == 1
    assert press.sample("pur_model_loaded", name="pour", version="1") is None


async def test_an_oversized_file(
    press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry_with(tmp_path / "models", {"pour": model_file()})
    monkeypatch.setattr("twin_core.learning.inference.BYTES_MAX", 1000)
    await press.look()
    found = await press.told(pour())
    assert found.ml_status == "ml-error"
    assert "more than 1000" in found.diagnostics[-1].words


async def test_without_the_library(
    press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry_with(tmp_path / "models", {"pour": model_file()})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    await press.look()
    assert (await press.told(pour())).ml_status == "missing-ml-extras"


@pytest.mark.parametrize("error", [RuntimeError("kaput"), ModelError("kaput"), MemoryError()])
async def test_a_model_that_fails_at_work(
    press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    registry_with(tmp_path / "models", {"pour": model_file()})
    await press.look()
    monkeypatch.setattr(Model, "predict", broken)
    found = await press.told(pour())
    assert (found.ml_status, found.status) == ("ml-error", "predicted")


async def test_a_feature_that_is_missing(press: Press, tmp_path: Path) -> None:
    registry_with(tmp_path / "models", {"demold": model_file("demold", may_miss=False)})
    await press.look()
    assert (await press.told(pour())).ml_status == "missing-ml-models", "none for the pour"
    found = await press.told(event("demolded", START + timedelta(seconds=300)))
    assert found.ml_status == "withheld", "nothing is remembered, either"
    assert found.correction is not None
    assert not found.correction.values
    assert found.correction.reasons[DENSITY] == "no-results"
    assert "meas_T_core_avg_0_120_C is missing" in (found.correction.words or "")
    reasons = press.sample("pur_ml_reasons_total", target="rho_moulded", reason="no-results")
    assert reasons == 1


async def test_a_shot_that_is_not_like_the_others(press: Press, tmp_path: Path) -> None:
    registry_with(tmp_path / "models", {"pour": model_file(domain=(-1.0, 1.0))})
    await press.look()
    found = await press.told(pour())
    assert found.ml_status == "withheld"
    assert found.correction is not None
    assert found.correction.values == {}
    assert "drawn to the memory: proc_T_ambient_C is 23" in (found.correction.words or "")
    await press.told(event("demolded", START + timedelta(seconds=300)))
    await feed(press.work, [incoming(f"{TOPIC}/quality", encode(record()))])  # type: ignore[arg-type]
    press.later(9.0)
    found = await press.told(pour("s2", 30_000.0))
    assert found.ml_status == "memory-only"
    assert found.correction is not None
    assert not found.correction.in_domain
    assert set(found.correction.layers.values()) == {"memory"}
    assert found.correction.reasons[DENSITY] == "outside-range"
    assert found.kpis is not None
    assert found.correction.values[DENSITY] != found.kpis.rho_moulded_kg_per_m3


def record(shot_id: str = "s1", rho: float = 84.0, after_h: float = 6.0) -> QualityRecord:
    ts = START + timedelta(hours=after_h)
    return QualityRecord(ts=ts, shot_id=shot_id, rho_moulded_kg_per_m3=rho)


async def test_results_are_held_against_what_was_said_once(press: Press, tmp_path: Path) -> None:
    registry_with(tmp_path / "models", {"pour": model_file()})
    await press.look()
    assert press.work is not None
    await press.told(pour(), event("demolded", START + timedelta(seconds=300)))
    quality = incoming(f"{TOPIC}/quality", encode(record()))
    await feed(press.work, [quality, quality])
    press.restart()
    await press.look()
    assert press.work is not None
    await feed(press.work, [quality])
    later = record().model_copy(update={"ts": START + timedelta(hours=6.5)})
    await feed(press.work, [incoming(f"{TOPIC}/quality", encode(later))])
    press.later(9.0)
    found = (await press.told(pour("s2", 30_000.0))).correction
    assert found is not None
    assert found.records[DENSITY].results_count == 1
    (states,) = spool_of(press.work).state(INTERVALS_SCOPE).values()
    assert states["rho_moulded"]["count"] == 1
    await press.look()
    of_mold = {"press": "p1", "mold": MOLD, "target": "rho_moulded"}
    assert press.sample("pur_interval_results", **of_mold) == 1
    inside = press.sample("pur_interval_inside_ratio", **of_mold)
    assert inside == found.records[DENSITY].inside_share


async def test_a_mold_without_corrections_is_told_once_and_ends_by_itself(
    press: Press, tmp_path: Path
) -> None:
    registry = registry_with(tmp_path / "models", {"pour": model_file(domain=(-1.0, 1.0))})
    await press.look()
    press.later(60.0)
    for number in range(4):
        await press.told(pour(f"s{number}", 3600.0 * 8.1 * number))
        if number == 1:
            press.restart()
            await press.look()
    alerts = press.published("alert", Alert)
    (alert,) = [one for one in alerts if one.code == "no-corrections"]
    assert (alert.severity, alert.mold_id) == ("warning", MOLD)
    assert "4 shots" in alert.words
    assert "drawn to the memory" in alert.words
    registry.add("pour", model_file(), START, {})
    registry.promote("pour", 2)
    await press.look()
    await press.told(pour("s9", 3600.0 * 50))
    assert "corrections-again" in [one.code for one in press.published("alert", Alert)]
    assert press.work is not None
    assert not press.work.open_alerts.open_of(PRESS, "no-corrections")


async def test_another_material(press: Press, tmp_path: Path) -> None:
    systems = {"SYSTEM_R1": "0123456789abcdef"}
    registry_with(tmp_path / "models", {"pour": model_file(systems=systems)})
    await press.look()
    found = (await press.told(pour())).correction
    assert found is not None
    assert "saw other parameters of it" in (found.words or "")


async def test_a_shot_that_cannot_be_simulated(press: Press, tmp_path: Path) -> None:
    registry_with(tmp_path / "models", {"pour": model_file()})
    await press.look()
    found = await press.told(pour().model_copy(update={"mold_id": "UNKNOWN"}))
    assert (found.status, found.ml_status) == ("hold", "invalid-ml-input")


async def test_each_moment_has_its_model(press: Press, tmp_path: Path) -> None:
    files = {"a": model_file(), "b": model_file("live"), "c": model_file("demold")}
    registry_with(tmp_path / "models", files)
    await press.look()
    said = [await press.told(pour())]
    said += [await press.told(reading(float(t))) for t in range(10, 140, 10)]
    said += [await press.told(event("demolded", START + timedelta(seconds=300)))]
    labels = [found.versions.model for found in said]
    assert labels == ["a/1"] * 12 + ["b/1"] * 2 + ["c/1"]
    final = said[-1].correction
    assert final is not None
    assert "T_core_max_C" not in final.values, "it has been measured"


async def test_a_shadow_is_not_in_use(press: Press, tmp_path: Path) -> None:
    registry = registry_with(tmp_path / "models", {"pour": model_file()}, promote=False)
    registry.shadow("pour", 1)
    await press.look()
    found = await press.told(pour())
    assert (found.ml_status, found.correction) == ("missing-ml-models", None)
    assert found.versions.model is None
    assert found.shadow is not None
    assert found.shadow.model == "pour/1"


async def test_promoted_and_rolled_back_while_it_runs(press: Press, tmp_path: Path) -> None:
    labels = []
    registry = registry_with(tmp_path / "models", {"pour": model_file()})
    registry.add("pour", model_file(seed=1), START, {})
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: registry.promote("pour", 2),
        lambda: registry.rollback("pour"),
        lambda: registry.rollback("pour"),
    ]
    await press.told(pour())
    for number, step in enumerate(steps):
        step()
        await press.look()
        labels.append((await press.told(reading(11.0 + 11.0 * number))).versions.model)
    assert labels == ["pour/1", "pour/2", "pour/1", None]


async def test_two_models_for_a_moment(press: Press, tmp_path: Path) -> None:
    registry_with(tmp_path / "models", {"b": model_file(), "a": model_file(seed=1)})
    await press.look()
    assert (await press.told(pour())).versions.model == "a/1"


async def test_another_model_directory_while_it_runs(press: Press, tmp_path: Path) -> None:
    registry_with(tmp_path / "elsewhere", {"pour": model_file()})
    await press.look()
    assert press.work is not None
    learning = press.settings.learning.model_copy(update={"models": tmp_path / "elsewhere"})
    settings = press.settings.model_copy(update={"learning": learning})
    press.work.renew(settings, load_catalogue(settings))
    await press.look()
    assert (await press.told(pour())).versions.model == "pour/1"


async def test_what_is_remembered_is_written_with_what_it_comes_from(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[set[str], list[str]]] = []
    commit = Spool.commit

    def watched(spool: Spool, changes: Changes, now: datetime) -> None:
        scopes = {scope for scope, _ in changes.state}
        keys = [message.key.partition("/")[0] for message in changes.publish]
        written.append((scopes, keys))
        commit(spool, changes, now)

    assert press.work is not None
    await press.work.reserve()
    monkeypatch.setattr(Spool, "commit", watched)
    await press.told(pour(), event("demolded", START + timedelta(seconds=600)))
    record = QualityRecord(ts=START + timedelta(hours=6), shot_id="s1", H_24h_shore=50.0)
    await feed(press.work, [incoming(f"{TOPIC}/quality", encode(record))])
    assert written == [
        ({"shot", "earlier", "named"}, ["prediction"]),
        ({"shot", "earlier"}, ["prediction", "kpi"]),
        ({"earlier"}, []),
    ]
    press.restart()
    assert len(press.work._inference.rows.earlier) == 1


def test_operations_explains_every_status() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for status in ML_STATUS:
        assert f"| `{status}` |" in page
