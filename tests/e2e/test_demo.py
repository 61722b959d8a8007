"""``demo``: what it leaves behind, also when it is ended early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, wait_for

ENDS_S = 240
"""A demo that is compiling the model ends when that is done."""
pytestmark = pytest.mark.needs("mosquitto")


def demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A demo that goes on until it is ended, with a folder of its own for temporary files."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "demo", "--speed", "100", *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_signal_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    running = {
        signal.SIGINT: demo(tmp_path / "int"),
        signal.SIGTERM: demo(tmp_path / "term", "--dir", str(kept)),
    }
    try:
        wait_for(lambda: list(tmp_path.glob("int/pur-mold-twin-demo-*/history.db")), "a demo", 120)
        wait_for((kept / "history.db").exists, "a demo in a folder", 120)
        for number, process in running.items():
            process.send_signal(number)
        output = {
            number: process.communicate(timeout=ENDS_S)[0] for number, process in running.items()
        }
    finally:
        for process in running.values():
            process.kill()
            process.wait(10)
    for number, process in running.items():
        assert process.returncode == 0, output[number]
        assert max(map(len, output[number].splitlines())) <= 80 + len(str(tmp_path))
    assert not list(tmp_path.glob("*/pur-mold-twin-demo-*"))
    assert "history: deleted; --dir DIR keeps it" in output[signal.SIGINT]
    assert f"history: {kept}/history.db" in output[signal.SIGTERM]
    assert (kept / "history.db").is_file()
