"""Shots whose pours one device has told, at whatever press."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, select

from edge_agent.history.read import TABLES, HistoryReader, RowFilter, conditions

_NEXT = timedelta(microseconds=1)
_COLUMNS = (
    *("site", "press", "shot_key", "shot_id", "mold_id"),
    *("poured_at", "system_id", "recipe", "t_demold_actual_s"),
)


async def pours_of_device(
    reader: HistoryReader,
    device_id: str,
    shot_ids: Iterable[str],
    since: datetime,
    last: datetime,
) -> list[dict[str, Any]]:
    """Shots of some ids and of a time, with what was poured.

    Args:
        reader: of the history.
        device_id: of the events of their pours.
        shot_ids: at most some hundred.
        since: poured then or later.
        last: poured then or before.

    Raises:
        StoreError: the history cannot be read.
    """
    shot, event = TABLES["shot"], TABLES["event"]
    same = and_(*(event.c[name] == shot.c[name] for name in ("site", "press", "shot_key")))
    of_time = RowFilter(since=since, until=last + _NEXT)
    statement = (
        select(*(shot.c[name] for name in _COLUMNS))
        .select_from(shot.join(event, same))
        .where(
            *conditions("shot", shot, of_time, reader.is_file),
            shot.c.shot_id.in_(list(shot_ids)),
            event.c.shot_id == shot.c.shot_id,
            event.c.kind == "poured",
            event.c.document["device_id"].as_string() == device_id,
        )
    )

    def run(connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(statement).mappings()]

    async with reader.asking() as ask:
        return await ask(run)
