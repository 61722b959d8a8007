"""Parameter sets at the press: taken while it runs, kept when damaged, said in each prediction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from broker.codec import decode, encode
from broker.messages import Alert, Prediction, ShotEvent, TelemetryFrame
from edge_agent.config.catalogue import load_catalogue
from edge_agent.config.parameter_set_store import promote, rollback
from edge_agent.config.parameter_sets import IN_USE
from edge_agent.monitoring.metrics import Metrics
from tests.chaos.inside import MOLD, TOPIC, event
from tests.support.agents import settings_for
from tests.support.parameter_sets import (
    SYSTEM,
    made_set,
    small_catalogue,
    system_r1,
    written,
)
from tests.support.pipelines import feed, incoming, pipeline_on, spool_of
from tests.support.played import Standing

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
OTHER = "PANEL_B"


class Press:
    """A pipeline without a broker, whose folder of sets is its own."""

    def __init__(self, folder: Path) -> None:
        self.sets = folder / "parameter_sets"
        catalogue = small_catalogue(folder, MOLD, OTHER)
        self.settings = settings_for(folder, 1883, catalogue=catalogue)
        self.metrics = Metrics()
        self.catalogue = load_catalogue(self.settings)
        self.work = pipeline_on(self.settings, Standing(START), self.metrics)
        self.after_s = 0.0

    def promote(self, number: int, *molds: str) -> None:
        systems, known = self.catalogue.systems, self.catalogue.molds
        promote(self.sets, SYSTEM, number, systems, known, only=molds, anyway=True)

    async def look(self) -> None:
        """Ticks, until what is in the folder now has been read and taken."""
        for _ in range(2):  # what is under way may have begun before
            await self.work.tick()
            assert self.work._sets._running is not None
            await asyncio.wait([self.work._sets._running])
        await self.work.tick()

    async def told(self, message: ShotEvent | TelemetryFrame) -> Prediction:
        channel = "shot" if isinstance(message, ShotEvent) else "telemetry"
        await feed(self.work, [incoming(f"{TOPIC}/{channel}", encode(message))])
        return self.published("prediction", Prediction)[-1]

    async def read(self, mold_id: str = MOLD) -> Prediction:
        """The next live prediction of a mold."""
        self.after_s += 20.0
        frame = TelemetryFrame(
            ts=START + timedelta(seconds=self.after_s),
            device_id="d",
            seq=int(self.after_s),
            mold_id=mold_id,
            sensors={"T_core_C": 30.0},
        )
        return await self.told(frame)

    def published(self, kind: str, model: type[Any]) -> list[Any]:
        rows = spool_of(self.work).to_publish("s/p1", 10_000)
        return [decode(model, row.entry.payload) for row in rows if row.entry.key.startswith(kind)]

    def refused(self) -> float | None:
        return self.metrics.registry.get_sample_value("pur_parameter_sets_refused")

    def in_use(self, set_id: str, mold_id: str = MOLD) -> float | None:
        labels = {"mold": mold_id, "system": SYSTEM, "parameter_set": set_id}
        return self.metrics.registry.get_sample_value("pur_parameter_set_in_use", labels)


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    press = Press(tmp_path)
    yield press
    press.work._spool.close()


def pour(mold_id: str = MOLD, shot_id: str = "s1") -> ShotEvent:
    return event("poured", START, shot_id, mold_id)


async def test_without_sets_nothing_but_the_field_is_new(press: Press) -> None:
    await press.look()
    said = await press.told(pour())
    assert said.versions.parameter_set is None
    assert said.versions.parameters_hash == system_r1().parameters_hash()
    assert said.versions.system_version == 2
    assert (press.refused(), press.published("alert", Alert)) == (0.0, [])


async def test_promoted_and_rolled_back_while_it_runs(press: Press) -> None:
    first = await press.told(pour())
    other = await press.told(pour(OTHER, "s2"))
    shown = [one.versions.parameters_hash for one in (first, other)]
    assert shown == [system_r1().parameters_hash()] * 2
    offsets = {"T_core_offset_C": 3.0}
    written(press.sets, made_set(0.5, {MOLD: offsets}), made_set(0.6, {MOLD: {}, OTHER: {}}))
    press.promote(1)
    with structlog.testing.capture_logs() as log:
        await press.look()
    (line,) = [line for line in log if line["event"] == "parameter_set_changed"]
    assert (line["mold_id"], line["detail"]) == (MOLD, "SYSTEM_R1-c1; no set before")
    with_set = await press.read()
    assert with_set.versions.parameter_set == "SYSTEM_R1-c1"
    assert with_set.versions.parameters_hash != first.versions.parameters_hash
    assert with_set.kpis.t_gel_s > 1.2 * first.kpis.t_gel_s  # type: ignore[union-attr, operator]
    assert (await press.read(OTHER)).versions == other.versions
    assert press.in_use("SYSTEM_R1-c1") == 1.0
    said = await press.told(pour(shot_id="s3"))
    assert said.versions.parameter_set == "SYSTEM_R1-c1"
    press.promote(2)
    await press.look()
    assert (await press.read(OTHER)).versions.parameter_set == "SYSTEM_R1-c2"
    for _ in range(2):
        rollback(press.sets, SYSTEM, [MOLD])
    await press.look()
    assert (await press.read()).versions == first.versions
    assert press.in_use("SYSTEM_R1-c1") is None


async def test_readings_are_compared_with_what_the_sensor_reads(press: Press) -> None:
    written(press.sets, made_set(None, {MOLD: {"T_core_offset_C": 3.0, "T_mold_offset_C": 2.0}}))
    await press.told(pour())
    await press.read()
    press.promote(1)
    await press.look()
    said = (await press.read()).simulated_now["T_core_C"]
    (shot,) = press.work.assembler.shots
    simulation, made = await press.work._simulations.of(shot)
    assert not made
    assert simulation.result is not None
    assert simulation.reported is not None
    reported_C = simulation.reported.process.T_mold_C
    assert reported_C is not None
    assert simulation.result.scenario.process.T_mold_C == reported_C + 2.0
    true_C = simulation.result.at(press.after_s)["T_core_K"] - 273.15
    assert said == pytest.approx(true_C - 3.0)


async def test_what_is_damaged_changes_nothing_and_is_told_once(press: Press) -> None:
    (file,) = written(press.sets, made_set())
    press.promote(1)
    await press.look()
    assert (await press.told(pour())).versions.parameter_set == "SYSTEM_R1-c1"
    whole = file.read_text()
    file.write_text(whole.replace("verdict:", "verdicts:"))
    for _ in range(3):
        await press.look()
    assert (await press.read()).versions.parameter_set == "SYSTEM_R1-c1"
    (alert,) = press.published("alert", Alert)
    assert (alert.code, alert.severity) == ("parameter-set-refused", "warning")
    assert "verdicts: unknown field" in alert.words
    assert "the sets in use stay" in alert.words
    assert press.refused() == 1.0
    file.write_text(whole)
    await press.look()
    assert press.refused() == 0.0
    file.unlink()
    await press.look()
    assert (await press.read()).versions.parameter_set == "SYSTEM_R1-c1"
    words = press.published("alert", Alert)[-1].words
    assert "bring its file back, or promote another set; the sets in use stay" in words
    (press.sets / IN_USE).rename(press.sets / "in_use.gone")  # a volume that went away
    await press.look()
    assert (await press.read()).versions.parameter_set == "SYSTEM_R1-c1"
    assert "is gone" in press.published("alert", Alert)[-1].words


async def test_a_set_for_another_version_waits_for_the_reload(press: Press, tmp_path: Path) -> None:
    system = system_r1()
    A = system.gelling.A  # type: ignore[union-attr]
    newer = system.with_numbers({"gelling.A": 0.9 * A.value}).model_copy(update={"version": 3})
    written(press.sets, made_set(), made_set(system=newer))
    press.promote(1)
    await press.look()
    text = (press.sets / IN_USE).read_text()
    (press.sets / IN_USE).write_text(text.replace("number: 1", "number: 2"))
    await press.look()
    assert (await press.told(pour())).versions.parameter_set == "SYSTEM_R1-c1"
    words = press.published("alert", Alert)[-1].words
    assert "version 3, and version 2 is in use" in words
    assert "SYSTEM_R1-c1 stays in use until the next reload" in words
    folder = tmp_path / "newer"
    folder.mkdir()
    data = newer.model_dump(mode="json", exclude_none=True)
    (folder / "SYSTEM_R1.yaml").write_text(json.dumps(data))
    catalogue = press.settings.catalogue.model_copy(update={"systems": folder})
    settings = press.settings.model_copy(update={"catalogue": catalogue})
    press.work.renew(settings, load_catalogue(settings))
    said = await press.read()
    assert (said.versions.system_version, said.versions.parameter_set) == (3, "SYSTEM_R1-c2")


async def test_after_another_version_of_the_system_predictions_go_without(press: Press) -> None:
    old = made_set(system_version=1, system_hash="ab" * 8)
    written(press.sets, old)
    (press.sets / IN_USE).write_text("sets: {PANEL_A: {SYSTEM_R1: {number: 1}}}\n")
    press.work.renew(press.settings, load_catalogue(press.settings))
    await press.look()
    said = await press.told(pour())
    assert said.versions.parameter_set is None
    assert said.versions.parameters_hash == system_r1().parameters_hash()
    (alert,) = press.published("alert", Alert)
    assert "calibrate anew" in alert.words
