"""The agent's memory: bounded, and flat however many shots it has seen."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.processes import AgentProcess, rss_mb, wait_for

pytestmark = [pytest.mark.peers, pytest.mark.needs("mosquitto"), pytest.mark.timeout(300)]
MOLD = "PANEL_500x500x50"
SHOTS, FRAMES_A_SHOT, AT_ONCE = 1000, 10, 50
MEMORY_MB, GROWTH_MB = 250, 5


async def shoot(session: Session, number: int, start: datetime) -> None:
    """A whole shot: poured, frames, demolded; each with another recipe."""
    poured_at = start + timedelta(seconds=120 * number)
    recipe = Recipe(m_polyol_kg=0.5 + 1e-4 * number, m_iso_kg=0.53, T_polyol_C=23, T_iso_C=23)
    shot = {"shot_id": f"s{number}", "mold_id": MOLD, "system_id": "SYSTEM_R1", "recipe": recipe}
    event = ShotEvent(ts=poured_at, event="poured", **shot)  # type: ignore[arg-type]
    await session.publish("pur/v1/test/p1/shot", encode(event))
    for second in range(FRAMES_A_SHOT):
        frame = TelemetryFrame(
            ts=poured_at + timedelta(seconds=1 + second),
            device_id="d1",
            seq=number * FRAMES_A_SHOT + second,
            mold_id=MOLD,
            sensors={"T_core_C": 40.0 + second, "p_cavity_bar": 1.2},
        )
        await session.publish("pur/v1/test/p1/telemetry", encode(frame))
    ended_at = poured_at + timedelta(seconds=100)
    event = ShotEvent(ts=ended_at, shot_id=f"s{number}", mold_id=MOLD, event="demolded")
    await session.publish("pur/v1/test/p1/shot", encode(event))


async def test_memory_is_bounded_and_flat(tmp_path: Path) -> None:
    start = datetime.now(UTC) - timedelta(seconds=120 * (SHOTS + 10))
    async with MosquittoProcess(directory=tmp_path / "mosquitto", persistence=True) as broker:
        agent = AgentProcess(tmp_path, broker.port)
        await asyncio.to_thread(agent.start)
        try:
            seen: dict[int, float] = {}
            for first in range(0, SHOTS, AT_ONCE):
                if first == SHOTS // 4:
                    await broker.terminate()  # an outage; what is queued survives it
                    await asyncio.sleep(1.0)
                    await broker.start()
                await shots(broker.port, first, start)
                await asyncio.to_thread(stored, agent, first + AT_ONCE)
                assert agent.process is not None
                seen[first + AT_ONCE] = rss_mb(agent.process.pid)
        finally:
            await asyncio.to_thread(agent.terminate)
    print("MB by shots:", json.dumps({count: round(mb) for count, mb in seen.items()}))
    assert max(seen.values()) < MEMORY_MB
    late = [mb for count, mb in seen.items() if count >= SHOTS // 2]
    assert late[-1] - late[0] < GROWTH_MB


async def shots(port: int, first: int, start: datetime) -> None:
    async with connect(BrokerSettings(port=port), "press") as session:
        for number in range(first, first + AT_ONCE):
            await shoot(session, number, start)


def stored(agent: AgentProcess, count: int) -> None:
    """Wait until the history has so many ended shots."""
    query = "SELECT count(*) FROM shot WHERE outcome = 'demolded'"
    wait_for(lambda: agent.rows(query) == [(count,)], f"{count} shots", 60.0)
