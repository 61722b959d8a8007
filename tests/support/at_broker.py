"""An agent in this process at a real broker, a press that sends to it, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.codec import encode
from broker.messages import QualityRecord, Recipe, ShotEvent, TelemetryFrame
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import Session, connect
from tests.support.processes import read_file

MOLD = "PANEL_500x500x50"
TABLES = ("telemetry", "shot", "quality", "dead_letter")


def settings_for(
    folder: Path, broker: BrokerSettings, group: str | None = None, **more: Any
) -> Settings:
    """Agent ``a`` of press p1 of site ``s``, quick to connect again."""
    return Settings.model_validate(
        {
            "site": "s",
            "agent_id": "a",
            "presses": ["p1"],
            "broker": broker.model_copy(update={"reconnect_max_s": 0.5}),
            "share": {"group": group, "leave_max_s": 1.0},
            "spool": {"path": folder / "spool.db"},
            "history": {"path": folder / "history.db"},
        }
        | more
    )


@asynccontextmanager
async def running(
    settings: Settings, reader: BrokerSettings | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """An agent that listens to p1, until the end of the block or its own; gives its task."""
    stop = asyncio.Event()
    task = asyncio.create_task(Agent(settings, SystemClock(), stop).run())
    try:
        if reader is not None:
            await born(reader, task)
        yield task
    finally:
        stop.set()
        await asyncio.wait([task], timeout=60)
        task.result()


async def born(reader: BrokerSettings, task: asyncio.Task[None] | None = None) -> None:
    """Wait until an agent says that it listens to p1."""

    async def heard() -> None:
        async with connect(reader, "midwife") as session:
            await session.subscribe(["pur/v1/s/p1/twin/status"])
            while True:
                batch = await session.next_batch(10)
                session.acknowledge(batch)
                if any(b'"online"' in message.payload for message in batch):
                    return

    async with asyncio.timeout(40):
        waiting = asyncio.create_task(heard())
        await asyncio.wait({waiting, *([task] if task else [])}, return_when="FIRST_COMPLETED")
        if task is not None and task.done():
            waiting.cancel()
            task.result()
        await waiting


def pours(first: int, count: int) -> list[bytes]:
    """Shots of p1 that are poured, one after the other."""
    recipe = Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
    start = datetime.now(UTC) - timedelta(minutes=30)
    return [
        encode(
            ShotEvent(
                ts=start + timedelta(seconds=number),
                shot_id=f"shot{number}",
                mold_id=MOLD,
                event="poured",
                system_id="SYSTEM_R1",
                recipe=recipe,
            )
        )
        for number in range(first, first + count)
    ]


def frames(first: int, count: int) -> list[bytes]:
    """Readings of p1, ten a second."""
    start = datetime.now(UTC) - timedelta(hours=6)
    return [
        encode(
            TelemetryFrame(
                ts=start + timedelta(seconds=seq / 10),
                device_id="d",
                seq=seq,
                mold_id=MOLD,
                sensors={"T_core_C": 40.0},
            )
        )
        for seq in range(first, first + count)
    ]


def records(first: int, count: int) -> list[bytes]:
    """Quality records of shots of p1."""
    now = datetime.now(UTC)
    return [
        encode(QualityRecord(ts=now, shot_id=f"shot{number}", H_24h_shore=50.0))
        for number in range(first, first + count)
    ]


async def send(session: Session, channel: str, payloads: list[bytes]) -> None:
    """Publish in order; when it returns the broker has acknowledged all."""
    for start in range(0, len(payloads), 50):
        part = payloads[start : start + 50]
        await asyncio.gather(*(session.publish(f"pur/v1/s/p1/{channel}", one) for one in part))


def stored(settings: Settings) -> dict[str, int]:
    """Rows by table of the history."""
    path = settings.history.path
    return {table: read_file(path, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


async def arrives(settings: Settings, timeout_s: float = 40, **rows: int) -> None:
    """Wait until the history holds these rows; AssertionError with what it holds instead."""
    wanted = dict.fromkeys(TABLES, 0) | rows
    end = asyncio.get_running_loop().time() + timeout_s
    while any(stored(settings)[table] < wanted[table] for table in TABLES):
        if asyncio.get_running_loop().time() > end:
            break
        await asyncio.sleep(0.05)
    assert stored(settings) == wanted
