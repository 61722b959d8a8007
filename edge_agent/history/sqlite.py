"""The history in one SQLite file: the default where there is no TimescaleDB."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.history.schema import TABLES, Table, names
from edge_agent.ports import HistoryRow, Receipt, Stored

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
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()
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
        try:
            with self._db:
                yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the history cannot be written: {error}") from error

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: history of version {version}, this program knows {SCHEMA_VERSION}: "
                "update the program"
            )
        if version == SCHEMA_VERSION:
            return
        with self._db:
            for table in TABLES.values():
                self._db.execute(_create(table))
            for index in _INDEXES:
                self._db.execute(index)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


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
