"""docs/report.md: its commands run, its sections are those of a report."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import COMMANDS, run_sim
from edge_agent.report.measured import SENSORS
from tests.support.scenarios import ROOT

TEXT = (ROOT / "docs" / "report.md").read_text()
COMMAND_LINES = re.findall(r"^    pur-mold-twin (.*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", [line for line in COMMAND_LINES if line.startswith("run-sim ")])
def test_commands_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = shlex.split(line)[1:]
    if "--report" in arguments:  # not into the project
        at = arguments.index("--report") + 1
        arguments[at] = str(tmp_path / arguments[at])
    result = CliRunner().invoke(run_sim.command, arguments)
    assert result.exit_code == 0, result.output


def test_commands_exist() -> None:
    assert {line.split()[0] for line in COMMAND_LINES} == {"run-sim", "validate"}
    assert {line.split()[0] for line in COMMAND_LINES} <= set(COMMANDS)


def test_sections_are_those_of_the_report() -> None:
    code = (ROOT / "edge_agent" / "report" / "shot.py").read_text()
    titles = set(re.findall(r'Section\(\s*"([^"]+)"', code))
    rows = set(re.findall(r"^\| ([^|]+?) \|", TEXT, re.MULTILINE))
    assert titles == rows - {"section", "top", "---"}


def test_sensors_are_named() -> None:
    for sensor in SENSORS:
        assert f"`{sensor}`" in TEXT
