"""Last shots of a mold and what is known of them, from the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from broker.timestamps import parse_timestamp
from edge_agent.config.settings import Settings
from edge_agent.history.read import HistoryReader, RowFilter, open_reader
from edge_agent.shots.readings import INPUT_SIGNALS
from edge_agent.web.live.state import MoldKey
from twin_core.plausible_ranges import plausible

SHOTS_SHOWN, SHOTS_READ = 12, 60
LOOK_BACK = timedelta(days=60)
READINGS_BEFORE = timedelta(minutes=5)
"""Readings of so long before the pour are its inputs."""
OF_PROCESS = (
    *("m_polyol_kg", "m_iso_kg", "m_additives_kg", "mixing_eff", "nco_oh_index"),
    *("blowing_agent_pct", *INPUT_SIGNALS),
)
"""Fields of a recipe that a scenario has, too."""
DEFAULTS = {"T_ambient_C": 23.0, "RH_ambient_pct": 50.0}


@dataclass(frozen=True)
class LastShot:
    """A shot that people may say something about."""

    shot_key: str
    shot_id: str
    system_id: str | None
    poured_at: datetime
    outcome: str | None
    opened_s: float | None
    """From the pour; None where nobody said."""
    recipe: dict[str, Any]
    records: tuple[dict[str, Any], ...] = ()
    """Quality records of it, the newest first."""
    simulated: bool = False
    """It is a simulator's."""


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[HistoryReader]:
    """The history, to be read.

    Raises:
        TwinError: there is none, or it is away.
    """
    reader = open_reader(settings.history)
    try:
        yield reader
    finally:
        await reader.close()


async def last_shots(settings: Settings, mold: MoldKey, now: datetime) -> list[LastShot]:
    """Shots of a mold on its press, the newest first, with their quality records.

    Raises:
        TwinError: the history cannot be read.
    """
    async with reading(settings) as reader:
        rows = await reader.shots(mold.mold_id, now - LOOK_BACK, SHOTS_READ)
        ours = [row for row in rows if (row["site"], row["press"]) == (mold.site, mold.press)]
        shots = [_shot(row) for row in ours[:SHOTS_SHOWN]]
        if not shots:
            return []
        found: list[dict[str, Any]] = []
        await reader.each("quality", RowFilter(since=shots[-1].poured_at), found.extend)
    return [_with_records(shot, mold, found) for shot in shots]


async def base_of(settings: Settings, mold: MoldKey, shot: LastShot) -> dict[str, Any]:
    """The scenario of a shot as it was: its recipe, and the readings before its pour.

    Raises:
        TwinError: the history cannot be read.
    """
    readings: dict[str, float] = {}

    def take(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            same = (row["site"], row["press"]) == (mold.site, mold.press)
            if not same or row["mold_id"] not in (None, mold.mold_id):
                continue
            for name, value in (row["sensors"] or {}).items():
                if name in INPUT_SIGNALS and plausible(name, value) is None:
                    readings[name] = value

    until = shot.poured_at
    async with reading(settings) as reader:
        await reader.each("telemetry", RowFilter(until - READINGS_BEFORE, until=until), take)
    return document_of(mold.mold_id, shot.shot_id, shot.system_id, shot.recipe, readings)


def document_of(
    mold_id: str,
    shot_id: str,
    system_id: str | None,
    recipe: dict[str, Any],
    readings: dict[str, float],
) -> dict[str, Any]:
    """A scenario document of a shot; what nobody knows is a usual value."""
    said = {name: recipe[name] for name in OF_PROCESS if recipe.get(name) is not None}
    process = DEFAULTS | said | readings
    for name in ("T_polyol_C", "T_iso_C"):
        process.setdefault(name, process["T_ambient_C"])
    return {
        "scenario_id": shot_id,
        "system_id": system_id,
        "mold": mold_id,
        "process": process,
    }


def _shot(row: dict[str, Any]) -> LastShot:
    return LastShot(
        shot_key=row["shot_key"],
        shot_id=row["shot_id"],
        system_id=row["system_id"],
        poured_at=parse_timestamp(row["poured_at"]),
        outcome=row["outcome"],
        opened_s=row["t_demold_actual_s"] if row["outcome"] == "demolded" else None,
        recipe=row["recipe"] or {},
        simulated=bool(row["simulated"]),
    )


def _with_records(shot: LastShot, mold: MoldKey, rows: list[dict[str, Any]]) -> LastShot:
    records = tuple(
        row | {"at": parse_timestamp(row["ts"])}
        for row in reversed(rows)
        if (row["site"], row["press"]) == (mold.site, mold.press)
        and (row["shot_key"] or shot.shot_key) == shot.shot_key
        and row["shot_id"] == shot.shot_id
    )
    return LastShot(**{**shot.__dict__, "records": records})
