"""Broker, database and agent as processes, and what a benchmark asks of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from broker.codec import encode
from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Recipe, ShotEvent
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.load import MOLD
from tests.support.measured import health, scraped
from tests.support.processes import ROOT, AgentProcess, cpu_s, rss_mb
from tests.support.timescale import TimescaleServer
from tests.support.waiting import GATHER_BY_DEFAULT_S


@dataclass
class Plant:
    """Broker, database and agent."""

    broker: MosquittoProcess
    db: asyncpg.Connection | None
    """The TimescaleDB; None where the history is a SQLite file."""
    agent: AgentProcess
    metrics_port: int

    @property
    def pid(self) -> int:
        """The agent's process."""
        assert self.agent.process is not None
        return self.agent.process.pid

    async def scraped(self) -> dict[str, float]:
        """The agent's metrics."""
        return await asyncio.to_thread(scraped, self.metrics_port)

    def cpu_s(self) -> float:
        """Processor time of the agent."""
        assert self.agent.process is not None
        return cpu_s(self.agent.process.pid)

    def rss_mb(self) -> float:
        """Memory of the agent."""
        assert self.agent.process is not None
        return rss_mb(self.agent.process.pid)


@asynccontextmanager
async def plant(
    folder: Path,
    presses: tuple[str, ...] = ("p1",),
    prefix: tuple[str, ...] = (),
    *,
    timescale: bool = True,
    more: dict[str, Any] | None = None,
) -> AsyncIterator[Plant]:
    """Everything, warm.

    Args:
        prefix: a program that runs the agent.
        timescale: the history is a TimescaleDB, not a SQLite file.
        more: sections of the agent's configuration.
    """
    async with AsyncExitStack() as stack:
        server = stack.enter_context(TimescaleServer()) if timescale else None
        broker = await stack.enter_async_context(MosquittoProcess(directory=folder / "mosquitto"))
        metrics_port = free_port()
        agent = AgentProcess(
            folder,
            broker.port,
            presses,
            history_url=server.url if server else None,
            more=health(metrics_port) | (more or {}),
            gather_s=GATHER_BY_DEFAULT_S,
        )
        agent.prefix = prefix
        await asyncio.to_thread(agent.start)
        db = await asyncpg.connect(server.url) if server else None
        try:
            ready = ["simulation_ready", *(["history_connected"] if server else [])]
            while not all(map(agent.logged, ready)):
                await send(broker.port, "quality", b"{}")  # a dead letter: something to store
                await asyncio.sleep(0.5)
            yield Plant(broker, db, agent, metrics_port)
        finally:
            if db is not None:
                await db.close()
            await asyncio.to_thread(agent.terminate)


async def send(port: int, channel: str, payload: bytes, press: str = "p1") -> None:
    async with connect(BrokerSettings(port=port), "sender") as session:
        await session.publish(f"pur/v1/test/{press}/{channel}", payload)


async def load(
    port: int, count: int, rate: float | None = None, press: str = "p1", *, live: bool = False
) -> asyncio.subprocess.Process:
    """Frames from another process; see ``tests.support.load``."""
    arguments = [str(port), str(count)]
    if rate:
        arguments += [str(rate), press, *(["live"] if live else [])]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.load", *arguments),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


@asynccontextmanager
async def loaded(
    port: int, seconds: float, rate: float, press: str = "p1", *, live: bool = False
) -> AsyncIterator[None]:
    """Frames while the block runs, for so long at most."""
    frames = await load(port, int(rate * seconds), rate, press, live=live)
    try:
        yield
    finally:
        if frames.returncode is None:
            frames.terminate()
        await frames.wait()


def pour_of(shot_id: str) -> ShotEvent:
    """The pour of a shot; each number is simulated anew."""
    number = int(shot_id[4:])
    recipe = Recipe(m_polyol_kg=0.5 + 1e-4 * number, m_iso_kg=0.53, T_polyol_C=23, T_iso_C=23)
    return ShotEvent(
        ts=datetime.now(UTC),
        shot_id=shot_id,
        mold_id=MOLD,
        event="poured",
        system_id="SYSTEM_R1",
        recipe=recipe,
    )


def end_of(shot_id: str) -> ShotEvent:
    """Its demolding."""
    return ShotEvent(ts=datetime.now(UTC), shot_id=shot_id, mold_id=MOLD, event="demolded")


async def one_latency(session: Session, shot_id: str) -> float:
    event = pour_of(shot_id)
    topic = "pur/v1/test/p1/shot"
    began = time.perf_counter()
    sending = asyncio.create_task(session.publish(topic, encode(event)))
    await until_heard(session, shot_id)
    took = time.perf_counter() - began
    await sending
    await session.publish(topic, encode(end_of(shot_id)))
    await until_heard(session, shot_id)
    await asyncio.sleep(0.1)
    return 1e3 * took


async def until_heard(session: Session, shot_id: str) -> None:
    while True:
        batch = await session.next_batch(64)
        session.acknowledge(batch)
        if any(json.loads(message.payload)["shot_id"] == shot_id for message in batch):
            return
