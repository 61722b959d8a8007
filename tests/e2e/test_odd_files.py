"""Files that are none, under an agent as a process: it says so, starts, and stops when told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.inference.manifest import MODEL
from tests.support.models import model_file, registry_with
from tests.support.processes import ROOT, AgentProcess, wait_for


@pytest.mark.peers
@pytest.mark.xdist_group("training")
@pytest.mark.needs("mosquitto")
async def test_a_fifo_as_model_holds_nothing_up(tmp_path: Path) -> None:
    """Before, the thread that opened it kept the process alive through SIGTERM."""
    registry = registry_with(tmp_path / "models", {"pour": model_file()})
    path = registry.folder / "pour" / "1" / MODEL
    path.unlink()
    os.mkfifo(path)
    more = {"learning": {"models": str(registry.folder)}}
    async with MosquittoProcess(directory=tmp_path / "mosquitto") as broker:
        agent = AgentProcess(tmp_path, broker.port, more=more)
        agent.start()
        try:
            wait_for(lambda: agent.logged("model_refused") == 1, "the refusal")
            assert "is a FIFO or a pipe, not a regular file" in agent.log.read_text()
            assert agent.terminate() == 0
        finally:
            if agent.process is not None and agent.process.poll() is None:
                agent.kill()


def bomb(path: Path) -> None:
    lines = [
        "a0: &a0 [x, x]",
        *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)),
    ]
    path.write_text("\n".join(lines))


def brackets(path: Path) -> None:
    path.write_text("site: " + "[" * 100_000)


@pytest.mark.parametrize(
    ("make", "problem"),
    [(os.mkfifo, "is a FIFO"), (bomb, "line 6: more than 30000"), (brackets, "line 1: nested")],
    ids=["fifo", "bomb", "brackets"],
)
def test_a_configuration_that_hangs_or_crashes_a_program(
    make: object, problem: str, tmp_path: Path
) -> None:
    config = tmp_path / "agent.yaml"
    make(config)  # type: ignore[operator]
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "agent", "-c", str(config)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {config}: ")
    assert problem in done.stderr.splitlines()[0]
