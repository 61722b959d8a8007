"""Frames of telemetry that a history has of some shots, without their readings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from broker.timestamps import parse_timestamp
from edge_agent.history.read import HistoryReader, RowFilter, conditions


class StoredFrame(NamedTuple):
    """What tells a frame of a shot from its others."""

    device_id: str
    ts: datetime
    content: str | None
    """Hash of its readings; None of a frame that an older program has stored."""


async def frames_of_shots(
    reader: HistoryReader,
    site: str,
    press: str,
    shots: Iterable[tuple[str, str]],
    since: datetime,
    until: datetime,
) -> dict[str, list[StoredFrame]]:
    """Frames by the key of their shot; a shot without any is not in the answer.

    Args:
        reader: of the history.
        site, press: of the shots.
        shots: id and key of each; at most some hundred.
        since: frames of then or later.
        until: frames before.

    Raises:
        StoreError: the history cannot be read.
    """
    asked = list(shots)
    table = reader.tables["telemetry"]
    names = ("shot_key", "device_id", "ts", "content")
    statement = select(*(table.c[name] for name in names)).where(
        *conditions("telemetry", table, RowFilter(since=since, until=until), reader.is_file),
        table.c.site == site,
        table.c.press == press,
        table.c.shot_id.in_([shot_id for shot_id, _ in asked]),
        table.c.shot_key.in_([key for _, key in asked]),
    )

    def run(connection: Connection) -> dict[str, list[StoredFrame]]:
        found: dict[str, list[StoredFrame]] = {}
        for key, device_id, ts, content in connection.execute(statement):
            frame = StoredFrame(device_id, parse_timestamp(ts), content)
            found.setdefault(key, []).append(frame)
        return found

    async with reader.asking() as ask:
        return await ask(run)
