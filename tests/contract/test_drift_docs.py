"""docs/drift.md: its commands run, its kinds, codes, rates and columns are the code's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.cli import check_drift
from edge_agent.learning.tables import write_table
from edge_agent.report.drift import COLUMNS
from tests.support.drifting import windows
from tests.support.scenarios import ROOT
from twin_core.learning import drift, drift_result

TEXT = (ROOT / "docs" / "drift.md").read_text()
COMMAND_LINES = re.findall(r"^    pur-mold-twin check-drift (.*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_commands_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, table in zip(("trained_on", "last_week"), windows(1, 500, 100, 4), strict=True):
        write_table(Path(f"{name}.parquet"), table)
    result = CliRunner().invoke(check_drift.command, shlex.split(line))
    assert result.exit_code == 0, result.output


def rows(heading: str) -> list[str]:
    """First cells of the tables below a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)
    return [cell for cell in found if cell != "---"]


def test_kinds_stand_in_their_order() -> None:
    assert rows("What to do")[1:] == [str(kind) for kind in drift_result.Kind]


def test_exit_codes() -> None:
    for level in drift_result.Level:
        assert f"| {int(level)} | {level.name}" in TEXT
    assert f"| {check_drift.NO_VERDICT} | no check could be made" in TEXT


def test_columns_of_the_table() -> None:
    named = {name for cell in rows("How to read the report")[1:] for name in cell.split(", ")}
    shown = set(COLUMNS.replace("shift, sd", "shift|sd").split("|"))
    assert shown - {"column", "level"} == named


def test_rates_and_limits() -> None:
    o = drift_result.Options()
    assert f"at most {o.warn_rate:.0%} alarm".replace("%", " %") in TEXT
    assert f"at most {o.alert_rate:.1%} say ALERT".replace("%", " %") in TEXT
    assert f"at least {o.warn_threshold:g} (WARNING" in TEXT
    assert f"below {drift.FEWEST_ROWS} there is no verdict" in TEXT
    shifts = [f"{np.sqrt(limit):.2f}" for limit in (o.warn_threshold, o.alert_threshold)]
    assert " or ".join(shifts) in TEXT.replace("\n", " ")
