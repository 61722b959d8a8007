"""A running agent takes up a promoted version of a material system when it is reloaded.

And, by itself, a parameter set, which does not outlive its version of the system.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from broker.codec import encode
from broker.messages import Recipe, ShotEvent
from edge_agent.cli import main
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.parameter_sets import made_set, written
from tests.support.processes import ROOT, AgentProcess, mosquitto_sub, wait_for

pytestmark = [pytest.mark.needs("mosquitto", "mosquitto_sub"), pytest.mark.timeout(300)]
MOLD, SYSTEM = "PANEL_A", "SYSTEM_R1"
CONFIGS = ROOT / "configs"


async def prediction(port: int, shot_id: str) -> dict[str, Any]:
    """Pour a shot and read the agent's first word on it."""
    now = datetime.now(UTC)
    recipe = Recipe(m_polyol_kg=0.4, m_iso_kg=0.45, T_polyol_C=25.0, T_iso_C=25.0)
    event = ShotEvent(
        ts=now, shot_id=shot_id, mold_id=MOLD, event="poured", system_id=SYSTEM, recipe=recipe
    )
    topic = f"pur/v1/test/p1/twin/mold/{MOLD}/prediction"
    async with connect(BrokerSettings(port=port), "press") as session:
        await session.publish("pur/v1/test/p1/shot", encode(event))

    def said() -> bool:
        lines = mosquitto_sub(port, topic, 1)
        return bool(lines) and json.loads(lines[0])["shot_id"] == shot_id

    await asyncio.to_thread(wait_for, said, f"a prediction of {shot_id}", 60)
    return dict(json.loads(mosquitto_sub(port, topic, 1)[0]))


def entries(agent: AgentProcess, event: str) -> list[dict[str, Any]]:
    """Lines of its log."""
    lines = [json.loads(line) for line in agent.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


async def reload(agent: AgentProcess) -> None:
    """SIGHUP, and wait until it is done."""
    assert agent.process is not None
    before = agent.logged("configuration_reloaded")
    agent.process.send_signal(signal.SIGHUP)
    done = lambda: agent.logged("configuration_reloaded") > before  # noqa: E731
    await asyncio.to_thread(wait_for, done, "the reload")


async def test_a_running_agent_takes_up_a_promoted_version(tmp_path: Path, port: int) -> None:
    systems = tmp_path / "systems"
    systems.mkdir()
    shutil.copy(CONFIGS / "systems" / f"{SYSTEM}.yaml", systems)
    sets = tmp_path / "parameter_sets"
    catalogue = {"systems": str(systems), "molds": str(CONFIGS / "molds")}
    catalogue["parameter_sets"] = str(sets)
    agent = AgentProcess(tmp_path, port, more={"catalogue": catalogue})
    agent.start()
    try:
        first = await prediction(port, "S1")
        assert first["versions"]["system_version"] == 2
        assert first["versions"]["parameter_set"] is None
        written(sets, made_set(0.8))
        ask = ["parameter-sets", "promote", SYSTEM, "1", "--config", str(agent.config)]
        done = await asyncio.to_thread(CliRunner().invoke, main, ask)
        assert done.exit_code == 0, done.output
        taken = lambda: bool(entries(agent, "parameter_set_changed"))  # noqa: E731
        await asyncio.to_thread(wait_for, taken, "the agent to take the set")

        data = yaml.safe_load((systems / f"{SYSTEM}.yaml").read_text())
        data["version"] = 3
        data["gelling"]["A"]["value"] *= 0.5  # gels later
        (systems / f"{SYSTEM}-v3.yaml").write_text(yaml.safe_dump(data))
        await reload(agent)
        second = await prediction(port, "S2")
        assert second["versions"]["parameter_set"] == "SYSTEM_R1-c1"
        assert second["versions"]["parameters_hash"] != first["versions"]["parameters_hash"]
        assert second["kpis"]["t_gel_s"] > 1.05 * first["kpis"]["t_gel_s"]
        assert entries(agent, "system_changed") == []

        ask = ["systems", "promote", SYSTEM, "3", "--config", str(agent.config)]
        done = await asyncio.to_thread(CliRunner().invoke, main, ask)
        assert done.exit_code == 0, done.output
        assert "predictions go without a parameter set: SYSTEM_R1-c1 was fitted" in done.stdout
        await reload(agent)
        (line,) = entries(agent, "system_changed")
        assert (line["system_id"], line["version"]) == (SYSTEM, 3)
        assert line["detail"] == "version 2 before"
        third = await prediction(port, "S3")
        assert third["versions"]["system_version"] == 3
        assert third["versions"]["parameter_set"] is None
        assert third["versions"]["parameters_hash"] != first["versions"]["parameters_hash"]
        assert third["kpis"]["t_gel_s"] > 1.2 * first["kpis"]["t_gel_s"]

        (systems / f"{SYSTEM}-v3.yaml").unlink()  # the promoted one is gone: said, nothing changes
        agent.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        refused = lambda: bool(entries(agent, "configuration_refused"))  # noqa: E731
        await asyncio.to_thread(wait_for, refused, "the refusal")
        assert "no version 3 here" in entries(agent, "configuration_refused")[0]["detail"]
        assert (await prediction(port, "S4"))["versions"] == third["versions"]
        assert await asyncio.to_thread(agent.terminate) == 0
    finally:
        if agent.process is not None and agent.process.poll() is None:
            agent.kill()
