"""The history in one SQLite file: the default where there is no TimescaleDB."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.history.schema import TABLES, Table
from edge_agent.ports import HistoryRow, Receipt, Stored

SCHEMA_VERSION = 1
_SQL_TYPES = {
    "text": "TEXT",
    "time": "TEXT",  # RFC 3339, UTC, sorts as text
    "real": "REAL",
    "integer": "INTEGER",
    "json": "TEXT",
}
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS telemetry_shot ON telemetry (shot_id, ts)",
    "CREATE INDEX IF NOT EXISTS shot_mold ON shot (mold_id, poured_at)",
)


class SqliteHistory:
    """See ``HistoryStore``; WAL, so that readers never wait for the agent."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open, and create when needed.

        Raises:
            StoreError: the file is missing (read only), of another program or of a newer version.
        """
        self.path = path
        try:
            if read_only:
                if not path.exists():
                    raise StoreError(f"{path}: no such history file; give --history or --config")
                self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, check_same_thread=False)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
            self._db.row_factory = sqlite3.Row
            self._migrate(read_only)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: the history cannot be opened: {error}") from error

    def deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        """See ``HistoryStore.deliver``. A row that can never be stored is rejected alone."""
        receipt = Receipt()
        with self._transaction():
            for row in rows:
                table = TABLES[row.entry.kind]
                try:
                    self._db.execute(_insert(table), _values(table, row.entry.columns))
                except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
                    receipt.rejected[row.id] = f"{table.name}: {error}"
                else:
                    receipt.accepted.append(row.id)
        return receipt

    def shot(self, shot_id: str) -> dict[str, list[dict[str, Any]]]:
        """See ``HistoryStore.shot``."""
        orders = {
            "shot": "poured_at",
            "prediction": "revision",
            "quality": "ts",
            "telemetry": "ts, seq",
        }
        return {
            name: [
                _plain(TABLES[name], row)
                for row in self._read(
                    f"SELECT * FROM {name} WHERE shot_id = ? ORDER BY {order}", (shot_id,)
                )
            ]
            for name, order in orders.items()
        }

    def shots(self, mold_id: str | None, since: datetime, limit: int) -> list[dict[str, Any]]:
        """See ``HistoryStore.shots``."""
        rows = self._read(
            """
            SELECT s.*, p.basis, p.t_demold_min_s, p.t_demold_opt_s, p.t_demold_max_s,
                   p.quality_status, p.pressure_status, p.defect_risk, p.status
            FROM shot s LEFT JOIN prediction p
              ON p.site = s.site AND p.press = s.press AND p.shot_id = s.shot_id
             AND p.revision = (SELECT max(revision) FROM prediction q
                               WHERE q.site = s.site AND q.press = s.press
                                 AND q.shot_id = s.shot_id)
            WHERE s.poured_at >= ? AND (? IS NULL OR s.mold_id = ?)
            ORDER BY s.poured_at DESC LIMIT ?
            """,
            (format_timestamp(since), mold_id, mold_id, limit),
        )
        return [_plain(TABLES["shot"], row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the history cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._db:
                yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the history cannot be written: {error}") from error

    def _migrate(self, read_only: bool) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: history of version {version}, this program knows {SCHEMA_VERSION}: "
                "update the program"
            )
        if version == SCHEMA_VERSION or read_only:
            return
        with self._db:
            for table in TABLES.values():
                self._db.execute(_create(table))
            for index in _INDEXES:
                self._db.execute(index)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _create(table: Table) -> str:
    columns = ", ".join(
        f"{name} {_SQL_TYPES[kind]}" + (" NOT NULL" if name in table.key else "")
        for name, kind in table.columns.items()
    )
    key = ", ".join(table.key)
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({key}))"


def _insert(table: Table) -> str:
    names = ", ".join(table.columns)
    marks = ", ".join("?" for _ in table.columns)
    key = ", ".join(table.key)
    conflict = "DO NOTHING"
    if table.replace:  # a shot is written when poured and again when it has ended
        others = [name for name in table.columns if name not in table.key]
        updates = ", ".join(f"{name} = excluded.{name}" for name in others)
        conflict = f"DO UPDATE SET {updates} WHERE excluded.outcome IS NOT NULL"
    return f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT ({key}) {conflict}"


def _values(table: Table, columns: dict[str, Any]) -> list[Any]:
    values = []
    for name, kind in table.columns.items():
        value = columns.get(name)
        values.append(json.dumps(value) if kind == "json" and value is not None else value)
    return values


def _plain(table: Table, row: sqlite3.Row) -> dict[str, Any]:
    found = dict(row)
    for name, kind in table.columns.items():
        if kind == "json" and found.get(name) is not None:
            found[name] = json.loads(found[name])
    return found
