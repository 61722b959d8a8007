"""``import-logs`` into a history that has the shots: from elsewhere, or by another mapping."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.file_commands import run
from tests.unit.edge_agent.cli.test_import_logs import COUNT, plant, report_of, rows

COUNTS = "SELECT (SELECT count(*) FROM shot), (SELECT count(*) FROM telemetry), "
COUNTS += "(SELECT count(*) FROM quality), (SELECT count(*) FROM event)"


def test_the_same_by_another_source_id_doubles_nothing(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    report_of("-s", mapping, "--history", history)
    other = tmp_path / "other.yaml"
    other.write_bytes(mapping.read_bytes())
    before = [rows(history, COUNTS), rows(history, "SELECT * FROM shot")]
    for source, more in ((other, []), (other, ["--again"]), (mapping, ["--again"])):
        report = report_of("-s", source, "--history", history, *more)
        assert (report["shots"]["there_already"], report["shots"]["imported"]) == (COUNT, 0)
        assert [rows(history, COUNTS), rows(history, "SELECT * FROM shot")] == before


def test_what_its_own_source_corrects_is_corrected(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    report_of("-s", mapping, "--history", history)
    before = rows(history, COUNTS)
    with closing(sqlite3.connect(tmp_path / "mes.db")) as db:
        db.execute("UPDATE schuesse SET Iso_g = 1150 WHERE SchussNr = '0003'")
        db.commit()
    report = report_of("-s", mapping, "--history", history, "--again")
    assert (report["shots"]["there_already"], report["shots"]["imported"]) == (COUNT - 1, 1)
    assert report["beside"] == {"events and readings not sent again": 1}
    assert rows(history, COUNTS) == before
    ((mass,),) = rows(history, "SELECT recipe ->> 'm_iso_kg' FROM shot WHERE shot_id = '0003'")
    assert mass == 1.15


def test_readings_that_were_never_sent_are_sent_once(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    text = mapping.read_text("utf-8")
    wrong = text.replace("{name: Kern,", "{name: K,").replace("{name: Druck,", "{name: D,")
    mapping.write_text(wrong, "utf-8")
    first = report_of("-s", mapping, "--history", history, code=3)
    assert (first["shots"]["imported"], first["readings"]) == (COUNT, 0)
    assert rows(history, "SELECT count(*) FROM telemetry") == [(0,)]
    mapping.write_text(text, "utf-8")
    report = report_of("-s", mapping, "--history", history)
    assert (report["shots"]["changed"], report["readings"]) == (COUNT, COUNT * 10)
    assert report["beside"] == {"readings sent that the history did not have": COUNT}
    once = rows(history, COUNTS)
    assert once == [(COUNT, COUNT * 5, COUNT, COUNT * 2)]
    assert report_of("-s", mapping, "--history", history)["shots"]["done_before"] == COUNT
    tmp_path.joinpath("import.mes.state.db").unlink()  # as after a kill before it was noted
    assert report_of("-s", mapping, "--history", history)["shots"]["there_already"] == COUNT
    assert rows(history, COUNTS) == once
    report_of("-s", mapping, "--history", history, "--take-back", "--yes")
    assert rows(history, COUNTS) == [(0, 0, 0, 0)]


@pytest.mark.parametrize("more", [[], ["--again"]])
def test_readings_that_differ_from_those_there_are_told(more: list[str], tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    report_of("-s", mapping, "--history", history)
    before = rows(history, COUNTS)
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace("offset: 1013", "offset: 1000"), "utf-8")
    for _ in range(2):
        report = report_of("-s", mapping, "--history", history, *more, code=3)
        assert report["readings"] == 0
        assert report["problems"] == [{"kind": "refused", "column": "series", "count": COUNT}]
        assert "10 readings NOT written" in report["examples"][0]
        assert "--take-back first" in report["examples"][0]
        assert rows(history, COUNTS) == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("site: s", "site: s\ntime_zone: Europe/Berlin", "poured 2 h apart"),
        ('"1": PANEL_A', '"1": PANEL_C', "in mold PANEL_A"),
    ],
)
def test_a_mapping_that_is_corrected_does_not_double_shots(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    with closing(sqlite3.connect(tmp_path / "mes.db")) as db:
        db.execute("UPDATE schuesse SET Zeit = replace(Zeit, 'Z', '')")
        db.commit()
    text = "site: s\n" + mapping.read_text("utf-8")
    zone = "" if "time_zone" in new else "time_zone: UTC\n"
    mapping.write_text(f"time_zone: UTC\n{text}", "utf-8")
    report_of("-s", mapping, "--history", history)
    before = rows(history, COUNTS)
    mapping.write_text(f"{zone}{text.replace(old, new)}", "utf-8")
    report = report_of("-s", mapping, "--history", history, code=3)
    moved = COUNT // 2 if "PANEL" in new else COUNT
    assert (report["shots"]["refused"], report["shots"]["imported"]) == (moved, 0)
    assert words in report["examples"][0]
    assert "was the time zone or a name changed?" in report["examples"][0]
    assert "table schuesse: row 1" in report["examples"][0]
    assert rows(history, COUNTS) == before
    report = report_of("-s", mapping, "--history", history, "--ids-repeat")
    assert report["shots"]["imported"] == moved


@pytest.mark.parametrize(
    ("old", "new", "column", "count"),
    [
        ("press: Anlage", 'press: {column: Anlage, names: {"p2": P-2}}', "press", COUNT // 3),
        ("site: s", "site: t", "site", COUNT),
    ],
)
def test_a_press_that_is_called_otherwise_does_not_double_shots(
    old: str, new: str, column: str, count: int, tmp_path: Path
) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    text = "site: s\n" + mapping.read_text("utf-8")
    mapping.write_text(text, "utf-8")
    report_of("-s", mapping, "--history", history)
    before = rows(history, COUNTS)
    mapping.write_text(text.replace(old, new), "utf-8")
    report = report_of("-s", mapping, "--history", history, code=3)
    assert (report["shots"]["refused"], report["shots"]["imported"]) == (count, 0)
    assert report["problems"] == [{"kind": "refused", "column": column, "count": count}]
    assert "was a press or the site called otherwise?" in report["examples"][0]
    assert rows(history, COUNTS) == before
    report = report_of("-s", mapping, "--history", history, "--ids-repeat")
    assert report["shots"]["imported"] == count


def test_two_presses_that_count_alike_are_two(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    with closing(sqlite3.connect(tmp_path / "mes.db")) as db:
        db.execute("UPDATE schuesse SET SchussNr = '0001', Zeit = '2026-05-01T00:00:00Z'")
        db.execute("DELETE FROM schuesse WHERE rowid > 3")
        db.execute("UPDATE schuesse SET Form = rowid")
        db.commit()
    for press in ("p1", "p2", "p3"):
        report = report_of("-s", mapping, "--history", history, "--press", press, code=3)
        assert (report["shots"]["imported"], report["shots"]["refused"]) == (1, 0)


def test_a_counter_that_starts_again_is_no_doubt(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    report_of("-s", mapping, "--history", history)
    with closing(sqlite3.connect(tmp_path / "mes.db")) as db:
        db.execute(
            "UPDATE schuesse SET Zeit = replace(Zeit, '05-01T00', '05-02T00'), Iso_g = Iso_g + 7"
        )
        db.commit()
    report = report_of("-s", mapping, "--history", history)
    assert (report["shots"]["imported"], report["shots"]["refused"]) == (COUNT, 0)


def test_an_import_is_taken_back_and_can_come_again(tmp_path: Path) -> None:
    mapping, history = plant(tmp_path), tmp_path / "history.db"
    arguments = ["-s", mapping, "--history", history]
    report_of(*arguments)
    before = rows(history, COUNTS)
    asked = run("import-logs", *arguments, "--take-back")
    assert asked.exit_code == 1
    assert f"{COUNT} shots that mes has imported" in asked.output
    found = report_of(*arguments, "--take-back", "--dry-run")
    assert found["shots"] == {"taken_back": COUNT, "staying": 0}
    assert rows(history, COUNTS) == before
    mapping.rename(tmp_path / "mes.old")
    done = run("import-logs", *arguments, "--take-back", "--yes")
    assert done.exit_code == 0, done.output
    assert f"{COUNT} shots taken back, 0 stay" in done.output
    assert rows(history, COUNTS) == [(0, 0, 0, 0)]
    assert "0 shots that mes" in run("import-logs", *arguments, "--take-back").output
    (tmp_path / "mes.old").rename(mapping)
    assert report_of(*arguments)["shots"]["imported"] == COUNT
    assert rows(history, COUNTS) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--take-back"], "name the history with --history"),
        (["--take-back", "--history", "h.db", "--mold", "A"], "filters do not go with it"),
        (["--take-back", "--history", "h.db", "--output", "json"], "asks nobody: give --yes"),
        (["--yes"], "go with --take-back alone"),
    ],
)
def test_what_does_not_go_with_taking_back(arguments: list[str], words: str) -> None:
    done = run("import-logs", "-s", "mes", *arguments)
    assert done.exit_code == 2
    assert words in done.output
