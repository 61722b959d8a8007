"""Files of ``optimize``: tried before the search; one that fails later costs no result."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main, optimize_files
from edge_agent.cli.optimize_files import KeptFile, check_files, replace_file
from tests.support.processes import ROOT
from twin_core.errors import InputError

LITTLE = (
    *("--draws", "2", "--samples", "2", "--candidates", "2", "--confirm-draws", "2"),
    *("--vary", "T_mold_C=38:42"),
)


def twin(*arguments: object) -> Result:
    text = (ROOT / "configs/scenarios/rigid_panel.yaml").read_text()
    Path("panel.yaml").write_text(text + "simulation: {dimension: 0d}\n")
    asked = ["optimize", "-s", "panel.yaml", *LITTLE, *map(str, arguments)]
    return CliRunner().invoke(main, asked)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("option", ["--save-json", "--export-csv", "--report"])
@pytest.mark.parametrize("name", ["/proc/nope/a.md", "folder.md"])
def test_a_file_that_cannot_be_written_is_refused_before_the_search(
    option: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("folder.md").mkdir()
    monkeypatch.setattr("twin_core.optimization.run.all_phases", lambda *_: pytest.fail("began"))
    found = twin(option, name)
    assert found.exit_code == 2, found.output
    assert f"{name}: cannot be written" in found.stderr


def test_the_files_are_not_changed_by_the_trial(tmp_path: Path) -> None:
    kept, other = tmp_path / "a.json", tmp_path / "a.csv"
    kept.write_text("before")
    check_files(kept, other, Path("/dev/stdout"), None)
    assert kept.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_the_result_is_printed_where_its_file_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, text: str) -> None:
        raise InputError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr(optimize_files, "KEEP_EVERY_S", 0.0)
    monkeypatch.setattr(optimize_files, "replace_file", full)
    found = twin("--save-json", "a.json", "--export-csv", "a.csv")
    assert found.exit_code == 2, found.output
    assert "advice (the best cycle_s of those that hold)" in found.stdout
    assert found.stderr.count("No space left on device; the search goes on") == 1
    assert "error: a.json: cannot be written: No space left" in found.stderr
    assert Path("a.csv").exists(), "the others are written"


def test_a_kept_file_is_whole_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    kept = KeptFile(path)
    kept.keep(lambda: "first")
    assert not kept.is_due

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "replace", broken)
    kept.keep(lambda: "second")
    assert path.read_text() == "first"
    with pytest.raises(InputError, match="Input/output error"):
        replace_file(path, "third")
