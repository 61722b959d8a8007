"""``import-logs`` into a history that has the shots: from elsewhere, or by another mapping."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

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
