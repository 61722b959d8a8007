"""``calibrate --production`` killed in the middle of its fit: the same command again goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, wait_for

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]
PLANT = ("--shots", "40", "--presses", "1", "--molds", "1", "--days", "20", "--seed", "3")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge_agent", *map(str, arguments)]


def finished(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, check=False, capture_output=True, text=True
    )


def steps_in(state: Path) -> int:
    """Steps that a checkpoint knows of; its file is always whole."""
    return json.loads(state.read_text())["state"]["steps"] if state.exists() else 0


def test_a_fit_that_was_killed_goes_on(tmp_path: Path) -> None:
    made = finished("virtual-plant", "--out", tmp_path / "plant", *PLANT)
    assert made.returncode == 0, made.stderr
    history = tmp_path / "plant" / "history.db"
    asked = ("calibrate", "--production", "--history", history, "--output", "json", "--sets")
    whole = finished(*asked, tmp_path / "whole")
    assert whole.returncode in {0, 1}, whole.stderr

    state = tmp_path / "sets" / "SYSTEM_R1.unfinished.json"
    first = subprocess.Popen(
        command(*asked, tmp_path / "sets"),
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: steps_in(state) >= 3, "three steps of the fit")
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert [file.name for file in state.parent.iterdir() if file.suffix != ".part"] == [state.name]

    again = finished(*asked, tmp_path / "sets")
    assert "the fit goes on where it was stopped" in again.stderr
    assert again.returncode == whole.returncode
    one, other = json.loads(whole.stdout), json.loads(again.stdout)
    assert other["simulations_count"] < one["simulations_count"]
    for mold_id, numbers in one["molds"].items():
        for before, after in zip(numbers, other["molds"][mold_id], strict=True):
            assert after["value"] == pytest.approx(before["value"], abs=0.1 * before["sigma"])
    assert not state.exists()
    assert (state.parent / "SYSTEM_R1-c1.yaml").exists()
