"""``demo``: what it leaves behind, also when it is ended early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli.demo import place_of
from tests.support.processes import ROOT, wait_for

ENDS_S = 240
"""A demo that is compiling the model ends when that is done."""
pytestmark = pytest.mark.needs("mosquitto")


def demo(folder: Path) -> subprocess.Popen[str]:
    """A demo that goes on until it is ended, with a folder of its own for temporary files."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "demo", "--speed", "100"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_signal_leaves_nothing_behind(tmp_path: Path) -> None:
    running = {number: demo(tmp_path / number.name) for number in (signal.SIGINT, signal.SIGTERM)}
    made = "{}/pur-mold-twin-demo-*/history.db"
    try:
        for number in running:
            wait_for(lambda n=number: list(tmp_path.glob(made.format(n.name))), "a demo", ENDS_S)
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
        assert max(map(len, output[number].splitlines())) <= 80, output[number]
        assert "history: deleted; --dir DIR keeps it" in output[number]
    assert not list(tmp_path.glob("*/pur-mold-twin-demo-*"))


def test_a_folder_that_was_named_is_kept(tmp_path: Path) -> None:
    with place_of(tmp_path) as place:
        (place / "history.db").touch()
    assert (tmp_path / "history.db").exists()
    with place_of(None) as place:
        (place / "history.db").touch()
    assert not place.exists()
