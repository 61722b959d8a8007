"""The files of `broker init` on each release of Mosquitto: what a press sends while nobody is there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.codec import encode
from broker.messages import Recipe, ShotEvent
from edge_agent.links.mqtt import connect
from tests.support.mosquitto_versions import mosquitto, on_every_version
from tests.support.processes import AgentProcess, wait_for
from tests.support.ruled_broker import RuledBroker, ruled_broker

pytestmark = pytest.mark.timeout(180)


def agent_of(folder: Path, broker: RuledBroker) -> AgentProcess:
    """Agent `a` with its certificate, as a process."""
    settings = broker.settings("agent-a", reconnect_max_s=0.5)
    more = {
        "site": "s",
        "agent_id": "a",
        "broker": settings.model_dump(mode="json", exclude_defaults=True),
    }
    return AgentProcess(folder, broker.plan.port, more=more)


async def pour(broker: RuledBroker, shot_id: str) -> None:
    """The press sends a shot, which the broker acknowledges."""
    event = ShotEvent(
        ts=datetime.now(UTC) - timedelta(seconds=1),
        shot_id=shot_id,
        mold_id="PANEL_500x500x50",
        event="poured",
        system_id="SYSTEM_R1",
        recipe=Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0),
    )
    async with connect(broker.settings("press-s-p1"), "press") as press:
        await press.publish("pur/v1/s/p1/shot", encode(event))


@on_every_version()
async def test_what_a_press_sends_while_the_agent_is_away_is_kept(
    tmp_path: Path, version: str
) -> None:
    """Killed or stopped, before and after a restart of the broker: acknowledged is not lost."""
    async with ruled_broker(tmp_path, program=mosquitto(version)) as broker:
        agent = agent_of(tmp_path, broker)
        try:
            await asyncio.to_thread(agent.start)
            await pour(broker, "online")
            agent.kill()
            await pour(broker, "agent-killed")
            await asyncio.to_thread(agent.start)
            assert await asyncio.to_thread(agent.terminate) == 0
            await pour(broker, "agent-stopped")
            await broker.process.restart()
            await pour(broker, "broker-restarted")
            await asyncio.to_thread(agent.start)
            await pour(broker, "all-back")
            sent = {"online", "agent-killed", "agent-stopped", "broker-restarted", "all-back"}
            query = "SELECT shot_id FROM shot"
            await asyncio.to_thread(
                wait_for, lambda: {shot for (shot,) in agent.rows(query)} == sent, "all five"
            )
        finally:
            if agent.process is not None and agent.process.poll() is None:
                agent.kill()
