"""``-v``: log lines and tracebacks on stderr, before or behind the name of a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.processes import ROOT

SWEEP = ["sweep", "-s", str(ROOT / "configs/scenarios/panel_packed.yaml"), "--vary", "x.y=1:2"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    "arguments", [["-v", *SWEEP], [*SWEEP, "-v"], ["--verbose", *SWEEP, "--verbose"]]
)
def test_an_error_with_its_traceback(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert "in read_path" in done.stderr
    assert "error: x.y: there is no number" in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_without_it_a_line() -> None:
    done = run(*SWEEP)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr


def test_the_cause_of_an_error_is_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = ["--samples", "2", "--method", "random", "--export-csv"]
    done = run(*SWEEP[:3], *options, str(tmp_path / "file" / "shots.csv"), "-v")
    assert done.exit_code == 2
    assert "The above exception was the direct cause" in done.stderr
    assert "NotADirectoryError" in done.stderr or "FileExistsError" in done.stderr


def test_behind_the_name_of_a_group_and_of_its_command(tmp_path: Path) -> None:
    for where in (["-v", "show"], ["show", "-v"]):
        done = run("models", *where, "pour", "1", "--models", str(tmp_path))
        assert done.exit_code == 2
        assert "in manifest" in done.stderr


def test_a_password_that_an_error_hides_stays_hidden() -> None:
    done = run("history", "-v", "--history", "postgresql://user:hunter2@host:port/db")
    assert done.exit_code == 2
    assert "Traceback" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("options", [[], ["-v"]])
def test_log_lines_are_on_stderr(tmp_path: Path, options: list[str]) -> None:
    code = (
        "from edge_agent.inference.registry import ModelRegistry\n"
        "from edge_agent.cli import main\n"
        "from edge_agent.logs import get_logger\n"
        "old = ModelRegistry.manifests\n"
        "def manifests(self):\n"
        "    get_logger().debug('models_changed', detail='seen')\n"
        "    return old(self)\n"
        "ModelRegistry.manifests = manifests\n"
        "main()\n"
    )
    arguments = ["models", "list", "--models", str(tmp_path), *options]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "models_changed" in done.stderr
    assert done.stdout == f"{tmp_path}: no models\n"
