"""Messages of press p1 of site ``s``, as bytes, and what an agent stored of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from broker.codec import encode
from broker.messages import QualityRecord, Recipe, ShotEvent, TelemetryFrame
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import Session
from tests.support.processes import read_file
from tests.support.waiting import LIMIT_S

MOLD = "PANEL_500x500x50"
TABLES = ("telemetry", "shot", "quality", "dead_letter")


def pours(first: int, count: int) -> list[bytes]:
    """Shots of p1 that are poured, one after the other, as fast as a press can."""
    recipe = Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
    start = datetime.now(UTC) - timedelta(minutes=30)
    return [
        encode(
            ShotEvent(
                ts=start + timedelta(seconds=12 * number),
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


async def arrives(settings: Settings, timeout_s: float = LIMIT_S, **rows: int) -> None:
    """Wait until the history holds these rows; AssertionError with what it holds instead."""
    wanted = dict.fromkeys(TABLES, 0) | rows
    end = asyncio.get_running_loop().time() + timeout_s
    while any(stored(settings)[table] < wanted[table] for table in TABLES):
        if asyncio.get_running_loop().time() > end:
            break
        await asyncio.sleep(0.05)
    assert stored(settings) == wanted
