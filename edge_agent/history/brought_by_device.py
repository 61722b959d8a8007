"""What one device has brought into a history as historical shots: counted, and taken back.

A shot is taken back whole or not at all: one to which anybody else has added something stays.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, create_engine, delete, event, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from broker.timestamps import parse_timestamp
from edge_agent.config.database_address import without_password
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError, disk_hint
from edge_agent.history.engine import make_engine
from edge_agent.history.read import TABLES, HistoryReader
from edge_agent.spool.sqlite_files import connect
from twin_core.log_files.series import DAY_S

T = TypeVar("T")
Run = Callable[[Connection], T]
SHOTS_AT_ONCE = 200
"""Shots that are taken back in one transaction."""
_LONGEST = timedelta(seconds=DAY_S)
_FOREIGN = {
    "shot": "an agent has written the shot, too",
    "event": "another device has told of it",
    "telemetry": "another device has readings of it",
    "quality": "the laboratory has told an agent of it",
    "prediction": "it was predicted",
    "alert": "an alert is about it",
}
"""Why a shot stays, by the table that has rows of others."""
_UNLIMITED = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'
"""
_ROLL_UPS = """
WITH times AS (
    SELECT s.site, s.press, coalesce(s.mold_id, '') AS mold_id, s.poured_at,
           greatest(s.closed_at, (
               SELECT max(r.ts) FROM telemetry r
               WHERE r.shot_id = s.shot_id AND r.shot_key = s.shot_key AND r.device_id = :device_id
                 AND r.ts BETWEEN s.poured_at AND s.poured_at + INTERVAL '1 day')) AS last
    FROM shot s WHERE s.shot_key = ANY(:keys)),
gone AS (
    DELETE FROM telemetry_1m USING times
    WHERE telemetry_1m.site = times.site AND telemetry_1m.press = times.press
      AND telemetry_1m.device_id = :device_id AND telemetry_1m.mold_id = times.mold_id
      AND telemetry_1m.bucket BETWEEN date_trunc('minute', times.poured_at) AND times.last
    RETURNING telemetry_1m.site, telemetry_1m.press, telemetry_1m.bucket)
INSERT INTO rollup_due (site, press, bucket) SELECT DISTINCT site, press, bucket FROM gone
ON CONFLICT DO NOTHING
"""
"""Minutes of the shots; what stays of a minute, of the next shot, is rolled up again."""


class _Pour(NamedTuple):
    site: str
    press: str
    shot_key: str
    shot_id: str
    ts: str


@dataclass
class Brought:
    """Shots that a device has brought."""

    taken_count: int = 0
    """Shots that are taken back, or would be."""
    staying: dict[str, str] = field(default_factory=dict)
    """Why shots stay, by their ids with site and press."""
    rows: Counter[str] = field(default_factory=Counter)
    """Rows that were removed, by table; empty where nothing was."""


async def brought_by(reader: HistoryReader, device_id: str) -> Brought:
    """Count what would be taken back.

    Args:
        reader: of the history.
        device_id: of the source, ``import-mes``.

    Raises:
        StoreError: the history cannot be read.
    """
    found = Brought()
    async with reader.asking() as ask:
        for pours in _parts(await ask(partial(_pours, device_id=device_id))):
            kept = await ask(partial(_staying, device_id=device_id, pours=pours))
            _count(found, pours, kept)
    return found


async def take_back(
    settings: HistorySettings, device_id: str, progress: Callable[[int], None]
) -> Brought:
    """Remove the shots that a device has brought, with their events, readings and quality records.

    A batch of them goes in one transaction; stopped at any moment, it goes on when called again.

    Args:
        settings: of a history whose tables are those of today.
        device_id: of the source.
        progress: called now and then with how many shots are done.

    Raises:
        StoreError: the history cannot be written.
    """
    found, done = Brought(), 0
    async with _writing(settings) as write:
        for pours in _parts(await write(partial(_pours, device_id=device_id))):
            kept, rows = await write(partial(_remove, device_id=device_id, pours=pours))
            _count(found, pours, kept)
            found.rows.update(rows)
            done += len(pours)
            progress(done)
    return found


def _count(found: Brought, pours: Sequence[_Pour], kept: dict[str, str]) -> None:
    found.taken_count += len(pours) - len(kept)
    for pour in pours:
        if pour.shot_key in kept:
            found.staying[f"{pour.site}/{pour.press}/{pour.shot_id}"] = kept[pour.shot_key]


def _parts(pours: Iterable[_Pour]) -> Iterable[list[_Pour]]:
    left = iter(pours)
    while part := list(islice(left, SHOTS_AT_ONCE)):
        yield part


def _own(name: str, device_id: str) -> list[Any]:
    """Conditions of rows of a table that the device has brought; nothing of an agent fits."""
    table = TABLES[name]
    own: list[Any] = [table.c.received_at.is_(None)]
    match name:
        case "event":
            own.append(table.c.document["device_id"].as_string() == device_id)
            own.append(table.c.document["historical"].as_boolean())
        case "telemetry":
            own.append(table.c.device_id == device_id)
        case "quality":
            own.append(table.c.document["historical"].as_boolean())
        case "shot":
            own.append(table.c.revision.is_(None))
    return own


def _pours(connection: Connection, device_id: str) -> list[_Pour]:
    """Pours that the device has told, oldest first, each shot once."""
    table = TABLES["event"]
    statement = (
        select(table.c.site, table.c.press, table.c.shot_key, table.c.shot_id, table.c.ts)
        .where(table.c.kind == "poured", table.c.shot_key.is_not(None), *_own("event", device_id))
        .order_by(table.c.ts)
    )
    found: dict[str, _Pour] = {}
    for row in connection.execute(statement):
        pour = _Pour(*row)
        found.setdefault(pour.shot_key, pour)
    return list(found.values())


def _of(name: str, pours: Sequence[_Pour]) -> list[Any]:
    """Conditions of the rows of some shots, so that an index of shots serves.

    The key alone says site and press. With them, a file would be read by its keys of times, whole.
    """
    table = TABLES[name]
    of_shots = [
        table.c.shot_id.in_({pour.shot_id for pour in pours}),
        table.c.shot_key.in_([pour.shot_key for pour in pours]),
    ]
    if name in ("shot", "quality"):  # their keys begin with site and press, and go on by shots
        of_shots.append(table.c.site.in_({pour.site for pour in pours}))
        of_shots.append(table.c.press.in_({pour.press for pour in pours}))
    return of_shots


def _staying(connection: Connection, device_id: str, pours: Sequence[_Pour]) -> dict[str, str]:
    """Why shots stay, by their keys."""
    found: dict[str, str] = {}
    for name, words in _FOREIGN.items():
        table, others = TABLES[name], list[Any]()
        if name not in ("prediction", "alert"):
            others = [or_(*(func.coalesce(one, False).is_(False) for one in _own(name, device_id)))]
        keys = select(table.c.shot_key).where(*_of(name, pours), *others).distinct()
        for (key,) in connection.execute(keys):
            found.setdefault(key, words)
    return found


def _remove(
    connection: Connection, device_id: str, pours: Sequence[_Pour]
) -> tuple[dict[str, str], Counter[str]]:
    """Remove those shots that nobody else has touched."""
    shot, rows = TABLES["shot"], Counter[str]()
    is_database = connection.dialect.name == "postgresql"
    if is_database:  # no agent adds to them until we are done
        held = select(shot.c.shot_key).where(*_of("shot", pours)).with_for_update()
        connection.execute(held)
        connection.execute(text(_UNLIMITED))
    kept = _staying(connection, device_id, pours)
    gone = [pour for pour in pours if pour.shot_key not in kept]
    if not gone:
        return kept, rows
    if is_database:
        keys = [pour.shot_key for pour in gone]
        connection.execute(text(_ROLL_UPS), {"device_id": device_id, "keys": keys})
    for name in ("telemetry", "quality", "event", "shot"):
        table, wanted = TABLES[name], [*_of(name, gone), *_own(name, device_id)]
        if name == "telemetry" and is_database:  # whole chunks are passed over
            first, last = (parse_timestamp(pour.ts) for pour in (gone[0], gone[-1]))
            wanted.append(table.c.ts.between(first, last + _LONGEST))
        rows[name] += connection.execute(delete(table).where(*wanted)).rowcount
    return kept, rows


@asynccontextmanager
async def _writing(settings: HistorySettings) -> AsyncIterator[Callable[[Run[Any]], Any]]:
    """A way to do something to the history in a transaction of its own."""
    url = settings.address()
    try:
        if url is None:
            yield _in_file(settings.path)
            return
        database = make_engine(url, 1)

        async def run_there(run: Run[Any]) -> Any:
            async with database.begin() as connection:
                return await connection.run_sync(run)

        try:
            yield run_there
        finally:
            await database.dispose()
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        cause = getattr(error, "orig", None) or error
        if url is None:
            words, hint = str(settings.path), disk_hint(cause)
        else:
            from edge_agent.history.connection import database_hint  # noqa: PLC0415 (its driver)

            words, hint = without_password(url), database_hint(cause)
        raise StoreError(f"{words}: the history cannot be written: {cause}", hint=hint) from error


def _in_file(path: Path) -> Callable[[Run[Any]], Any]:
    engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: connect(path, "rw"))
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))

    def run_here(run: Run[Any]) -> Any:
        with engine.begin() as connection:
            return run(connection)

    return lambda run: asyncio.to_thread(run_here, run)
