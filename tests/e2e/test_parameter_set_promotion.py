"""A running agent takes up a promoted parameter set by itself, and goes back at a reload.

The plain suite has the first half in ``test_system_promotion.py``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from tests.e2e.test_system_promotion import (
    CONFIGS,
    MOLD,
    SYSTEM,
    entries,
    prediction,
    reload,
)
from tests.support.parameter_sets import made_set, written
from tests.support.processes import AgentProcess, wait_for

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("mosquitto", "mosquitto_sub"),
    pytest.mark.timeout(300),
]


async def test_a_running_agent_takes_up_a_promoted_set(tmp_path: Path, port: int) -> None:
    folders = {name: str(CONFIGS / name) for name in ("systems", "molds")}
    sets = tmp_path / "parameter_sets"
    agent = AgentProcess(
        tmp_path, port, more={"catalogue": folders | {"parameter_sets": str(sets)}}
    )
    agent.start()

    async def run(*arguments: str) -> None:
        ask = ["parameter-sets", *arguments, "--config", str(agent.config)]
        done = await asyncio.to_thread(CliRunner().invoke, main, ask)
        assert done.exit_code == 0, done.output

    def changes() -> int:
        return len(entries(agent, "parameter_set_changed"))

    try:
        first = await prediction(port, "S1")
        assert first["versions"]["parameter_set"] is None
        written(sets, made_set(0.5))
        await run("promote", SYSTEM, "1")
        await asyncio.to_thread(wait_for, lambda: changes() == 1, "the agent to take it")
        second = await prediction(port, "S2")
        assert second["versions"]["parameter_set"] == "SYSTEM_R1-c1"
        assert second["versions"]["system_version"] == first["versions"]["system_version"]
        assert second["versions"]["parameters_hash"] != first["versions"]["parameters_hash"]
        assert second["kpis"]["t_gel_s"] > 1.2 * first["kpis"]["t_gel_s"]
        await run("rollback", SYSTEM, "--mold", MOLD)
        await reload(agent)
        assert changes() == 2
        third = await prediction(port, "S3")
        assert third["versions"] == first["versions"]
        assert third["kpis"] == first["kpis"]
        assert await asyncio.to_thread(agent.terminate) == 0
    finally:
        if agent.process is not None and agent.process.poll() is None:
            agent.kill()
