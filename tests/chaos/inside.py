"""Messages of a press and what the history of an agent in this process must hold of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from broker.codec import encode
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import Session, connect
from tests.support import waiting
from tests.support.agents import settings_for
from tests.support.waiting import LIMIT_S

MOLD = "PANEL_A"
TOPIC = "pur/v1/s/p1"
WINDOW = 100
"""Messages under way at once."""
Message = TelemetryFrame | ShotEvent


def agent_settings(folder: Path, port: int, database: str) -> Settings:
    """An agent for one press with its history in a database."""
    return settings_for(folder, port, history={"url": database})


def press(port: int) -> Any:
    """A client that sends as a press does, past every proxy."""
    return connect(BrokerSettings(port=port), "press")


async def send(session: Session, messages: Iterable[Message | bytes]) -> None:
    """Publish in order, and wait until the broker has acknowledged every one."""
    pending: list[Awaitable[None]] = []
    for message in messages:
        channel = "shot" if isinstance(message, ShotEvent) else "telemetry"
        payload = message if isinstance(message, bytes) else encode(message)
        pending.append(session.publish(f"{TOPIC}/{channel}", payload))
        if len(pending) == WINDOW:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)


def frames(
    first: int, count: int, start: datetime | None = None, device: str = "d"
) -> list[TelemetryFrame]:
    """Readings of a curing foam, ten a second; the core is hottest in the middle."""
    start = start or datetime.now(UTC) - timedelta(minutes=10)
    return [
        TelemetryFrame(
            ts=start + timedelta(seconds=seq / 10),
            device_id=device,
            seq=seq,
            mold_id=MOLD,
            sensors={"T_core_C": 30.0 + 0.01 * seq, "p_cavity_bar": 1.0},
        )
        for seq in range(first, first + count)
    ]


def event(kind: str, ts: datetime, shot_id: str = "s1", mold_id: str = MOLD) -> ShotEvent:
    """A step of a shot, whole when poured."""
    more: dict[str, Any] = {}
    if kind == "poured":
        recipe = Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
        more = {"system_id": "SYSTEM_R1", "recipe": recipe}
    fields = {"ts": ts, "shot_id": shot_id, "mold_id": mold_id, "event": kind, **more}
    return ShotEvent.model_validate(fields)


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = LIMIT_S
) -> None:
    """Look until it is so; a database that is away just then is not."""
    await waiting.until(condition, what, timeout_s, away=(OSError, asyncpg.PostgresError))


async def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of the database, asked on a connection of its own."""
    db = await asyncpg.connect(url, timeout=5)
    try:
        return [tuple(row) for row in await db.fetch(query)]
    finally:
        await db.close()


async def check_history(url: str, sent: Iterable[Message], timeout_s: float = LIMIT_S) -> None:
    """Wait until every frame is in the history; each once, as sent, and nothing else."""
    wanted = {m.seq: (m.ts, m.sensors) for m in sent if isinstance(m, TelemetryFrame)}
    count = "SELECT count(*) FROM telemetry"

    async def there() -> bool:
        return bool((await ask(url, count))[0][0] >= len(wanted))

    await until(there, f"{len(wanted)} frames", timeout_s)
    rows = await ask(url, "SELECT seq, ts, sensors FROM telemetry")
    assert len(rows) == len(wanted)
    assert {seq: (ts, json.loads(sensors)) for seq, ts, sensors in rows} == wanted


async def check_shot(url: str, shot_id: str = "s1", timeout_s: float = LIMIT_S) -> None:
    """Wait for the end of a shot; one final prediction, one when poured, the shot complete."""
    query = f"SELECT basis, count(*) FROM prediction WHERE shot_id = '{shot_id}' GROUP BY 1"

    async def final() -> bool:
        return "final" in dict(await ask(url, query))

    await until(final, f"the end of {shot_id}", timeout_s)
    found = dict(await ask(url, query))
    assert (found["poured"], found["final"]) == (1, 1)
    (row,) = await ask(url, f"SELECT outcome, recipe FROM shot WHERE shot_id = '{shot_id}'")
    assert row[0] == "demolded"
    assert row[1] is not None
