"""Fault points: nothing happens unless a test asks for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from edge_agent.fault_points import VARIABLE, FaultPoint

PASS = "from edge_agent import fault_points as f\nfor n in range(5): f.reach('published'), print(n)"


@pytest.mark.parametrize(
    ("armed", "passed"), [("published:3", ["0", "1"]), ("other:1", list("01234")), ("", None)]
)
def test_the_process_dies_at_the_pass_that_is_named(armed: str, passed: list[str] | None) -> None:
    command = [sys.executable, "-uc", PASS]
    done = subprocess.run(
        command, env=os.environ | {VARIABLE: armed}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == (passed or list("01234")), done.stderr
    assert done.returncode == (-signal.SIGKILL if armed == "published:3" else 0)


@pytest.mark.parametrize("armed", ["published", "published:", ":3", "published:0", "published:-1"])
def test_what_cannot_be_armed(armed: str) -> None:
    with pytest.raises(ValueError, match=f"{VARIABLE}: must be as published:7"):
        FaultPoint(armed)
