"""``import-logs``, run as people run it: into bundles and into a history, again, and stopped."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_agent.imports import bundle_folder
from edge_agent.imports import run as import_run
from edge_agent.imports.bundle_folder import BundleFolder
from edge_agent.imports.taken import Taken
from edge_agent.logged_shots.bundle import load_bundle
from edge_agent.logged_shots.from_bundles import bundle_folders
from tests.support.file_commands import run
from tests.support.foreign_logs import Logs, readings, shot, sqlite_source
from tests.support.sources import fetched

COUNT = 12


def plant(folder: Path, count: int = COUNT) -> Path:
    """The mapping of a database with shots and their readings."""
    shots = [shot(n) for n in range(count)]
    return sqlite_source(Logs(shots, [row for n in range(count) for row in readings(n)]), folder)


def report_of(*arguments: object, code: int = 0) -> dict[str, Any]:
    """The report of an import."""
    done = run("import-logs", *arguments, "--output", "json")
    assert done.exit_code == code, done.output
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def rows(path: Path, statement: str) -> list[Any]:
    """Rows of a SQLite file."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def test_bundles_say_what_the_source_says(tmp_path: Path) -> None:
    mapping, out = plant(tmp_path), tmp_path / "out"
    report = report_of("--source", mapping, "-o", out)
    assert report["shots"] == {
        "read": 12,
        "imported": 12,
        "done_before": 0,
        "there_already": 0,
        "repeated": 0,
        "changed": 0,
        "refused": 0,
    }
    assert report["molds"] == {"PANEL_A": 6, "PANEL_B": 6}
    assert report["first_poured_at"] == "2026-05-01T00:00:00Z"
    read = {one.meta.shot_id: one for one in map(load_bundle, bundle_folders(out))}
    for found in fetched(mapping):
        bundle = found.bundle
        assert bundle is not None
        again = read[bundle.meta.shot_id]
        assert (again.meta, again.recipe) == (bundle.meta, bundle.recipe)
        assert again.t_demold_actual_s == bundle.t_demold_actual_s
        assert (again.series, again.quality) == (bundle.series, bundle.quality)
        assert again.notes == ()


def test_the_same_again_imports_nothing_and_filters_take_a_part(tmp_path: Path) -> None:
    mapping, out = plant(tmp_path), tmp_path / "out"
    part = report_of("-s", mapping, "-o", out, "--mold", "PANEL_A", "--status", "OK")
    assert part["shots"]["imported"] == 6
    rest = report_of("-s", mapping, "-o", out)
    assert (rest["shots"]["imported"], rest["shots"]["done_before"]) == (6, 6)
    assert report_of("-s", mapping, "-o", out)["shots"]["imported"] == 0
    assert len(bundle_folders(out)) == COUNT
    again = report_of("-s", mapping, "-o", out, "--again")
    assert again["shots"]["imported"] == COUNT
    assert again["beside"] == {"had a bundle there already, which is replaced": COUNT}
    assert len(bundle_folders(out)) == COUNT


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping, out = plant(tmp_path), tmp_path / "out"
    monkeypatch.setattr(import_run, "BATCH", 5)
    put, calls = BundleFolder.put, list[int]()

    async def stops(self: BundleFolder, bundles: Any) -> Taken:
        calls.append(1)
        found = await put(self, list(bundles)[: 2 if len(calls) == 2 else None])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(BundleFolder, "put", stops)
    done = run("import-logs", "-s", mapping, "-o", out)
    assert done.exit_code == 130
    assert "goes on" in done.stderr
    assert len(bundle_folders(out)) == 7, "five that are noted, and two that are not"
    report = report_of("-s", mapping, "-o", out)
    assert (report["shots"]["done_before"], report["shots"]["imported"]) == (5, 7)
    found = sorted(load_bundle(path).meta.shot_id for path in bundle_folders(out))
    assert found == [f"{n:04d}" for n in range(COUNT)]
    assert not out.with_name("out.part").exists()


def test_a_history_gets_them_marked_and_once(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    report = report_of("-s", mapping, "--history", history)
    assert report["shots"]["imported"] == COUNT
    counts = "SELECT (SELECT count(*) FROM shot), (SELECT count(*) FROM telemetry), "
    counts += "(SELECT count(*) FROM quality), (SELECT count(*) FROM event)"
    assert rows(history, counts) == [(12, 60, 12, 24)]
    documents = [json.loads(row[0]) for row in rows(history, "SELECT document FROM event")]
    assert {one["historical"] for one in documents} == {True}
    assert {one["device_id"] for one in documents} == {"import-mes"}
    assert {row[0] for row in rows(history, "SELECT status FROM telemetry")} == {
        '{"historical":true}'
    }
    for more in ([], ["--again"]):
        report_of("-s", mapping, "--history", history, *more)
        assert rows(history, counts) == [(12, 60, 12, 24)]
    listed = run("history", "--history", history, "--since", "99999d", "--limit", "3")
    assert listed.exit_code in {0, 2}
    (row,) = rows(history, "SELECT T_core_max_C, t_demold_actual_s FROM shot WHERE shot_id='0001'")
    assert row == (pytest.approx(67.85), 300.0)


def test_a_shot_that_the_agent_has_is_not_doubled(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    report_of("-s", mapping, "--history", history)
    with closing(sqlite3.connect(history)) as db:  # as an agent tells it: by its own key and clock
        db.execute("UPDATE shot SET shot_key = printf('%020d', rowid)")
        db.execute("UPDATE shot SET poured_at = replace(poured_at, ':00Z', ':07Z'), revision = 5")
        db.execute("DELETE FROM telemetry")
        db.execute("DELETE FROM quality")
        db.commit()
    before = rows(history, "SELECT * FROM shot")
    report = report_of("-s", mapping, "--history", history, "--again")
    assert (report["shots"]["there_already"], report["shots"]["imported"]) == (COUNT, 0)
    assert rows(history, "SELECT * FROM shot") == before, "nothing reopens"
    assert rows(history, "SELECT count(*) FROM telemetry") == [(0,)]
    keys = "SELECT count(*) FROM quality WHERE shot_key IN (SELECT shot_key FROM shot)"
    assert rows(history, keys) == [(COUNT,)], "what the laboratory says is new"


def test_what_changed_in_the_source_is_imported_again(tmp_path: Path) -> None:
    mapping, out = plant(tmp_path), tmp_path / "out"
    report_of("-s", mapping, "-o", out)
    with closing(sqlite3.connect(tmp_path / "mes.db")) as db:
        db.execute("UPDATE schuesse SET Dichte = 77 WHERE SchussNr = '0003'")
        db.commit()
    report = report_of("-s", mapping, "-o", out)
    assert (report["shots"]["changed"], report["shots"]["done_before"]) == (1, 11)
    densities = [(load_bundle(path).quality or {}) for path in bundle_folders(out)]
    assert [one["rho_moulded_kg_per_m3"] for one in densities].count(77.0) == 1
    assert len(densities) == COUNT


def test_problems_are_reported_and_end_with_3(tmp_path: Path) -> None:
    shots = [shot(0), shot(1, Dichte="<5"), shot(2, SchussNr="a b"), shot(3), shot(3, Dichte=99.0)]
    mapping, out = sqlite_source(Logs(shots), tmp_path), tmp_path / "out"
    done = run("import-logs", "-s", mapping, "-o", out)
    assert done.exit_code == 3, done.output
    assert "table schuesse: row 2 (shot 0001), column Dichte: '<5' is no number" in done.stdout
    report = report_of("-s", mapping, "-o", out, "--again", code=3)
    assert (report["shots"]["imported"], report["shots"]["refused"]) == (3, 2)
    counts = {(one["kind"], one["column"]): one["count"] for one in report["problems"]}
    assert counts == {
        ("implausible", "Dichte"): 1,
        ("refused", "SchussNr"): 1,
        ("refused", ""): 1,
    }
    lines = Path(report["problems_file"]).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0])["where"] == "table schuesse: row 2"


def test_two_that_contradict_stay_as_they_are_however_often(tmp_path: Path) -> None:
    rows_of_one = [shot(3, Dichte=60.0), shot(3, Dichte=99.0), shot(3, Dichte=60.0)]
    mapping, out = sqlite_source(Logs(rows_of_one), tmp_path), tmp_path / "out"
    for number in range(3):
        report = report_of("-s", mapping, "-o", out, code=3)["shots"]
        assert (report["imported"], report["refused"]) == (number == 0, 1)
        assert (report["done_before"], report["changed"]) == (number > 0, 0)
        assert report["repeated"] == 1
        (path,) = bundle_folders(out)
        assert (load_bundle(path).quality or {})["rho_moulded_kg_per_m3"] == 60.0


def test_a_row_that_stands_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    mapping, out = sqlite_source(Logs([shot(1), shot(1), shot(2)]), tmp_path), tmp_path / "out"
    report = report_of("-s", mapping, "-o", out)
    counts = {"read": 3, "imported": 2, "repeated": 1, "done_before": 0}
    assert {name: report["shots"][name] for name in counts} == counts
    assert "row 2 (shot 0001): the same shot again" in report["examples"][0]
    assert "1 stand there again" in run("import-logs", "-s", mapping, "-o", out).stdout


def test_a_second_history_in_a_folder_needs_a_state_of_its_own(tmp_path: Path) -> None:
    mapping = plant(tmp_path, 1)
    report_of("-s", mapping, "--history", tmp_path / "a.db")
    done = run("import-logs", "-s", mapping, "--history", tmp_path / "b.db")
    assert done.exit_code == 2, done.output
    assert "give --state another file" in done.output
    report_of("-s", mapping, "--history", tmp_path / "b.db", "--state", tmp_path / "b.state.db")


def test_forgetting_removes_no_file_but_its_own(tmp_path: Path) -> None:
    mapping, history, notes = plant(tmp_path), tmp_path / "a.db", tmp_path / "notes.txt"
    notes.write_text("not ours")
    report_of("-s", mapping, "--history", history)
    before = history.read_bytes()
    for state, code, words in (
        (history, 2, "a.db: is no file of done shots"),
        (notes, 1, "notes.txt: cannot be used: file is not a database"),
        (tmp_path, 1, "cannot be used"),
    ):
        for more in ([], ["--again"]):
            done = run("import-logs", "-s", mapping, "--history", history, "--state", state, *more)
            assert done.exit_code == code, done.output
            assert words in done.stderr
    assert (history.read_bytes(), notes.read_text()) == (before, "not ours")


def test_a_folder_that_is_a_disk_of_its_own_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping, out = plant(tmp_path), tmp_path / "out"
    monkeypatch.setattr(bundle_folder, "_disk", lambda folder: folder == out)
    done = run("import-logs", "-s", mapping, "-o", out)
    assert done.exit_code == 2, done.output
    assert "out: is a disk of its own" in done.stderr
    assert f"name a folder on it, as {out / 'bundles'}" in done.stderr
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize("folder", [".", ".."])
def test_bundles_go_into_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    mapping = plant(tmp_path)
    here = tmp_path / "here"
    (here / "below").mkdir(parents=True)
    monkeypatch.chdir(here if folder == "." else here / "below")
    assert report_of("-s", mapping, "-o", folder)["shots"]["imported"] == COUNT
    assert len(bundle_folders(here)) == COUNT
    assert report_of("-s", mapping, "-o", folder)["shots"]["done_before"] == COUNT


def test_a_shot_without_a_time_is_not_lost_when_one_is_asked_for(tmp_path: Path) -> None:
    mapping = sqlite_source(Logs([shot(0), shot(1, Zeit=None)]), tmp_path)
    done = run("import-logs", "-s", mapping, "-o", tmp_path / "out", "--since", "2026-01-01")
    assert done.exit_code == 3
    assert "nobody knows whether it was asked for" in done.stdout
    assert "1 imported" in done.stdout


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("table: schuesse", "table: schusse"), 2, "there is no table schusse: is schuesse meant"),
        (("Polyol_g", "Poliol_g"), 2, "there is no column Poliol_g: is Polyol_g meant"),
        (("mes.db", "mess.db"), 2, "mess.db"),
        (("table: schuesse", "table: schuesse\npassword: x"), 2, "password: not in this file"),
    ],
)
def test_what_cannot_be_read_is_told(
    change: tuple[str, str], code: int, words: str, tmp_path: Path
) -> None:
    mapping = plant(tmp_path, 1)
    mapping.write_text(mapping.read_text("utf-8").replace(*change), "utf-8")
    done = run("import-logs", "-s", mapping, "-o", tmp_path / "out")
    assert done.exit_code == code, done.output
    assert words in done.output


def test_an_odd_database_is_no_traceback(tmp_path: Path) -> None:
    mapping = plant(tmp_path, 1)
    (tmp_path / "mes.db").write_bytes(b"no database" * 100)
    done = run("import-logs", "-s", mapping, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "not a database" in done.output


def test_a_database_that_is_not_there_is_told_with_the_place_of_its_address(tmp_path: Path) -> None:
    address = "postgresql://twin:secret@127.0.0.1:1/history"
    (tmp_path / "address").write_text(address)
    source = tmp_path / "central.yaml"
    source.write_text(f"kind: history\nurl_file: {tmp_path / 'address'}\n")
    for arguments, place in (
        (["-s", plant(tmp_path, 1), "--history", address], "host and port in --history"),
        (["-s", source, "-o", tmp_path / "out"], "that the source has (url_file)"),
    ):
        done = run("import-logs", *arguments, "--state", tmp_path / "state.db")
        assert done.exit_code == 1, done.output
        assert place in " ".join(done.stderr.split())
        assert "history.url" not in done.output
        assert "secret" not in done.output
        (tmp_path / "state.db").unlink()


def test_a_draft_of_a_table(tmp_path: Path) -> None:
    mapping = plant(tmp_path, 3)
    done = run("import-logs", "-s", mapping, "--propose", "schuesse")
    assert done.exit_code == 0, done.output
    assert "  shot_id: SchussNr  # likely" in done.stdout
    assert "database: " in done.stdout
    document = json.loads(
        run("import-logs", "-s", mapping, "--propose", "messwerte", "--output", "json").stdout
    )
    assert document["form"] == "long"
    assert {one["name"]: one["field"] for one in document["columns"]}["Kern"] == "T_core_C"


def test_the_first_generation_s_table_needs_no_columns(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "p.db")) as db:
        db.execute(
            "CREATE TABLE process_logs (shot_id, system_id, m_polyol, m_iso, m_additives, "
            "T_polyol_in_C, T_iso_in_C, T_mold_init_C, T_ambient_C, RH_ambient, mixing_eff, "
            "rho_moulded, H_demold, H_24h, defect_risk_operator, defects)"
        )
        db.execute(
            "INSERT INTO process_logs VALUES ('7','SYSTEM_R1',1,1.1,0,23,24,45,22,0.5,0.9,"
            "60,40,55,0.2,'[\"void\"]')"
        )
        db.commit()
    mapping = tmp_path / "old.yaml"
    mapping.write_text(f"driver: sqlite\ndatabase: {tmp_path / 'p.db'}\ntable: process_logs\n")
    done = run("import-logs", "--source", mapping, "-o", tmp_path / "out")
    assert done.exit_code == 3, "no mold: a cup stands in"
    (path,) = bundle_folders(tmp_path / "out")
    bundle = load_bundle(path)
    assert bundle.recipe.RH_ambient_pct == 50.0
    assert bundle.quality is not None
    assert bundle.quality["defects"] == ["void"]
    assert (bundle.meta.mold_id, bundle.quality_status) == ("CUP", "FAIL")
