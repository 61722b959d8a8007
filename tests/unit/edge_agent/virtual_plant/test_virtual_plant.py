"""The virtual plant: repeatable, labelled simulated, and as wrong about itself as it says."""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from broker.codec import decode, encode
from broker.messages import QualityRecord, TelemetryFrame
from edge_agent.cli import main
from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.read import RowFilter, open_reader
from edge_agent.pipeline.assemble import Assembler
from edge_agent.shots.scenario import prepare
from edge_agent.virtual_plant import (
    ASSUMED,
    HARSH,
    PRESETS,
    Change,
    VirtualPlant,
    VirtualShot,
    laboratory,
    parse_change,
    sensors,
)
from edge_agent.virtual_plant.change import NUMBERS
from edge_agent.virtual_plant.harsh_sizes import HARSH_ASSUMED
from edge_agent.virtual_plant.rows import fill, shot_rows
from tests.support.scenarios import ROOT
from twin_core import MaterialSystem, load_mold, load_systems, simulate_many
from twin_core.errors import InputError
from twin_core.scenario import Quality
from twin_core.shipped_files import configs_folder
from twin_core.units import celsius

SYSTEM: MaterialSystem = load_systems(configs_folder() / "systems")["SYSTEM_R1"]
MIDDLE = datetime(2025, 7, 7, tzinfo=UTC)


def small(seed: int = 3, shots: int = 40) -> VirtualPlant:
    return VirtualPlant(seed, SYSTEM, presses=2, molds_per_press=1, shots=shots)


@pytest.fixture(scope="module")
def plant() -> VirtualPlant:
    return VirtualPlant(11, SYSTEM, shots=600)


@pytest.fixture(scope="module")
def shots(plant: VirtualPlant) -> list[VirtualShot]:
    return list(plant.shots())


def records(shots: list[VirtualShot]) -> list[tuple[VirtualShot, QualityRecord]]:
    return [
        (shot, shot.quality.message)
        for shot in shots
        if shot.quality is not None and isinstance(shot.quality.message, QualityRecord)
    ]


def frames_of(shot: VirtualShot) -> list[TelemetryFrame]:
    return [t.message for t in shot.messages if isinstance(t.message, TelemetryFrame)]


def test_a_seed_is_a_plant() -> None:
    one, again, other = list(small().shots()), list(small().shots(chunk=7)), list(small(4).shots())
    assert one == again
    assert small().truth == small().truth != small(4).truth
    assert [s.true for s in one] != [s.true for s in other]
    assert not {s.mold_id for s in one} & {s.mold_id for s in other}


def test_a_calm_plant_is_what_it_was() -> None:
    """Reports and hidden inputs to the last digit, and results, as they were before there was a
    second preset: tables that were learnt from and figures in pages come from such plants. Another
    physics changes the results, and through the recipes the digest too; take the new ones then.
    """
    shots = list(VirtualPlant(7, SYSTEM, presses=2, molds_per_press=1, shots=12).shots())
    digest = hashlib.sha256()
    for s in shots:
        models = (s.reported, s.messages[1].message, s.nominal.mold, s.foam.process, s.foam.mold)
        digest.update(f"{s.shot_id}{s.mold_id}{s.poured_at.isoformat()}".encode())
        digest.update("".join(model.model_dump_json() for model in models).encode())
    assert digest.hexdigest()[:16] == "f50d85a09caa5694"
    first, last = shots[0].true, shots[-1].true
    assert [shots[0].opened_s, shots[-1].opened_s] == pytest.approx([524.2, 406.7])
    found = [(t.rho_moulded_kg_per_m3, t.p_max_bar, t.T_core_max_C) for t in (first, last)]
    assert found[0] == pytest.approx((93.089610, 1.1696180, 118.733177), rel=1e-4)
    assert found[1] == pytest.approx((91.229597, 1.2212921, 121.054389), rel=1e-4)
    assert [first.t_demold_min_s, last.t_demold_min_s] == pytest.approx([298.66, 305.50], rel=1e-3)
    typed = records(shots)[0][1]
    assert typed.rho_moulded_kg_per_m3 == pytest.approx(91.38, abs=0.011)
    assert typed.ts.isoformat()[:16] == "2025-04-14T02:13"


@pytest.mark.peers
def test_all_is_in_order_and_simulated(plant: VirtualPlant, shots: list[VirtualShot]) -> None:
    assert len(shots) + len(plant.skipped) == len(plant) == 600
    poured = [shot.poured_at for shot in shots]
    assert poured == sorted(poured)
    assert timedelta(days=350) < poured[-1] - poured[0] < timedelta(days=365)
    assert {shot.press.press for shot in shots} == {f"press{i}" for i in range(1, 6)}
    assert {shot.mold_id for shot in shots} == set(plant.molds)
    for shot in shots:
        assert all(timed.message.simulated for timed in shot.messages)
        assert [t.ts for t in shot.messages] == sorted(t.ts for t in shot.messages)
        assert shot.quality is None or shot.quality.message.simulated
    for mold_id in plant.molds:  # a mold is opened before it is poured again
        mine = [shot for shot in shots if shot.mold_id == mold_id]
        assert all(a.ended_at < b.poured_at for a, b in pairwise(mine))


@pytest.mark.peers
def test_the_twin_is_as_wrong_as_said(shots: list[VirtualShot]) -> None:
    """Physics alone against laboratory, and what even the steady truth would miss."""
    pairs = records(shots)
    twin = simulate_many([shot.nominal for shot, _ in pairs])
    steady = simulate_many([shot.steady for shot, _ in pairs])
    lab = np.array([record.rho_moulded_kg_per_m3 for _, record in pairs], float)
    rho, floor = (rms(r["rho_moulded"] / lab - 1.0) for r in (twin, steady))
    assert 0.04 < rho < 0.06
    assert 0.010 < floor < 0.013
    timed = [i for i, (_, record) in enumerate(pairs) if record.t_demold_safe_s is not None]
    assert 0.42 < len(timed) / len(pairs) < 0.58
    safe = np.array([pairs[i][1].t_demold_safe_s for i in timed], float)
    true = np.array([pairs[i][0].true.t_demold_min_s for i in timed], float)
    assert rms(safe / true - 1.0) == pytest.approx(ASSUMED.lab_t_demold_sigma, rel=0.15)
    alone, floor = (rms(r["t_demold_min_s"][timed] / safe - 1.0) for r in (twin, steady))
    assert 0.10 < alone < 0.15
    assert 0.035 < floor < 0.045
    # what can be learnt is told apart by the truth: the laboratory's error is in both of them
    alone, floor = (rms(r["t_demold_min_s"][timed] / true - 1.0) for r in (twin, steady))
    assert floor < 0.25 * alone
    # not even one factor for all molds would do
    factor = np.mean(true / twin["t_demold_min_s"][timed])
    assert floor < 0.25 * rms(factor * twin["t_demold_min_s"][timed] / true - 1.0)


@pytest.mark.peers
def test_operators_open_in_the_true_window(shots: list[VirtualShot]) -> None:
    """The safe time is that of the layers in the hidden foam, on every shot; a cycle of 1.2 to 1.6
    times a usual one is after it but for haste and the slowest shots, and no prediction."""
    assert all(shot.foam.simulation.dimension == "1d" for shot in shots)
    true = np.array([shot.true.t_demold_min_s for shot in shots], float)
    opened = np.array([shot.opened_s for shot in shots])
    assert not np.isnan(true).any()
    assert 0.9 < np.mean(opened >= true) < 0.995
    assert np.median(opened / true) == pytest.approx(1.4, abs=0.1)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def test_the_laboratory(shots: list[VirtualShot]) -> None:
    pairs = records(shots)
    assert 0.55 < len(pairs) / len(shots) < 0.65
    late = [(record.ts - shot.ended_at) / timedelta(hours=1) for shot, record in pairs]
    assert min(late) >= 1.0
    assert max(late) <= 20.0
    errors = np.array(
        [
            (record.rho_moulded_kg_per_m3 or 0.0) / shot.true.rho_moulded_kg_per_m3 - 1.0
            for shot, record in pairs
        ]
    )
    assert rms(errors) == pytest.approx(ASSUMED.lab_rho_sigma, rel=0.2)  # some 360 records
    assert all(record.defects == list(shot.defects) for shot, record in pairs)


def test_defects_are_rare_and_have_causes(shots: list[VirtualShot]) -> None:
    assert 0.03 < np.mean([bool(shot.defects) for shot in shots]) < 0.12
    assert {name for shot in shots for name in shot.defects} <= set(laboratory.DEFECTS)
    usual = laboratory.Usual(60.0, 120.0, 1.2, 0.007)
    good = laboratory.TrueResult(60.0, 1.2, 120.0, 100.0, 30.0, 1.0, 0.007)

    def chances(opened_s: float = 150.0, mixing_eff: float = 0.98, **other: float) -> float:
        worse = laboratory.chances(replace(good, **other), usual, opened_s, mixing_eff)
        fine = laboratory.chances(good, usual, 150.0, 0.98)
        return max(worse[name] - fine[name] for name in laboratory.DEFECTS)

    for case in (
        chances(water_from_rh_ratio=0.02),
        chances(mixing_eff=0.92),
        chances(fill_ratio=0.93),
        chances(rho_moulded_kg_per_m3=52.0),
        chances(T_core_max_C=128.0),
        chances(opened_s=70.0),
    ):
        assert case > 0.1


def test_sensors_lag_and_scatter(shots: list[VirtualShot]) -> None:
    t = np.arange(0.0, 60.0, 0.5)
    lagged_ramp = sensors.lagged(t, 2.0 * t[None, :], 4.0, np.zeros(1))
    assert lagged_ramp[0, -1] == pytest.approx(2.0 * (t[-1] - 4.0))  # behind by tau
    sound = [shot for shot in shots if not shot.faults][:20]
    result = simulate_many([shot.foam for shot in sound], profiles=True)
    T_core, T_mold = (celsius(result[name]) for name in ("T_core_K", "T_mold_K"))
    lagged = sensors.lagged(result.time_s, T_core, ASSUMED.T_core_lag_s, T_mold[:, 0])
    errors = []
    for i, shot in enumerate(sound):
        frames = frames_of(shot)
        assert [frame.seq for frame in frames] == list(range(len(frames)))
        at = [(f.ts - shot.poured_at).total_seconds() for f in frames[1:]]
        assert at == [5.0 * k for k in range(1, len(frames))]
        felt = np.interp(at, result.time_s, lagged[i])
        errors.append(np.std([f.sensors["T_core_C"] for f in frames[1:]] - felt))
    assert np.mean(errors) == pytest.approx(ASSUMED.T_noise_C, rel=0.2)


def test_faults_occur_and_are_rare(shots: list[VirtualShot]) -> None:
    kinds = {fault.kind for shot in shots for fault in shot.faults}
    assert kinds == {"stuck", "dropout", "impossible", "lost"}
    assert 0.03 < np.mean([bool(shot.faults) for shot in shots]) < 0.13
    for shot in shots:
        for fault in shot.faults:
            frames = frames_of(shot)
            values = [f.sensors.get(fault.signal or "") for f in frames[1:]]
            match fault.kind:
                case "impossible":
                    assert sensors.IMPOSSIBLE[fault.signal or ""] in values
                case "dropout":
                    assert None in values
                case "lost":
                    assert len(frames) <= frames[-1].seq or fault.end_s > shot.opened_s - 5.0


def test_the_wire_takes_every_message(shots: list[VirtualShot]) -> None:
    shot, record = records(shots)[0]
    assert decode(QualityRecord, encode(record)) == record
    for timed in shot.messages:
        assert decode(type(timed.message), encode(timed.message)) == timed.message


def test_rows_are_those_of_the_agent(plant: VirtualPlant, shots: list[VirtualShot]) -> None:
    """The assembler finds what the history is told, and the twin then simulates `nominal`."""
    molds = {mold_id: used.mold for mold_id, used in plant.molds.items()}
    catalogue = Catalogue({"SYSTEM_R1": SYSTEM}, molds, Quality(), {})
    faulty = next(s for s in shots if any(f.kind == "impossible" for f in s.faults))
    for shot in (shots[0], faulty):
        assembler = Assembler([], 60.0, 3600.0)
        for timed in shot.messages:
            if isinstance(timed.message, TelemetryFrame):
                assembler.frame(shot.press, timed.message)
            else:
                assembler.event(shot.press, timed.message)  # type: ignore[arg-type]
        (seen,) = assembler.shots
        row = next(row for row in shot_rows(shot) if row.kind == "shot")
        columns = yaml.safe_load(row.document)
        for name in (
            "shot_key",
            "outcome",
            "T_core_max_C",
            "p_cavity_max_bar",
            "frames_count",
            "mold_id",
        ):
            assert columns[name] == getattr(seen, name)
        assert seen.simulated
        assert columns["simulated"]
        scenario, substituted = prepare(seen, catalogue, 600.0)
        assert substituted == []
        assert scenario.process == shot.nominal.process
        assert scenario.mold == shot.nominal.mold


def test_a_change_shows_and_nothing_before_it() -> None:
    plain = list(small(shots=60).shots())
    change = Change(MIDDLE, press="press1", iso_gain=1.04, T_polyol_offset_C=3.0)
    changed = list(small(shots=60).with_changes(change).shots())
    for a, b in zip(plain, changed, strict=True):
        assert a.reported == b.reported
        hit = a.poured_at >= MIDDLE and a.press.press == "press1"
        assert (a.true == b.true) is not hit
        if hit:
            assert b.true.rho_moulded_kg_per_m3 > 1.01 * a.true.rho_moulded_kg_per_m3


def test_changes_from_words() -> None:
    found = parse_change("2025-07-07,iso_gain=1.04,press=press1")
    assert found == Change(MIDDLE, "press1", iso_gain=1.04)
    for wrong in ("2025-07-07", "July,iso_gain=1", "2025-07-07,x=1", "2025-07-07,iso_gain=much"):
        with pytest.raises(InputError):
            parse_change(wrong)
    with pytest.raises(InputError, match="press9"):
        small().with_changes(Change(MIDDLE, "press9"))


def test_too_many_shots_for_the_days() -> None:
    with pytest.raises(InputError, match="give more days"):
        VirtualPlant(1, SYSTEM, shots=1000, days=1.0)


async def test_the_history_holds_all(tmp_path: Path) -> None:
    plant = small()
    shots = list(plant.shots())
    settings = HistorySettings(path=tmp_path / "history.db")
    store = open_store(settings)
    for _ in range(2):  # the second time changes nothing
        counts = await fill(store, shots, MIDDLE, lambda made: None)
    await store.close()
    frames = sum(len(frames_of(shot)) for shot in shots)
    assert counts == {"shot": 40, "telemetry": frames, "quality": len(records(shots))}
    reader = open_reader(settings)
    for table, count in counts.items():
        rows: list[dict[str, object]] = []
        await reader.each(table, RowFilter(), rows.extend)
        assert len(rows) == count
        assert all(row["simulated"] for row in rows)
    assert len(await reader.shots(shots[0].mold_id, plant.start, 1000)) == 20
    timed = next(record for _, record in records(shots) if record.t_demold_safe_s)
    stored = await reader.shot(timed.shot_id)
    assert stored["quality"][0]["document"]["t_demold_safe_s"] == timed.t_demold_safe_s
    await reader.close()


def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "plant"
    arguments = ["virtual-plant", "--out", str(out), "--shots", "12", "--presses", "1"]
    result = CliRunner().invoke(main, [*arguments, "--change", "2025-07-07,iso_gain=1.04"])
    assert result.exit_code == 0, result.output
    assert "shot: 12 rows, simulated" in result.output
    card = yaml.safe_load((out / "plant.yaml").read_text())
    assert card["arguments"]["changes"] == [{"after": "2025-07-07T00:00:00Z", "iso_gain": 1.04}]
    molds = [load_mold(path) for path in sorted((out / "molds").glob("*.yaml"))]
    assert [mold.mold_id for mold in molds] == ["V1-P1-M1", "V1-P1-M2"] == list(card["molds"])
    assert "imulated" in (out / "molds" / "V1-P1-M1.yaml").read_text()
    other = CliRunner().invoke(main, arguments)
    assert other.exit_code == 2
    assert "another plant" in other.stderr
    unknown = CliRunner().invoke(main, [*arguments, "--system", "X"])
    assert unknown.exit_code == 2
    assert "SYSTEM_R1" in unknown.stderr


def test_a_table_is_built_from_what_the_plant_wrote(tmp_path: Path) -> None:
    """As a newcomer would: the command that it prints, with the plant's own molds and system."""
    systems, out, table = tmp_path / "mine", tmp_path / "plant", tmp_path / "f.csv"
    systems.mkdir()
    own = (configs_folder() / "systems" / "SYSTEM_R1.yaml").read_text()
    (systems / "OWN.yaml").write_text(own.replace("system_id: SYSTEM_R1", "system_id: OWN"))
    made = ["virtual-plant", "--out", str(out), "--shots", "6", "--presses", "1", "--days", "3"]
    result = CliRunner().invoke(main, [*made, "--system", "OWN", "--systems", str(systems)])
    assert result.exit_code == 0, result.output
    command = result.output.strip().splitlines()[-1].partition("pur-mold-twin ")[2].split()
    assert command == ["build-features", "--history", str(out / "history.db")]
    done = CliRunner().invoke(main, [*command, "-o", str(table)])
    assert done.exit_code == 0, done.output
    assert f"systems: {out / 'systems'} (beside the shots)" in done.stderr
    assert f"molds: {out / 'molds'} (beside the shots)" in done.stderr
    assert "6 rows" in done.output
    assert "OWN" in table.read_text()
    done = CliRunner().invoke(main, [*command, "--molds", str(configs_folder() / "molds")])
    assert done.exit_code == 2, "the molds of the product are not those of the plant"
    assert "(as asked for)" in done.stderr


def test_the_page_says_every_assumed_size() -> None:
    text = (ROOT / "docs" / "virtual-plant.md").read_text()
    of_calm, _, rest = text.partition("### Sizes that are others in a harsh plant")
    of_both, _, of_harsh = rest.partition("### Sizes that only a harsh plant has")

    def rows(part: str) -> dict[str, str]:
        return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", part, re.MULTILINE))

    def sizes(of: object) -> dict[str, str]:
        return {f.name: f"{getattr(of, f.name):g}" for f in fields(of)}  # type: ignore[arg-type]

    calm, harsh = sizes(ASSUMED), sizes(HARSH_ASSUMED)
    assert rows(of_calm) == calm
    assert rows(of_both) == {name: size for name, size in harsh.items() if size != calm[name]}
    assert rows(of_harsh) == sizes(HARSH)
    for name in (*NUMBERS, *laboratory.DEFECTS, *PRESETS["harsh"].systems):
        assert f"`{name}`" in text
