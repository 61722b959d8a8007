"""``calibrate --due``: answer, exit code, and what it needs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import calibrate_due, calibrate_production, main
from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.new_parameter_set import write_new
from edge_agent.config.parameter_set_store import promote
from edge_agent.config.settings import CatalogueSettings
from tests.support.calibration_shots import parameter_set
from tests.support.shots import rows_of, write_history


def run(*arguments: object, exit_code: int) -> Result:
    found = CliRunner().invoke(main, ["calibrate", "--due", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    assert "Traceback" not in found.output
    return found


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Thirty shots of PANEL_A, ten minutes apart, and two of PANEL_B."""
    rows = [row for number in range(30) for row in rows_of(number, lab_after_s=None)]
    rows += [row for number in (31, 32) for row in rows_of(number, mold="PANEL_B")]
    return asyncio.run(write_history(tmp_path / "history.db", rows))


def test_molds_without_a_set(tmp_path: Path, history: Path) -> None:
    found = run("--history", history, "--sets", tmp_path / "none", exit_code=1)
    assert all(len(line) <= 80 for line in found.stdout.splitlines())
    assert "PANEL_A, SYSTEM_R1: no parameter set is in use" in found.stdout
    assert "PANEL_B, SYSTEM_R1: note: no parameter set is in use; a calibration" in found.stdout
    few = run("--history", history, "--sets", tmp_path, "--mold", "PANEL_B", exit_code=0)
    assert "PANEL_A" not in few.stdout
    nobody = run("--history", history, "--sets", tmp_path, "--system", "SYSTEM_M1", exit_code=0)
    assert "no shots fit: nothing to say" in nobody.stdout


def test_a_set_in_use_is_looked_at(tmp_path: Path, history: Path) -> None:
    sets, catalogue = tmp_path / "sets", read_catalogue(CatalogueSettings())
    write_new(sets, parameter_set(2))  # two hours: twelve of the shots, and the one at the hour
    promote(sets, "SYSTEM_R1", 1, catalogue.systems, catalogue.molds)
    where = ("--history", history, "--sets", sets, "--age-max", "36500d", "--output", "json")
    answer = json.loads(run(*where, exit_code=0).stdout)
    assert answer[0] == {
        "mold_id": "PANEL_A", "system_id": "SYSTEM_R1", "parameter_set": "SYSTEM_R1-c1",
        "due": False, "shots_since_count": 17, "reasons": [], "simulated": False,
        "notes": ["no control chart: it needs 40 shots that the set was fitted to, of all molds, "
                  "and some since"],
    }  # fmt: skip
    old = json.loads(run(*where[:4], *where[6:], "--age-max", "1m", exit_code=1).stdout)
    assert [reason["code"] for reason in old[0]["reasons"]] == ["age"]


def test_simulated_shots_and_molds_of_nobody_are_named(tmp_path: Path) -> None:
    rows = [*rows_of(1, mold="M-77", simulated=True), *rows_of(2), *rows_of(3, simulated=True)]
    path = asyncio.run(write_history(tmp_path / "history.db", rows))
    where = ("--history", path, "--sets", tmp_path / "none")
    found = json.loads(run(*where, "--output", "json", exit_code=0).stdout)
    assert [(one["mold_id"], one["simulated"]) for one in found] == [
        ("M-77", True), ("PANEL_A", False)
    ]  # fmt: skip
    said = "mold M-77: not in the catalogue: give --config, or --molds and --systems"
    assert said in found[0]["notes"]
    assert not any("catalogue" in words for words in found[1]["notes"])
    assert "M-77, SYSTEM_R1 (simulated): note: mold M-77" in run(*where, exit_code=0).stdout


def test_simulated_shots_beside_others_do_not_count(tmp_path: Path) -> None:
    rows = [row for n in range(30) for row in rows_of(n, lab_after_s=None, simulated=True)]
    rows += [row for n in (30, 31) for row in rows_of(n, lab_after_s=None)]
    path = asyncio.run(write_history(tmp_path / "history.db", rows))
    where = ("--history", path, "--sets", tmp_path / "none", "--output", "json")
    (one,) = json.loads(run(*where, exit_code=0).stdout)
    assert (one["shots_since_count"], one["due"]) == (2, False)


def test_the_configuration_of_an_agent_is_no_file_of_systems(tmp_path: Path, history: Path) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text("site: s\nagent_id: a\npresses: [p1]\n")
    for options in ((), ("--history", history)):
        found = run("-c", agent, *options, exit_code=2)
        assert f"here -c is --systems, a file or folder of systems: write --config {agent}" in (
            " ".join(found.stderr.split())
        )


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(KeyboardInterrupt(), 130, "stopped"), (RuntimeError("odd"), 2, "a fault of this program")],
)
def test_what_was_stopped_or_failed_is_no_word_on_what_is_due(
    history: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(calibrate_due, "query_of", fail)
    monkeypatch.setattr(calibrate_production, "query_of", fail)
    assert words in run("--history", history, exit_code=code).stderr
    if isinstance(error, KeyboardInterrupt):
        command = ["calibrate", "--production", "--history", str(history), "--dry-run"]
        found = CliRunner().invoke(main, command)
        assert (found.exit_code, found.stderr.splitlines()[-1]) == (130, "stopped")


def test_what_cannot_be_told_ends_with_2(tmp_path: Path, history: Path) -> None:
    assert "no such history file" in run("--history", tmp_path / "no.db", exit_code=2).stderr
    assert "where are the shots?" in run(exit_code=2).stderr
    for option, value in (("--since", "90d"), ("--fit", "gelling.A"), ("--shots-max", "5")):
        found = run("--history", history, option, value, exit_code=2)
        assert option in found.stderr
    sets = tmp_path / "sets"
    sets.mkdir()
    (sets / "in_use.yaml").write_text("sets: {PANEL_A: {SYSTEM_R1: {number: 9}}}\n")
    assert "no parameter set 9" in run("--history", history, "--sets", sets, exit_code=2).stderr
