"""Commands make the folder of the file that they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.calibration.plot import draw
from edge_agent.calibration.system_file import save
from edge_agent.calibration.text import Curve, Panel
from edge_agent.cli import main
from edge_agent.cli.common import write_file
from edge_agent.report.content import Page
from tests.support.processes import ROOT
from twin_core.errors import InputError

SCENARIO = str(ROOT / "configs/scenarios/panel_packed.yaml")


def run(*arguments: str) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output


def test_run_sim(tmp_path: Path) -> None:
    names = {"--save-json": "a/shot.json", "--export-csv": "b/c/shot.csv", "--report": "d/shot.md"}
    options = [word for option, name in names.items() for word in (option, str(tmp_path / name))]
    run("run-sim", "-s", SCENARIO, *options)
    assert all((tmp_path / name).stat().st_size for name in names.values())


def test_sweep(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "shots.csv"
    run("sweep", "-s", SCENARIO, "-n", "4", "--method", "random", "--export-csv", str(path))
    assert len(path.read_text().splitlines()) == 5


def test_validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page("Validation", (), ())
    monkeypatch.setattr("edge_agent.report.validation.validation_page", lambda: page)
    run("validate", "--out", str(tmp_path / "a" / "b" / "page.md"))
    assert "Validation" in (tmp_path / "a" / "b" / "page.md").read_text()


def test_calibrate(tmp_path: Path) -> None:
    save(tmp_path / "a" / "system.yaml", "x: 1\n", force=False)
    assert (tmp_path / "a" / "system.yaml").read_text() == "x: 1\n"
    line = np.array([0.0, 1.0])
    draw([Panel("a", [Curve("before", line, line)], [])], tmp_path / "b" / "cup.png")
    assert (tmp_path / "b" / "cup.png").stat().st_size


def test_a_refusal_is_clear(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/b: cannot be written: (Not a dir|File exists)"):
        write_file(tmp_path / "file" / "b", "text")
