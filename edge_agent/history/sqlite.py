"""The history in one SQLite file: the default where there is no TimescaleDB."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.history.schema import TABLES, Table, names
from edge_agent.ports import HistoryRow, Receipt, Stored
from edge_agent.spool.sqlite_files import (
    GROUP_MAY_READ,
    OpenFiles,
    check_version,
    connect,
    create,
    make_folder,
    place_of,
    tighten,
)

SCHEMA_VERSION = 2
_SQL_TYPES = {
    "text": "TEXT",
    "time": "TEXT",  # RFC 3339, UTC, sorts as text
    "real": "REAL",
    "integer": "INTEGER",
    "flag": "INTEGER",
    "json": "TEXT",
}
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS telemetry_ts ON telemetry (ts)",
    "CREATE INDEX IF NOT EXISTS telemetry_shot ON telemetry (shot_id, ts)",
    "CREATE INDEX IF NOT EXISTS shot_mold ON shot (mold_id, poured_at)",
)
WAY_OUT = (
    "rows stay in the spool until the right file is back (moved, not copied) or the agent is "
    "restarted: it then goes on with what lies there, or a new history"
)
ROWS_AT_ONCE = 10_000
_DELETE_OLD = (
    "DELETE FROM telemetry WHERE rowid IN (SELECT rowid FROM telemetry WHERE ts < ? LIMIT ?)"
)


class SqliteHistory:
    """See ``HistoryStore``; WAL, so that readers never wait for the agent."""

    def __init__(self, path: Path, raw_days: int | None = None) -> None:
        """Open, and create when needed.

        Raises:
            StoreError: the file is of another program or of a newer version, or the disk refuses.
        """
        self.path, self._raw_days = path, raw_days
        try:
            place = place_of(path)
            make_folder(place.parent)
            create(place)
            tighten(place, GROUP_MAY_READ)
            with ExitStack() as opened:
                self._db = opened.enter_context(closing(connect(path, "rw")))
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._migrate()
                self._files = OpenFiles(path, WAY_OUT)
                opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: the history cannot be opened: {error}") from error

    async def deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        """See ``HistoryStore.deliver``. A row that can never be stored is rejected alone."""
        return await asyncio.to_thread(self._deliver, rows)

    async def upkeep(self, now: datetime) -> bool:
        """See ``HistoryStore.upkeep``: raw telemetry older than ``raw_days`` goes."""
        if self._raw_days is None:
            return False
        return await asyncio.to_thread(self._drop_old, now - timedelta(days=self._raw_days))

    async def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        receipt = Receipt()
        with self._transaction():
            for row in rows:
                table = TABLES[row.entry.kind]
                try:
                    self._db.execute(_insert(table), _values(table, json.loads(row.entry.document)))
                except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
                    receipt.rejected[row.id] = f"{table.name}: {error}"
                else:
                    receipt.accepted.append(row.id)
        return receipt

    def _drop_old(self, since: datetime) -> bool:
        with self._transaction():
            gone = self._db.execute(_DELETE_OLD, (format_timestamp(since), ROWS_AT_ONCE)).rowcount
        return gone == ROWS_AT_ONCE

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._files.check()
        try:
            with _immediate(self._db):
                check_version(self._db, SCHEMA_VERSION, f"{self.path}: history")
                yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the history cannot be written: {error}") from error
        self._files.check()

    def _migrate(self) -> None:
        with _immediate(self._db):
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version >= SCHEMA_VERSION:
                check_version(self._db, SCHEMA_VERSION, f"{self.path}: history")
                return
            for table in TABLES.values():
                self._db.execute(_create(table))
            for index in _INDEXES:
                self._db.execute(index)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def _immediate(db: sqlite3.Connection) -> Iterator[None]:
    """A transaction that nobody else's comes between."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _create(table: Table) -> str:
    columns = ", ".join(
        f'"{name}" {_SQL_TYPES[kind]}' + (" NOT NULL" if name in table.key else "")
        for name, kind in table.columns.items()
    )
    key = names(table.key)
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({key}))"


def _insert(table: Table) -> str:
    marks = ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {table.name} ({names(table.columns)}) VALUES ({marks}) {table.on_conflict}"


def _values(table: Table, columns: dict[str, Any]) -> list[Any]:
    values = []
    for name, kind in table.columns.items():
        value = columns.get(name)
        values.append(json.dumps(value) if kind == "json" and value is not None else value)
    return values
