"""Compile the model for the systems of a folder, and end.

``python -m edge_agent.pipeline.compile_ahead SYSTEMS`` does it.
The compiler takes 150 MB that a process never gives back: an agent has it run beside itself and
then takes the compiled model from the disk.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.logs import get_logger
from edge_agent.run_apart import run_apart
from edge_agent.shots.scenario import warm_up
from twin_core.compiled import is_kept, keep
from twin_core.system_versions import load_systems

TIMEOUT_S = 300.0


async def compile_ahead(systems: Path) -> None:
    """Have the model compiled if it is not on the disk; trouble is logged: it only costs time."""
    if is_kept():
        return
    get_logger().info("compile_started", stage="simulate")
    command = (sys.executable, "-m", "edge_agent.pipeline.compile_ahead", str(systems))
    done = await run_apart(command, timeout_s=TIMEOUT_S)
    if done.returncode != 0:
        code, words = str(done.returncode), done.stderr.decode(errors="replace").strip()[-500:]
        get_logger().warning("warm_up_failed", stage="simulate", code=code, detail=words)


if __name__ == "__main__":
    warm_up(load_systems(Path(sys.argv[1])).values())
    keep()
