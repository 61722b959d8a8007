"""What a failing test prints is bounded: a storm of log lines must not bury the failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import PRINTED
from tests.support.processes import ROOT

LOUD = """
import logging
def test_loud():
    for number in range(3_000):
        logging.error("Task exception was never retrieved %d", number)
        print("line", number)
    assert False, "the failure"
"""


def test_a_storm_of_lines_is_cut(tmp_path: Path) -> None:
    (tmp_path / "test_loud.py").write_text(LOUD)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "test_loud.py"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "the failure" in done.stdout
    assert "characters left out" in done.stdout
    assert len(done.stdout) < 4 * PRINTED
