"""Questions to a history for shots: a page of those that fit, and pours that are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from edge_agent.history import time_texts
from edge_agent.history.read import (
    TABLES,
    HistoryReader,
    RowFilter,
    conditions,
    shots_with_prediction,
)
from edge_agent.shots.shot_query import ShotQuery

_LOTS = ("lot_polyol", "lot_isocyanate", "lot_additives")


async def page_of_shots(reader: HistoryReader, query: ShotQuery) -> list[dict[str, Any]]:
    """Shots that fit, newest first, each with its latest prediction.

    Args:
        reader: of the history.
        query: of quality statuses that of the prediction counts.

    Raises:
        StoreError: the history cannot be read.
    """
    statement = _statement(query, reader.is_file)

    def run(connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(statement).mappings()]

    async with reader.asking() as ask:
        return await ask(run)


async def known_pours(
    reader: HistoryReader, site: str, press: str, shot_ids: Iterable[str]
) -> list[dict[str, Any]]:
    """Shots of some ids, with what was poured.

    Site and press are compared behind the question: with them, a file would be read by its keys,
    all shots of the press, and not by the index of ids.

    Args:
        reader: of the history.
        site, press: of the shots.
        shot_ids: at most some hundred.

    Raises:
        StoreError: the history cannot be read.
    """
    shot = TABLES["shot"]
    key = ("site", "press", "shot_key", "shot_id", "mold_id", "poured_at")
    names = (*key, "system_id", "recipe", "t_demold_actual_s")
    statement = select(*(shot.c[name] for name in names)).where(shot.c.shot_id.in_(list(shot_ids)))

    def run(connection: Connection) -> list[dict[str, Any]]:
        found = connection.execute(statement).mappings()
        return [dict(row) for row in found if (row["site"], row["press"]) == (site, press)]

    async with reader.asking() as ask:
        return await ask(run)


async def senders_of_pours(
    reader: HistoryReader, shots: Iterable[tuple[str, str]]
) -> dict[str, set[str]]:
    """Devices that have told of the pours of some shots, by the key of the shot.

    Args:
        reader: of the history.
        shots: id and key of each; at most some hundred. The key alone says site and press.

    Raises:
        StoreError: the history cannot be read.
    """
    asked, event = list(shots), TABLES["event"]
    device = event.c.document["device_id"].as_string()
    statement = select(event.c.shot_key, device).where(
        event.c.kind == "poured",
        event.c.shot_id.in_({shot_id for shot_id, _ in asked}),
        event.c.shot_key.in_([key for _, key in asked]),
    )

    def run(connection: Connection) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for key, name in connection.execute(statement):
            found.setdefault(key, set()).add(name)
        return found

    async with reader.asking() as ask:
        return await ask(run)


def _statement(query: ShotQuery, is_file: bool) -> Select[Any]:
    shot, event, prediction = TABLES["shot"], TABLES["event"], TABLES["prediction"]
    which = RowFilter(query.since, query.mold_id, until=query.until, press=query.press)
    wanted = conditions("shot", shot, which, is_file)
    if query.system_id is not None:
        wanted.append(shot.c.system_id == query.system_id)
    if query.quality_status is not None:
        wanted.append(prediction.c.quality_status == query.quality_status)
    for value, names in ((query.lot, _LOTS), (query.order_id, ("order_id",))):
        if value is not None:
            said = or_(*(event.c.document[name].as_string() == value for name in names))
            wanted.append(shot.c.shot_key.in_(select(event.c.shot_key).where(said)))
    poured_at = shot.c.poured_at
    found = (
        shots_with_prediction()
        .where(*wanted)
        .order_by(
            (time_texts.plain(poured_at) if is_file else poured_at).desc(),
            *(shot.c[name] for name in ("site", "press", "shot_key")),  # pages have one order
        )
    )
    return found.limit(query.limit if query.limit is not None else 10_000).offset(query.offset)
