"""build-features: from a history, bundles and files to one row a shot, with nothing known early."""

from __future__ import annotations

import json
import math
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from broker.messages import ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.cli import main
from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.learning.checks import RULES
from edge_agent.learning.feature_set import Builder
from edge_agent.learning.from_tables import from_files
from edge_agent.learning.tables import read_table, write_table
from edge_agent.logged_shots.from_bundles import from_bundles
from edge_agent.pipeline.assemble import Assembler
from tests.support.feature_rows import (
    SHOTS,
    built,
    history,
    plant,
    row,
    sensor_reads,
    shots_of,
)
from tests.support.processes import ROOT
from tests.support.shots import START, Row, at, change, record_of, rows_of
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS, IDS, TIMES, schema_hash

BUNDLES = ROOT / "configs" / "bundles"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CatalogueSettings())


def test_a_history_becomes_rows(tmp_path: Path, catalogue: Catalogue) -> None:
    found, findings = built(shots_of(history(tmp_path / "h.db", plant())), catalogue)
    assert list(found.columns) == [*IDS, *TIMES, *COLUMNS]
    assert list(found.columns["shot_id"]) == [f"S{number}" for number in range(SHOTS)]
    assert findings.found == {}
    third = row(found, "S3")
    assert third["proc_T_polyol_in_C"] == 24.0, "the reading, not the recipe's set point"
    assert third["proc_RH_ambient"] == pytest.approx(0.4)
    assert third["proc_substituted_count"] == 0.0
    assert third["meas_T_core_max_C"] == pytest.approx(25.0 + 0.5 * 290 + 0.3)
    assert third["meas_T_core_t_at_max_s"] == 290.0
    assert third["meas_T_core_slope_0_60_C_per_s"] == pytest.approx(0.5)
    assert third["meas_t_demold_actual_s"] == 300.0
    assert third["delta_t_demold_s"] == pytest.approx(300.0 - third["sim_t_demold_opt_s"])
    assert third["qc_rho_moulded"] == 73.0
    assert third["qc_defect_void"] == third["qc_any_defect"] == 1.0
    assert third["prev_pause_s"] == 300.0
    assert third["prev_p_max_count"] == 3.0, "opened before this pour"
    assert third["prev_rho_moulded_count"] == 0.0, "the laboratory takes an hour"
    assert found.metadata["schema_hash"] == schema_hash(COLUMNS)
    assert found.metadata["simulated_share"] == "0.0000"


def test_frames_that_name_only_the_mold(tmp_path: Path, catalogue: Catalogue) -> None:
    named = shots_of(history(tmp_path / "a.db", plant()))
    unnamed = shots_of(history(tmp_path / "b.db", plant(named=False)))
    for a, b in zip(named, unnamed, strict=True):
        assert a.series.keys() == b.series.keys() == {"T_core_C", "p_cavity_bar"}
        for name in a.series:
            assert np.array_equal(a.series[name], b.series[name])


def with_id(rows: list[Row], shot_id: str) -> list[Row]:
    """The rows under another ``shot_id``, with nothing else changed."""

    def renamed(columns: dict[str, Any]) -> dict[str, Any]:
        named = {"shot_id": shot_id} if columns.get("shot_id") is not None else {}
        document = {"document": columns["document"] | named} if "document" in columns else {}
        return {**columns, **named, **document}

    return [(kind, renamed(columns)) for kind, columns in rows]


def test_a_shot_id_that_comes_again_is_learned_from_twice(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """Each has its own readings and records: those measured after it and before the next."""
    plain = [one for number in range(4) for one in rows_of(number, lab_after_s=500.0)]
    again = [*plain[:-23], *with_id(rows_of(3, lab_after_s=500.0), "S0")]
    assert len(plain) == len(again)
    once, _ = built(shots_of(history(tmp_path / "a.db", plain)), catalogue)
    twice, findings = built(shots_of(history(tmp_path / "b.db", again)), catalogue)
    assert findings.count("shot_repeated") == findings.count("record_before_pour") == 0
    assert list(twice.columns["shot_id"]) == ["S0", "S1", "S2", "S0"]
    for name in COLUMNS:
        assert np.array_equal(once.columns[name], twice.columns[name], equal_nan=True), name


def test_two_presses_with_the_same_names_are_kept_apart(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    rows = [*plant(3), *plant(3, press="p2", mold="PANEL_B")]
    found, _ = built(shots_of(history(tmp_path / "h.db", rows)), catalogue)
    assert len(found) == 6
    assert set(found.columns["press"]) == {"p1", "p2"}
    assert max(found.columns["press_p_max_count"]) == 2.0


def test_an_old_reading_does_not_count(tmp_path: Path, catalogue: Catalogue) -> None:
    path = history(tmp_path / "h.db", plant(2))
    fresh, stale = shots_of(path), shots_of(path, signal_age_max_s=30.0)
    assert fresh[0].inputs["T_polyol_C"] == 24.0
    assert stale[0].inputs == {}
    found, findings = built(stale, catalogue)
    assert row(found, "S0")["proc_T_polyol_in_C"] == 25.0
    assert row(found, "S0")["proc_substituted_count"] == 5.0
    assert findings.count("input_missing") == 10


def test_a_history_has_the_inputs_that_the_agent_saw(tmp_path: Path) -> None:
    """Readings of the whole press, of the mold, old ones and late ones: the same choice."""
    key = {"site": "s", "press": "p1", "device_id": "hall"}
    rows = plant(4)
    for seq, (seconds, mold, sensors) in enumerate(
        [
            (-500.0, None, {"T_ambient_C": 19.0, "RH_ambient_pct": 30.0}),
            (580.0, None, {"T_polyol_C": 28.0}),
            (600.0, "PANEL_A", {"T_iso_C": 27.0}),
            (1199.0, "PANEL_B", {"T_iso_C": 29.0}),
            (1200.5, "PANEL_A", {"T_mold_C": 60.0}),
        ]
    ):
        frame = {**key, "ts": at(seconds), "seq": seq, "mold_id": mold, "sensors": sensors}
        rows.append(("telemetry", frame))
    press = PressAddress("s", "p1")
    assembler = Assembler([], 600.0, 4 * 3600.0)
    for kind, columns in sorted(rows, key=lambda row: _agent_time(*row)):
        if kind == "telemetry":
            names = set(TelemetryFrame.model_fields) & set(columns)
            frame_ = TelemetryFrame.model_validate({name: columns[name] for name in names})
            assembler.frame(press, frame_)
        elif kind == "shot":
            names = {"shot_id", "mold_id", "system_id", "recipe"}
            event = {name: columns[name] for name in names}
            event |= {"event": "poured", "ts": columns["poured_at"]}
            assembler.event(press, ShotEvent.model_validate(event))
    for shot in shots_of(history(tmp_path / "h.db", rows)):
        (followed,) = assembler.shots.of_id(press, shot.key.shot_id)
        readings = followed.inputs.items()
        assert shot.inputs == {name: reading.value for name, reading in readings}


def _agent_time(kind: str, columns: dict[str, Any]) -> datetime:
    name = {"shot": "poured_at", "telemetry": "ts", "quality": "ts"}[kind]
    return datetime.fromisoformat(columns[name])


def test_only_shots_of_this_time(tmp_path: Path) -> None:
    path = history(tmp_path / "h.db", plant())
    since, until = START + timedelta(seconds=600), START + timedelta(seconds=1800)
    found = shots_of(path, since=since, until=until)
    assert [shot.key.shot_id for shot in found] == ["S1", "S2"]
    assert all(shot.inputs and shot.series for shot in found)


def test_an_open_shot_has_no_peak_yet(tmp_path: Path, catalogue: Catalogue) -> None:
    rows = [*plant(1), *rows_of(1, closed_at=None, outcome=None, lab_after_s=None)]
    found, findings = built(shots_of(history(tmp_path / "h.db", rows)), catalogue)
    assert math.isnan(row(found, "S1")["meas_T_core_max_C"])
    assert not math.isnan(row(found, "S1")["meas_T_core_avg_0_120_C"])
    assert findings.count("end_missing") == findings.count("record_missing") == 1


def test_what_comes_twice_counts_once(tmp_path: Path, catalogue: Catalogue) -> None:
    rows = plant(10)
    again = [record_of(number, number * 600.0 + 3700.0) for number in range(3)]
    once, _ = built(shots_of(history(tmp_path / "a.db", rows)), catalogue)
    shots = shots_of(history(tmp_path / "b.db", [*rows, *rows, *again]))
    twice, findings = built([*shots, shots[4]], catalogue)
    assert findings.count("record_repeated") == 3
    assert findings.count("shot_repeated") == 1
    for name in [*IDS, *TIMES, *COLUMNS]:
        a, b = once.columns[name], twice.columns[name]
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), name


def test_what_is_wrong_is_said_and_not_put_right(tmp_path: Path, catalogue: Catalogue) -> None:
    rows = [
        *rows_of(0, mold="NOBODY_KNOWS"),
        *rows_of(1, outcome="aborted"),
        *rows_of(2, recipe=None, poured_at=None),
        *rows_of(3, recipe={"m_polyol_kg": 0.03, "m_iso_kg": 0.034, "nco_oh_index": 3.0}),
        *rows_of(4, closed_at=(START + timedelta(seconds=2410)).isoformat()),
        *rows_of(5, lab_after_s=-100.0),
        *(record_of(5, 8000.0 + rho, rho_moulded_kg_per_m3=rho) for rho in (75.0, 95.0)),
        *rows_of(6, lab_after_s=None),
        record_of(6, 9000.0, H_24h_shore=40.0, rho_moulded_kg_per_m3=9000.0),
        *rows_of(7),
    ]
    path = history(tmp_path / "h.db", rows)
    sensor_reads(7, 9999.0, 290.0)(path)
    stuck = json.dumps({"T_core_C": 20.0, "p_cavity_bar": 1.0})
    change(path, "UPDATE telemetry SET sensors = ? WHERE seq BETWEEN 6001 AND 6999", stuck)
    found, findings = built(shots_of(path), catalogue)
    assert set(found.columns["shot_id"]) == {"S3", "S4", "S5", "S6", "S7"}
    assert {rule for rule, _ in findings.found} >= {
        *("not_simulated", "aborted", "not_poured", "mass_against_cavity", "opened_before_gel"),
        *("index_against_masses", "record_before_pour", "records_disagree", "value_impossible"),
        *("reading_impossible", "sensor_stuck", "density_against_mass"),
    }
    assert findings.found["value_impossible", "qc_rho_moulded"].examples[0].startswith("S6 (9000")
    assert math.isnan(row(found, "S6")["qc_rho_moulded"])
    assert row(found, "S6")["qc_H_24h"] == 40.0
    assert row(found, "S5")["qc_rho_moulded"] == 95.0, "the later record counts"
    assert row(found, "S7")["meas_T_core_max_C"] == pytest.approx(25.0 + 0.5 * 275 + 0.7)
    assert row(found, "S4")["meas_t_demold_actual_s"] == 10.0, "odd, but it stays as logged"
    assert json.loads(json.dumps(findings.summary()))["shots"]["read"] == 8


def test_every_rule_says_what_it_looks_for() -> None:
    assert all(rule.meaning for rule in RULES.values())


def test_the_measured_bundle(catalogue: Catalogue) -> None:
    shots = from_bundles(BUNDLES, lambda name, reason: pytest.fail(reason))
    found, findings = built(shots, catalogue)
    measured = row(found, "BK1994-R11-L0155")
    assert measured["meas_T_core_max_C"] == pytest.approx(139.1, abs=0.1)
    assert measured["delta_T_core_max_C"] == pytest.approx(-3.6, abs=0.1)
    assert measured["proc_substituted_count"] == 0.0
    assert math.isnan(measured["meas_t_demold_actual_s"])
    assert str(found.columns["poured_at"][0])[:10] == "1994-01-01"
    assert findings.count("series_missing") == 0, "an open cup has no pressure"


def test_bundles_of_all_kinds(tmp_path: Path, catalogue: Catalogue) -> None:
    one = BUNDLES / "baser_khakhar_1994_r11"
    for name, change_ in {
        "a": {"timestamp_start: 1994-01-01T00:00:00Z": "timestamp_start: '2024-01-01T00:00:00Z'"},
        "b": {"timestamp_start: 1994-01-01T00:00:00Z": "", "BK1994": "B"},
        "c": {"mold_id: CUP": "mold_id: '!'", "BK1994": "C"},
    }.items():
        shutil.copytree(one, tmp_path / name)
        meta = tmp_path / name / "meta.yaml"
        text = meta.read_text(encoding="utf-8")
        for old, new in change_.items():
            text = text.replace(old, new)
        meta.write_text(text, encoding="utf-8")
        (tmp_path / name / "qc.yaml").write_text("rho_moulded: 30.0\n", encoding="utf-8")
    refused: list[str] = []
    shots = from_bundles(tmp_path, lambda name, reason: refused.append(name))
    assert refused == ["c"]
    found, findings = built(shots, catalogue)
    assert list(found.columns["shot_id"]) == ["B-R11-L0155", "BK1994-R11-L0155"]
    assert np.isnat(found.columns["poured_at"][0])
    assert findings.count("time_missing") == findings.count("lab_time_missing") == 1
    assert list(found.columns["qc_rho_moulded"]) == [30.0, 30.0]
    assert row(found, "B-R11-L0155")["meas_T_core_max_C"] == pytest.approx(139.1, abs=0.1)
    with pytest.raises(InputError, match="no log bundle"):
        from_bundles(tmp_path / "a" / "nothing", lambda name, reason: None)


def test_the_files_of_the_first_generation(tmp_path: Path, catalogue: Catalogue) -> None:
    measured, simulated = tmp_path / "measured.csv", tmp_path / "sim.parquet"
    measured.write_text(
        "shot_id,meas_T_core_max_C,meas_t_demold_actual_s,qc_rho_moulded,proc_RH_ambient,extra\n"
        "1,120.5,300,70,0.5,9\n2,,300,-4,0.5,9\n3,100,300,70,0.5,9\n",
        encoding="utf-8",
    )
    write_table(
        simulated,
        {
            "shot_id": np.array(["1", "2"], dtype=object),
            "sim_T_core_max_C": np.array([118.0, 119.0]),
            "sim_t_demold_opt_s": np.array([280.0, 290.0]),
        },
    )
    builder = Builder(catalogue)
    from_files(measured, simulated, builder.findings, builder.take_row)
    found = builder.finish("files")
    assert list(found.columns["shot_id"]) == ["1", "2"]
    assert row(found, "1")["delta_T_core_max_C"] == pytest.approx(2.5)
    assert list(found.columns["delta_t_demold_s"]) == [20.0, 10.0]
    assert math.isnan(row(found, "2")["qc_rho_moulded"])
    assert math.isnan(row(found, "1")["prev_T_core_max_last"])
    counts = {rule: builder.findings.count(rule) for rule in RULES}
    assert counts["not_simulated"] == counts["column_unknown"] == counts["value_impossible"] == 1
    with pytest.raises(InputError, match="shot_id"):
        from_files(_csv(tmp_path, "a,b\n1,2\n"), simulated, builder.findings, builder.take_row)


def test_a_table_can_say_when_the_laboratory_reported(tmp_path: Path, catalogue: Catalogue) -> None:
    """Its results teach the shots after that, and no others."""
    measured, simulated = tmp_path / "measured.csv", tmp_path / "sim.csv"
    measured.write_text(
        "shot_id,poured_at,qc_rho_moulded,lab_known_at\n"
        "1,2026-01-01T08:00:00Z,77,2026-01-01T12:00:00Z\n"
        "2,2026-01-01T10:00:00Z,77,\n"
        "3,2026-01-01T14:00:00Z,,\n",
        encoding="utf-8",
    )
    simulated.write_text("shot_id,sim_rho_moulded\n1,70\n2,70\n3,70\n", encoding="utf-8")
    builder = Builder(catalogue)
    from_files(measured, simulated, builder.findings, builder.take_row)
    found = builder.finish("files")
    assert [row(found, name)["prev_rho_moulded_count"] for name in "123"] == [0.0, 0.0, 1.0]
    assert row(found, "3")["prev_rho_moulded_last"] == pytest.approx(math.log(1.1))
    assert builder.findings.count("column_unknown") == 0


def _csv(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    written = {
        "shot_id": np.array(["1", "2"], dtype=object),
        "id": np.array(["a", None], dtype=object),
        "x": np.array([1.5, np.nan]),
        "poured_at": np.array(["2026-05-04T06:00:00.25", "NaT"], dtype="datetime64[us]"),
    }
    write_table(path, written, {"k": "v"})
    found = read_table(path)
    assert list(found) == list(written)
    assert found["id"][0] == "a"
    assert np.array_equal(found["x"], written["x"], equal_nan=True)
    assert found["poured_at"].dtype == np.dtype("datetime64[us]")
    assert found["poured_at"][0] == written["poured_at"][0]
    assert np.isnat(found["poured_at"][1])
    if suffix == ".parquet":
        assert metadata_of(path)["k"] == "v"


def metadata_of(path: Path) -> dict[str, str]:
    metadata = parquet.read_schema(path).metadata
    return {key.decode(): value.decode() for key, value in metadata.items()}


def test_tables_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(_csv(tmp_path, "").rename(tmp_path / "empty.parquet"))
    with pytest.raises(InputError, match="ends in"):
        write_table(tmp_path / "t.xlsx", {})


def test_the_command(tmp_path: Path) -> None:
    path = history(tmp_path / "h.db", [*plant(2), *rows_of(2, mold="NOBODY_KNOWS")])
    output, report = tmp_path / "deep" / "f.parquet", tmp_path / "report.md"
    arguments = ["build-features", "--history", str(path), "-o", str(output)]
    done = CliRunner().invoke(main, [*arguments, "--report", str(report)])
    assert done.exit_code == 0, done.output
    assert "3 shots read, 2 rows" in done.output
    assert "not_simulated" in done.output
    assert list(read_table(output)) == [*IDS, *TIMES, *COLUMNS]
    assert metadata_of(output)["shots_count"] == "2"
    assert "NOBODY\\_KNOWS" in report.read_text() or "NOBODY_KNOWS" in report.read_text()
    summary = json.loads(report.with_suffix(".json").read_text())
    assert summary["shots"] == {"read": 3, "rows": 2, "simulated": 0}
    assert summary["filled"]["qc_rho_moulded"] == 1.0
    page = report.with_suffix(".html")
    assert CliRunner().invoke(main, [*arguments, "--report", str(page)]).exit_code == 0
    assert "NOBODY_KNOWS" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give one of"),
        (["-m", "a.csv"], 2, "belong together"),
        (["--history", "nothing.db"], 1, "no such history file"),
        (["--history", "x", "--bundles", "."], 2, "give one of"),
        (["--bundles", ".", "-o", "f.xlsx"], 2, "ends in"),
        (["--bundles", ".", "--report", "r.pdf"], 2, "ends in"),
        (["--bundles", "."], 2, "no log bundle"),
        (["--bundles", ".", "--molds", "nowhere"], 2, "no such folder of molds"),
        (["--bundles", ".", "--since", "yesterday"], 2, "90d back"),
    ],
)
def test_wrong_options_end_with_a_word(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["build-features", *arguments])
    assert done.exit_code == code, done.output
    assert words in done.output


def test_a_history_without_a_shot_to_use(tmp_path: Path) -> None:
    path = history(tmp_path / "h.db", rows_of(0, mold="NOBODY_KNOWS"))
    done = CliRunner().invoke(main, ["build-features", "--history", str(path)])
    assert done.exit_code == 2
    assert "no shot became a row" in done.output
    assert "NOBODY_KNOWS" in done.output
