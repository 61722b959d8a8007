"""gateway browse: tags of a source as a table, CSV and JSON, which propose reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.processes import ROOT

EXAMPLE = ROOT / "configs" / "gateway" / "logger-folder.yaml"
FILE = "Time;T_Werkzeug;Schuss\n2026-05-04 10:00:28;40,2;1041\n2026-05-04 10:00:30;40,4;1042\n"


@pytest.fixture(autouse=True)
def logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with one file of a logger, named by a copy of the example."""
    monkeypatch.chdir(tmp_path)
    folder = Path("var/logger")
    folder.mkdir(parents=True)
    (folder / "press1_a.csv").write_text(FILE)
    Path("gateway.yaml").write_text(EXAMPLE.read_text())


def browse(*more: str) -> Result:
    return CliRunner().invoke(main, ["gateway", "browse", "-c", "gateway.yaml", *more])


def test_a_table() -> None:
    done = browse()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "logger: 3 tags"
    assert "T_Werkzeug" in done.stdout
    assert "40,4" in done.stdout


def test_a_long_address_is_one_line_where_there_is_no_terminal() -> None:
    column = "Temperatur " * 20 + "Ende"
    Path("var/logger/press1_b.csv").write_text(f"Time;{column}\n2026-05-04 10:00:28;40,2\n")
    assert column in browse().stdout


def test_csv_and_json_are_read_by_propose() -> None:
    table = browse("--output", "csv", "--source", "logger").stdout
    rows = list(csv.DictReader(table.splitlines()))
    assert rows == json.loads(browse("--output", "json").stdout)
    assert [row["address"] for row in rows] == ["Time", "T_Werkzeug", "Schuss"]
    assert {row["source"] for row in rows} == {"logger"}
    Path("tags.csv").write_text(table)
    proposed = ["gateway", "propose", "--from", "tags.csv", "--kind", "folder"]
    done = CliRunner().invoke(main, proposed)
    assert done.exit_code == 0, done.output
    assert "column: Schuss" in done.stdout


def test_a_source_that_cannot_be_asked_costs_itself() -> None:
    settings = yaml.safe_load(EXAMPLE.read_text())
    sources = settings["sources"]
    sources["gone"] = sources["logger"] | {"path": "nowhere"}
    Path("gateway.yaml").write_text(yaml.safe_dump(settings))
    done = browse()
    assert done.exit_code == 1
    assert "logger: 3 tags" in done.stdout
    assert "error: gone: " in done.stderr
    assert "Traceback" not in done.output


def test_of_a_source_its_address_is_enough() -> None:
    Path("gateway.yaml").write_text(
        "sources:\n  logger: {kind: folder, path: var/logger, time_column: Time}\n"
    )
    done = browse()
    assert done.exit_code == 0, done.output
    assert "logger: 3 tags" in done.stdout
    done = CliRunner().invoke(main, ["gateway", "propose", "-c", "gateway.yaml"])
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["site"] == "plant1"


def test_what_is_wrong_with_a_source_is_told_by_browse() -> None:
    Path("gateway.yaml").write_text("sources:\n  a: {kind: folder, time_column: Time}\n")
    done = browse()
    assert done.exit_code == 2
    assert "line 2: sources.a.path: is missing" in done.stderr
    assert "tags" not in done.stderr
    assert "stations" not in done.stderr


def test_a_draft_takes_over_what_the_file_sets_but_no_secret(monkeypatch) -> None:
    given = yaml.safe_load(EXAMPLE.read_text()) | {
        "id": "gateway-x", "outbox": {"path": "var/x.db"}, "health": {"enabled": True},
        "log": {"level": "debug"}, "broker": {"host": "broker.plant", "username": "me"},
    }  # fmt: skip
    Path("gateway.yaml").write_text(yaml.safe_dump(given))
    monkeypatch.setenv("TWIN_BROKER__PASSWORD", "hunter2")
    done = CliRunner().invoke(main, ["gateway", "propose", "-c", "gateway.yaml"])
    assert done.exit_code == 0, done.output
    found = yaml.safe_load(done.stdout)
    for name in ("id", "site", "outbox", "health", "log", "broker"):
        assert found[name] == given[name]
    assert found["sources"]["logger"]["path"] == given["sources"]["logger"]["path"]
    assert "password" not in done.stdout


def test_a_source_that_is_not_there() -> None:
    done = browse("--source", "loger")
    assert done.exit_code == 2
    assert "is logger meant?" in done.stderr
