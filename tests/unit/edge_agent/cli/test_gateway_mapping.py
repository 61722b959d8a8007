"""Commands about a gateway's mapping: what they print, and how they end."""

from __future__ import annotations

import json
import sqlite3

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.gateway.moments import us_of
from edge_agent.gateway.trace import NOT, TOLD, TraceLine
from tests.support.stations import T0
from twin_core.shipped_files import configs_folder

EXAMPLE = configs_folder() / "gateway" / "s7-1500.yaml"


def _run(*arguments):
    return CliRunner().invoke(main, ["gateway", *map(str, arguments)])


def test_check_of_a_good_mapping():
    found = _run("check", "-c", EXAMPLE)

    assert found.exit_code == 0
    assert found.output.endswith(f"{EXAMPLE}: nothing is wrong\n")


def test_check_of_a_bad_one_names_all_with_lines(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(EXAMPLE.read_text().replace("unit: mbar", "unit: mbr").replace("M", "M", 1))

    found = _run("check", "-c", path, "--live")

    assert found.exit_code == 2
    assert "problem: " in found.output
    assert "p_cavity_bar.unit: unit 'mbr' is not known: is mbar meant?" in found.output
    assert "nothing is connected to before that is mended" in found.output
    assert found.output.endswith("1 problem\n")


@pytest.mark.parametrize("name", ["check", "watch"])
def test_no_file(name, tmp_path):
    found = _run(name, "-c", tmp_path / "nothing.yaml")

    assert found.exit_code == 2
    assert "no such file" in found.output


def test_propose_from_a_list(tmp_path):
    tags, draft = tmp_path / "tags.csv", tmp_path / "draft.yaml"
    tags.write_text("address,name,data_type,unit\nns=2;i=1,MoldTemp,Float,°C\nns=2;i=2,X,Float,\n")

    found = _run("propose", "--from", tags, "-o", draft)

    assert found.exit_code == 0
    assert found.output.startswith("1 of 2 tags recognized, ")
    assert _run("check", "-c", draft).exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["--from", "a", "-c", "b"]])
def test_propose_needs_one_of_two(arguments):
    assert _run("propose", *arguments).exit_code == 2


@pytest.fixture
def outbox(tmp_path):
    path = tmp_path / "gateway.db"
    lines = [
        TraceLine("press1", us_of(T0), NOT, "poured", "while-not-held", "plc.pour falls, but …"),
        TraceLine("press2", us_of(T0), TOLD, "poured", "told", "shot S-1 poured"),
    ]
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE trace (id INTEGER PRIMARY KEY, station TEXT, document TEXT)")
        rows = [(line.station, json.dumps(line.document())) for line in lines]
        db.executemany("INSERT INTO trace (station, document) VALUES (?, ?)", rows)
    db.close()
    return path


def test_trace_in_words(outbox):
    found = _run("trace", "--outbox", outbox)

    assert found.exit_code == 0
    assert found.output.splitlines() == [
        "2026-05-04T08:00:00Z press1 not poured (while-not-held): plc.pour falls, but …",
        "2026-05-04T08:00:00Z press2 told poured (told): shot S-1 poured",
    ]


def test_trace_of_a_station_as_json(outbox):
    found = _run("trace", "--outbox", outbox, "--station", "press2", "--output", "json")

    assert json.loads(found.output)["words"] == "shot S-1 poured"
    assert "no line of station x yet" in _run("trace", "--outbox", outbox, "--station", "x").output


def test_trace_of_what_is_no_outbox(tmp_path):
    path = tmp_path / "gateway.db"
    path.write_text("x" * 5000)

    found = _run("trace", "--outbox", path)

    assert found.exit_code == 2
    assert "cannot be read as the outbox" in found.output
    assert "there is no outbox" in _run("trace", "--outbox", tmp_path / "no.db").output
