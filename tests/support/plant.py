"""Broker, database and agent as processes, and what a benchmark asks of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Recipe, ShotEvent
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.load import MOLD
from tests.support.processes import ROOT, AgentProcess, cpu_s, rss_mb
from tests.support.timescale import TimescaleServer


@dataclass
class Plant:
    """Broker, database and agent."""

    broker: MosquittoProcess
    db: asyncpg.Connection
    agent: AgentProcess

    def cpu_s(self) -> float:
        """Processor time of the agent."""
        assert self.agent.process is not None
        return cpu_s(self.agent.process.pid)

    def rss_mb(self) -> float:
        """Memory of the agent."""
        assert self.agent.process is not None
        return rss_mb(self.agent.process.pid)


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    """Everything, warm."""
    with TimescaleServer() as server:
        async with MosquittoProcess(directory=folder / "mosquitto") as broker:
            agent = AgentProcess(folder, broker.port, history_url=server.url)
            await asyncio.to_thread(agent.start)
            db = await asyncpg.connect(server.url)
            while not agent.logged("simulation_ready") or not agent.logged("history_connected"):
                await send(broker.port, "quality", b"{}")  # a dead letter: something to store
                await asyncio.sleep(0.5)
            yield Plant(broker, db, agent)
            await db.close()
            await asyncio.to_thread(agent.terminate)


async def send(port: int, channel: str, payload: bytes) -> None:
    async with connect(BrokerSettings(port=port), "sender") as session:
        await session.publish(f"pur/v1/test/p1/{channel}", payload)


async def load(port: int, count: int, rate: float | None = None) -> asyncio.subprocess.Process:
    """Frames from another process."""
    arguments = [str(port), str(count), *([str(rate)] if rate else [])]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.load", *arguments),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


async def one_latency(session: Session, shot_id: str) -> float:
    number = int(shot_id[4:])
    recipe = Recipe(m_polyol_kg=0.5 + 1e-4 * number, m_iso_kg=0.53, T_polyol_C=23, T_iso_C=23)
    event = ShotEvent(
        ts=datetime.now(UTC),
        shot_id=shot_id,
        mold_id=MOLD,
        event="poured",
        system_id="SYSTEM_R1",
        recipe=recipe,
    )
    topic = "pur/v1/test/p1/shot"
    began = time.perf_counter()
    sending = asyncio.create_task(session.publish(topic, encode(event)))
    await until_heard(session, shot_id)
    took = time.perf_counter() - began
    await sending
    end = ShotEvent(ts=datetime.now(UTC), shot_id=shot_id, mold_id=MOLD, event="demolded")
    await session.publish(topic, encode(end))
    await until_heard(session, shot_id)
    await asyncio.sleep(0.1)
    return 1e3 * took


async def until_heard(session: Session, shot_id: str) -> None:
    while True:
        batch = await session.next_batch(64)
        session.acknowledge(batch)
        if any(json.loads(message.payload)["shot_id"] == shot_id for message in batch):
            return
