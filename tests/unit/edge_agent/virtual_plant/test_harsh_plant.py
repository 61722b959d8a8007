"""The harsh plant: each ingredient is there in the size it says, and nothing hidden is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from broker.codec import decode, encode
from broker.messages import PressEvent, QualityRecord, TelemetryFrame
from broker.topics import TopicSpace
from edge_agent.cli import main
from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.read import RowFilter, open_reader
from edge_agent.pipeline.assemble import Assembler
from edge_agent.shots.scenario import prepare
from edge_agent.shots.timed_messages import topic_of
from edge_agent.virtual_plant import HARSH, Change, VirtualPlant, VirtualShot, laboratory
from edge_agent.virtual_plant.harsh_sizes import HARSH_ASSUMED, Harsh
from edge_agent.virtual_plant.mistakes import NONE
from edge_agent.virtual_plant.presets import PRESETS
from edge_agent.virtual_plant.rows import fill, shot_rows
from edge_agent.virtual_plant.schedule import DAY_BEGINS_H, DAY_ENDS_H
from edge_agent.virtual_plant.shots import Pour
from edge_agent.virtual_plant.truth_layer import Causes
from twin_core import load_systems
from twin_core.errors import InputError
from twin_core.scenario import Quality
from twin_core.shipped_files import configs_folder

pytestmark = pytest.mark.xdist_group("harsh_plant")
SYSTEMS = load_systems(configs_folder() / "systems")
POURED = [SYSTEMS[system_id] for system_id in PRESETS["harsh"].systems]
LAB_AND_SLIPS = replace(HARSH_ASSUMED, lab_share=0.7)
"""More records than a harsh plant has, so that a small one shows what becomes of them."""
MANY_MISTAKES = replace(HARSH, outage_days=6.0, fahrenheit_days=2.0, typo_share=0.2)
MANY_EVENTS = replace(MANY_MISTAKES, cleaning_days_min=0.1, cleaning_days_max=0.2)
SHOTS = 160
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def harsh(shots: int, seed: int = 5, sizes: Harsh = MANY_MISTAKES) -> VirtualPlant:
    return VirtualPlant(
        seed, POURED, preset="harsh", presses=2, molds_per_press=2, shots=shots,
        assumed=LAB_AND_SLIPS, sizes=sizes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plant() -> VirtualPlant:
    return harsh(SHOTS)


@pytest.fixture(scope="module")
def shots(plant: VirtualPlant) -> list[VirtualShot]:
    return list(plant.shots())


def pours_of(plant: VirtualPlant) -> list[Pour]:
    """Pours before any foam is simulated: what is reported, and what differs in the truth."""
    return list(plant._pours(plant._slots))


def records(shots: list[VirtualShot]) -> list[tuple[VirtualShot, datetime, QualityRecord]]:
    return [
        (shot, shot.quality.ts, shot.quality.message)
        for shot in shots
        if shot.quality is not None and isinstance(shot.quality.message, QualityRecord)
    ]


def test_a_seed_is_a_plant() -> None:
    one, again = list(harsh(6).shots()), list(harsh(6).shots(chunk=4))
    assert one == again
    other = harsh(6, seed=6)
    assert harsh(6).truth != other.truth
    assert not set(harsh(6).molds) & set(other.molds)


def test_all_is_simulated_and_minutes_apart(plant: VirtualPlant, shots: list[VirtualShot]) -> None:
    assert len(shots) == len(plant) == SHOTS
    assert not plant.skipped
    gaps = []
    for mold_id in plant.molds:
        mine = [shot for shot in shots if shot.mold_id == mold_id]
        assert all(a.ended_at + timedelta(minutes=10) < b.poured_at for a, b in pairwise(mine))
        gaps += [(b.poured_at - a.poured_at).total_seconds() / 60.0 for a, b in pairwise(mine)]
    assert 25.0 < np.median(gaps) < 50.0
    assert max(gaps) > 300.0, "nights, and stops"
    assert plant.days < 10.0
    for shot in shots:
        assert shot.poured_at.weekday() < 5
        assert DAY_BEGINS_H <= shot.poured_at.hour < DAY_ENDS_H
        assert all(timed.message.simulated for timed in shot.messages)
        assert shot.quality is None or shot.quality.message.simulated
    assert all(told.message.simulated for _, told in plant.events())


def test_systems_and_sizes_of_parts_differ(plant: VirtualPlant, shots: list[VirtualShot]) -> None:
    big = VirtualPlant(1, POURED, preset="harsh", shots=10)
    volumes = [used.mold.cavity_volume_m3 or 0.0 for used in big.molds.values()]
    assert max(volumes) > 8.0 * min(volumes)
    assert {number for of in big.harsh.systems_of for number in of} == set(range(6))  # type: ignore[union-attr]
    assert sum(len(of) == 2 for of in big.harsh.systems_of) == 3  # type: ignore[union-attr]
    assert len({shot.system_id for shot in shots}) >= 4


def test_the_laboratory_is_late_and_in_no_order(shots: list[VirtualShot]) -> None:
    found = records(shots)
    measured = [(record.ts - shot.ended_at) / timedelta(hours=1) for shot, _, record in found]
    assert 2.0 <= min(measured)
    assert max(measured) <= 30.0
    waits = [(arrived - record.ts) / timedelta(hours=1) for _, arrived, record in found]
    assert min(waits) >= 0.0
    assert 0.05 < np.mean([wait > 24.0 for wait in waits]) < 0.3
    by_arrival = sorted(found, key=lambda item: item[1])
    backwards = [a[2].ts > b[2].ts for a, b in pairwise(by_arrival)]
    assert 0.2 < np.mean(backwards) < 0.6
    rows = [row for shot in shots for row in shot_rows(shot) if row.kind == "quality"]
    for row, (_, arrived, record) in zip(rows, found, strict=True):
        columns = yaml.safe_load(row.document)
        assert datetime.fromisoformat(columns["received_at"]) == arrived
        assert datetime.fromisoformat(columns["ts"]) == record.ts


def test_one_shot_in_ten_goes_to_the_laboratory() -> None:
    """Of the preset itself; the plant of the other tests has more records, and more mistakes."""
    rng, true = (
        np.random.default_rng(1),
        laboratory.TrueResult(60.0, 1.2, 120.0, 99.0, 30.0, 1.0, 0.0),
    )
    chance = dict.fromkeys(laboratory.DEFECTS, 0.0)
    drawn = [
        laboratory.draw_record(rng, "s", "m", LATER, true, chance, (), HARSH_ASSUMED, 4.0)
        for _ in range(2000)
    ]
    found = [record for record in drawn if record is not None]
    assert len(found) / len(drawn) == pytest.approx(0.1, abs=0.02)
    errors = np.array([(record.rho_moulded_kg_per_m3 or 0.0) / 60.0 - 1.0 for record in found])
    assert np.std(errors) == pytest.approx(HARSH_ASSUMED.lab_rho_sigma, rel=0.4)


def test_slips_of_the_pen(shots: list[VirtualShot]) -> None:
    found = records(shots)
    slips = Counter(shot.slip for shot, _, _ in found)
    assert 0.1 < 1.0 - slips[None] / len(found) < 0.3
    assert slips.keys() == {None, "ten_times", "swapped", "minutes"}
    for shot, _, record in found:
        true, rho = shot.true, record.rho_moulded_kg_per_m3
        assert rho is not None
        match shot.slip:
            case "ten_times":
                assert 8.0 < rho / true.rho_moulded_kg_per_m3 < 12.0
            case "minutes":
                assert record.t_demold_safe_s == pytest.approx(true.t_demold_min_s / 60.0, rel=0.3)  # type: ignore[operator]
            case None:
                assert rho == pytest.approx(true.rho_moulded_kg_per_m3, rel=0.06)


def test_missing_inputs_and_fahrenheit(shots: list[VirtualShot]) -> None:
    out = [shot for shot in shots if shot.mistakes.out]
    wrong = [shot for shot in shots if shot.mistakes.fahrenheit]
    assert 0.05 < len(out) / len(shots) < 0.6
    assert 0.02 < len(wrong) / len(shots) < 0.4
    for shot in shots:
        frames = [t.message for t in shot.messages if isinstance(t.message, TelemetryFrame)]
        for name in shot.mistakes.out:
            assert all(name not in frame.sensors for frame in frames)
        first = frames[0].sensors
        for name in {"T_polyol_C", "T_mold_C"} & shot.mistakes.fahrenheit & first.keys():
            assert first[name] == pytest.approx(1.8 * getattr(shot.reported, name) + 32.0, abs=0.02)
    length = max(
        sum(
            1 for shot in shots if shot.mold_id == mold_id and "RH_ambient_pct" in shot.mistakes.out
        )
        for mold_id in {shot.mold_id for shot in shots}
    )
    assert length >= 3, "hours, not a shot"


def test_the_twin_simulates_what_it_is_told(plant: VirtualPlant, shots: list[VirtualShot]) -> None:
    """From the messages alone, the twin comes to ``nominal``: with set points and defaults where a
    channel is out, with °F where it is told so, and with nothing that is hidden."""
    molds = {mold_id: used.mold for mold_id, used in plant.molds.items()}
    catalogue = Catalogue({s.system_id: s for s in POURED}, molds, Quality(), {})
    substituted = 0
    plain = [shot for shot in shots if shot.mistakes == NONE][:10]
    for shot in [*(shot for shot in shots if shot.mistakes != NONE), *plain]:
        assembler = Assembler([], 600.0, 4 * 3600.0)
        for timed in shot.messages:
            if isinstance(timed.message, TelemetryFrame):
                frame = decode(TelemetryFrame, encode(timed.message))
                assembler.frame(shot.press, frame)
            else:
                assembler.event(shot.press, timed.message)  # type: ignore[arg-type]
        (seen,) = assembler.shots
        scenario, stood_in = prepare(seen, catalogue, 600.0)
        substituted += bool(stood_in)
        assert scenario.process == shot.nominal.process
        assert scenario.mold == shot.nominal.mold
        assert scenario.system == shot.nominal.system == SYSTEMS[shot.system_id]
        assert (len(stood_in) > 0) is (shot.mistakes.out != frozenset() or _too_hot(shot))
    assert substituted > 10


def _too_hot(shot: VirtualShot) -> bool:
    """A hall in °F that is above 80 is no temperature of a hall in °C."""
    of = shot.mistakes.fahrenheit
    return "T_ambient_C" in of and 1.8 * shot.reported.T_ambient_C + 32.0 > 80.0


def test_what_is_hidden_shows_in_the_foam_alone(shots: list[VirtualShot]) -> None:
    """With nothing hidden that drifts, steps or follows other laws, a plant reports the same."""
    quiet = {
        item.name: 0.0
        for item in fields(Harsh)
        if item.name.startswith(("ar_", "lot_", "density_", "rate_", "pressure_f", "core_"))
        and not item.name.endswith(("memory", "min", "max"))
    }
    for a, b in zip(
        shots, pours_of(harsh(SHOTS, sizes=replace(MANY_MISTAKES, **quiet))), strict=True
    ):
        assert (a.shot_id, a.poured_at, a.reported) == (b.shot_id, b.poured_at, b.reported)
        assert (a.nominal, a.mistakes) == (b.nominal, b.mistakes)
        assert getattr(a.messages[1].message, "sensors", None) == b.shown
        assert getattr(a.messages[2].message, "recipe", None) == b.recipe
        assert (a.foam, a.causes) != (b.foam, b.causes)
    words = {name for shot in shots for t in shot.messages for name in t.message.model_dump()}
    words |= {name for shot, _, record in records(shots) for name in record.model_dump()}
    assert not words & {item.name for item in fields(Causes)} - {"T_mold_C"}


def test_events_are_told_by_most(plant: VirtualPlant) -> None:
    long = VirtualPlant(8, POURED, preset="harsh", shots=5000)
    assert long.harsh is not None
    done = long.harsh.done
    shares = {
        kind: np.mean([one.told is not None for one in done if one.event.event == kind])
        for kind in ("maintenance", "cleaning", "lot_change", "sensor_replaced")
    }
    assert shares["cleaning"] == pytest.approx(HARSH.told_cleaning_share, abs=0.15)
    assert shares["lot_change"] == pytest.approx(HARSH.told_lot_share, abs=0.2)
    assert min(shares.values()) > 0.0
    events = long.events()
    assert len(events) == sum(one.told is not None for one in done)
    assert [told.ts for _, told in events] == sorted(told.ts for _, told in events)
    late = [(told.ts - told.message.ts) / timedelta(hours=1) for _, told in events]
    assert 0.3 < np.mean([hours == 0.0 for hours in late]) < 0.7
    assert 0.0 <= min(late) <= max(late) <= HARSH.told_hours_max
    for press, told in events:
        assert isinstance(told.message, PressEvent)
        assert decode(PressEvent, encode(told.message)) == told.message
        assert topic_of(TopicSpace(), press, told.message) == TopicSpace().event(press)
        if told.message.mold_id is not None:
            assert long.molds[told.message.mold_id].press == press.press
    assert 15.0 < long.days < 60.0


def test_a_harsh_plant_takes_changes() -> None:
    change = Change(datetime(2025, 1, 7, tzinfo=UTC), press="press1", iso_gain=1.06)
    plain, changed = harsh(60), harsh(60).with_changes(change)
    assert changed.preset == "harsh"
    for a, b in zip(pours_of(plain), pours_of(changed), strict=True):
        hit = a.poured_at >= change.after and a.press.press == "press1"
        assert (a.reported, a.nominal) == (b.reported, b.nominal)
        assert ((a.foam, a.causes) == (b.foam, b.causes)) is not hit


async def test_the_history_holds_events_too(tmp_path: Path) -> None:
    plant = harsh(40, sizes=MANY_EVENTS)
    shots = list(plant.shots())
    settings = HistorySettings(path=tmp_path / "history.db")
    store = open_store(settings)
    for _ in range(2):  # the second time changes nothing
        counts = await fill(store, shots, LATER, lambda made: None, plant.events())
    await store.close()
    assert counts["event"] == len(plant.events()) > 0
    rows: list[dict[str, object]] = []
    reader = open_reader(settings)
    await reader.each("event", RowFilter(), rows.extend)
    await reader.close()
    assert len(rows) == counts["event"]
    for row, (press, told) in zip(
        sorted(rows, key=lambda row: (str(row["received_at"]), str(row["press"]))),
        plant.events(),
        strict=True,
    ):
        assert row["press"] == press.press
        assert datetime.fromisoformat(str(row["received_at"])) == told.ts
        assert row["simulated"]


def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "plant"
    made = ["virtual-plant", "--out", str(out), "--preset", "harsh", "--shots", "12"]
    result = CliRunner().invoke(main, [*made, "--presses", "1"])
    assert result.exit_code == 0, result.output
    card = yaml.safe_load((out / "plant.yaml").read_text())
    assert card["arguments"]["preset"] == "harsh"
    assert card["arguments"]["system_ids"] == list(PRESETS["harsh"].systems)
    text = (out / "plant.yaml").read_text()
    assert not [item.name for item in fields(Causes) if item.name in text]
    again = CliRunner().invoke(main, [*made, "--presses", "1", "--preset", "calm"])
    assert again.exit_code == 2
    assert "another plant" in again.stderr


def test_minutes_between_shots_of_a_calm_plant(tmp_path: Path) -> None:
    """Results come a day late, as the command's options say; the truth is the calm one."""
    out = tmp_path / "plant"
    made = ["virtual-plant", "--out", str(out), "--shots", "16", "--presses", "1", "--molds", "1"]
    late = ["--spacing-min", "50", "--lab-hours", "24,24", "--lab-share", "1"]
    result = CliRunner().invoke(main, [*made, *late])
    assert result.exit_code == 0, result.output
    assert "quality: 16 rows" in result.output
    card = yaml.safe_load((out / "plant.yaml").read_text())
    assert card["arguments"]["spacing_min"] == 50.0
    assert card["arguments"]["assumed"] == {
        "lab_share": 1.0, "lab_hours_min": 24.0, "lab_hours_max": 24.0
    }  # fmt: skip
    assert card["arguments"]["days"] == 1.0
    for wrong in (["--spacing-min", "5"], ["--lab-hours", "9,3"], ["--lab-hours", "9"]):
        assert CliRunner().invoke(main, [*made, *wrong]).exit_code == 2, wrong


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="there is calm, harsh"):
        VirtualPlant(1, POURED, preset="wild", shots=1)
    with pytest.raises(InputError, match="pours one system"):
        VirtualPlant(1, POURED, shots=1)
    with pytest.raises(InputError, match="give more days"):
        VirtualPlant(1, POURED, preset="harsh", presses=1, shots=200, days=1.0)
    assert VirtualPlant(1, POURED, preset="harsh", presses=1, shots=40, days=21.0).days == 21.0
