"""One logged shot, from the folder of a log bundle or from a history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.config.settings import ShotSettings
from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.logged_shots.from_bundles import from_bundles
from edge_agent.logged_shots.from_history import shots_of_rows
from edge_agent.logged_shots.logged_shot import LoggedShot
from twin_core.errors import InputError

SIGNALS_BEFORE = timedelta(days=1)
"""How long before the pour telemetry is looked for readings that the simulation starts from."""


def shot_of_bundle(folder: Path, told: Callable[[str], None]) -> LoggedShot:
    """The shot of a log bundle.

    Args:
        told: called with what was left out, or is not used.

    Raises:
        InputError: the folder holds none, or several, or it cannot be read.
    """

    def refused(name: str, why: str) -> None:
        raise InputError(why)

    found = from_bundles(folder, refused, lambda shot_id, note: told(note.words))
    if len(found) > 1:
        listed = ", ".join(shot.key.shot_id for shot in found[:5])
        raise InputError(f"{folder}: holds {len(found)} shots ({listed} …): name the folder of one")
    return found[0]


async def shot_of_history(
    reader: HistoryReader, name: str, settings: ShotSettings | None = None
) -> LoggedShot:
    """A shot of a history by its id or its key, with its readings.

    Args:
        name: ``shot_id`` or ``shot_key``.
        settings: how old a reading may be, and how long a shot may last, as in the agent.

    Raises:
        InputError: there is none, or several have this id.
        StoreError: the history cannot be read.
    """
    limits = settings or ShotSettings()
    rows = (await reader.shot(name))["shot"]
    if not rows:
        await reader.each("shot", RowFilter(shot_key=name), rows.extend)
    if not rows:
        raise InputError(
            f"{name}: no folder of a log bundle, and no shot_id or shot_key in {reader.words}: "
            "`pur-mold-twin history` lists the shots"
        )
    if len(rows) > 1:
        listed = ", ".join(f"{row['shot_key']} ({row['poured_at']})" for row in rows)
        raise InputError(f"{name}: {len(rows)} shots had this id: name one by its key: {listed}")
    if rows[0]["poured_at"] is None:
        raise InputError(f"{name}: was never poured: there is nothing to simulate")
    return await shot_of_row(reader, rows[0], limits)


async def shot_of_row(
    reader: HistoryReader, row: dict[str, Any], limits: ShotSettings
) -> LoggedShot:
    """The shot of a row of the history that was poured, with its readings.

    Raises:
        StoreError: the history cannot be read.
    """
    since = datetime.fromisoformat(row["poured_at"]) - SIGNALS_BEFORE
    found: list[LoggedShot] = []
    which = RowFilter(since, press=row["press"])
    await shots_of_rows(
        reader, [row], found.append, which, limits.signal_age_max_s, limits.timeout_s
    )
    return found[0]
