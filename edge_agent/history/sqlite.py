"""The history in one SQLite file: the default where there is no TimescaleDB."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic_core import to_json

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.history import older_tables, older_telemetry
from edge_agent.history.rows import columns_of
from edge_agent.history.schema import SUPERSEDED, TABLES, Table, names
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

SCHEMA_VERSION = 6
PAGE_BYTES = 2048
"""Of a new file. A delivery writes whole pages: with 4096 a sixth more (docs/decisions/0019)."""
LOG_PAGES = 4000
"""The log is moved into the file when it holds so many: 8 MB. A page that is written again and
again goes into the file once in that time."""
_SQL_TYPES = {
    "text": "TEXT",
    "time": "TEXT",  # RFC 3339, UTC, sorts as text
    "real": "REAL",
    "integer": "INTEGER",
    "flag": "INTEGER",
    "json": "TEXT",
}
_IN_ORDER_OF_TIME = {"telemetry": ("ts", "site", "press", "device_id", "seq", "content")}
"""Tables whose rows lie in their key, as columns: new rows go to the end, and no index on the time
is written beside them."""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS telemetry_of_shot ON telemetry (shot_id)",
    "CREATE INDEX IF NOT EXISTS shot_mold ON shot (mold_id, poured_at)",
    "CREATE INDEX IF NOT EXISTS shot_name ON shot (shot_id)",
    "CREATE INDEX IF NOT EXISTS prediction_name ON prediction (shot_id)",
    "CREATE INDEX IF NOT EXISTS event_ts ON event (ts)",
    "CREATE INDEX IF NOT EXISTS event_shot ON event (shot_id)",
    "CREATE INDEX IF NOT EXISTS alert_raised ON alert (raised_at)",
)
_BAD_ROW = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError)
"""What a row, not the disk, is to blame for."""
WAY_OUT = (
    "rows stay in the spool until the right file is back (moved, not copied) or the agent is "
    "restarted: it then goes on with what lies there, or a new history"
)
_RECEIVED_AT = list(TABLES["telemetry"].columns).index("received_at")
_SHOT_KEY = list(TABLES["prediction"].columns).index("shot_key")
ROWS_AT_ONCE = 10_000
_DELETE_OLD = """
DELETE FROM {table} WHERE ts < ?1 AND ts <=
    coalesce((SELECT ts FROM {table} WHERE ts < ?1 ORDER BY ts LIMIT 1 OFFSET ?2), ?1)
"""
MOVE_S, REST = 1.0, 1.0
"""Older telemetry moves for so long in one go, and rests so long for each second it works, so that
live shots have the machine."""


class SqliteHistory:
    """History in a SQLite file; WAL, so that readers never wait for the agent."""

    def __init__(self, path: Path, raw_days: int | None = None) -> None:
        """Open, and create when needed.

        Raises:
            StoreError: the file is of another program or of a newer version, or the disk refuses.
        """
        self.path, self._raw_days = path, raw_days
        self._in_use = Lock()
        try:
            place = place_of(path)
            make_folder(place.parent)
            create(place)
            tighten(place, GROUP_MAY_READ)
            with ExitStack() as opened:
                self._db = opened.enter_context(closing(connect(path, "rw")))
                self._db.execute(f"PRAGMA page_size={PAGE_BYTES}")  # an older file keeps its own
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
                older_telemetry.prepare(self._db)
                self._migrate()
                self._files = OpenFiles(path, WAY_OUT)
                opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: the history cannot be opened: {error}") from error

    async def deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        """Write a batch; a row that can never be stored is rejected alone."""
        return await asyncio.to_thread(self._deliver, rows)

    async def upkeep(self, now: datetime) -> bool:
        """Remove raw telemetry older than ``raw_days``, some at a time, and move that of an older
        program into today's table."""
        if self._raw_days is not None:
            since = now - timedelta(days=self._raw_days)
            if await asyncio.to_thread(self._drop_old, since):
                return True
        loop = asyncio.get_running_loop()
        end = loop.time() + MOVE_S
        while loop.time() < end:
            began = loop.time()
            if not await asyncio.to_thread(self.move_some):
                return False
            await asyncio.sleep(REST * (loop.time() - began))
        return True

    def move_some(self) -> int:
        """Move some telemetry of an older program into today's table; how many rows.

        Raises:
            StoreError: the file cannot be written.
        """
        with self._transaction():
            return older_telemetry.move_some(self._db)

    async def close(self) -> None:
        """Close the file, after what a thread still does with it: SQLite would crash the agent."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._in_use:
            self._db.close()

    def _deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        receipt = Receipt()
        by_table: dict[str, list[tuple[int, list[Any]]]] = {}
        for row in rows:
            table = TABLES[row.entry.kind]
            values = _values(table, columns_of(row.entry))
            by_table.setdefault(table.name, []).append((row.id, values))
        with self._transaction():
            frames = by_table.pop("telemetry", [])
            # what an older program left in the spool first: the rest may repeat it
            for known in (False, True):
                part = [row for row in frames if (row[1][_RECEIVED_AT] is not None) == known]
                repeats = [row for row in part if older_telemetry.is_repeat(self._db, row[1])]
                receipt.accepted += [row_id for row_id, _ in repeats]
                gone = {row_id for row_id, _ in repeats}
                new = [row for row in part if row[0] not in gone]
                self._store(TABLES["telemetry"], new, receipt)
            for name, values_by_id in by_table.items():
                self._store(TABLES[name], values_by_id, receipt)
            shots = {values[_SHOT_KEY] for _, values in by_table.get("prediction", [])}
            self._db.executemany(f"{SUPERSEDED} AND shot_key = ?", [(key,) for key in shots])
        return receipt

    def _store(
        self, table: Table, values_by_id: list[tuple[int, list[Any]]], receipt: Receipt
    ) -> None:
        """All rows at once; one by one when one of them can never be stored."""
        if not values_by_id:
            return
        self._db.execute("SAVEPOINT at_once")
        try:
            self._db.executemany(_insert(table), [values for _, values in values_by_id])
        except _BAD_ROW:
            self._db.execute("ROLLBACK TO at_once")
            for row_id, values in values_by_id:
                try:
                    self._db.execute(_insert(table), values)
                except _BAD_ROW as error:
                    receipt.rejected[row_id] = f"{table.name}: {error}"
                else:
                    receipt.accepted.append(row_id)
        else:
            receipt.accepted += [row_id for row_id, _ in values_by_id]
        self._db.execute("RELEASE at_once")

    def _drop_old(self, since: datetime) -> bool:
        gone = 0
        with self._transaction():
            tables = ["telemetry"]
            if older_telemetry.in_older_table(self._db):
                tables.append(older_telemetry.OLDER)
            for table in tables:
                statement = _DELETE_OLD.format(table=table)
                gone += self._db.execute(
                    statement, (format_timestamp(since), ROWS_AT_ONCE)
                ).rowcount
        return gone >= ROWS_AT_ONCE

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._in_use:
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
            if version in (1, 2):
                older_tables.to_version_3(self._db, _create)
            if version in (1, 2, 3):
                older_tables.to_version_4(self._db, _create)
            if version:
                older_tables.to_version_5(self._db)
                older_tables.to_version_6(self._db)
            for table in TABLES.values():
                self._db.execute(_create(table))
            for index in _INDEXES:
                self._db.execute(index)
            older_telemetry.make_view(self._db)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def upgrade(path: Path, progress: Callable[[int], None] = lambda _rows: None) -> None:
    """Bring a file to ``SCHEMA_VERSION``, all telemetry with it; nothing when it is there.

    Killed in the middle it goes on where it was; the agent does it, too, beside its work.

    Args:
        path: of the file.
        progress: called with the rows of telemetry that were moved so far.

    Raises:
        StoreError: there is none, or it cannot be changed.
    """
    if not path.exists():
        raise StoreError(f"{path}: no such history file; give --history or --config")
    history, moved = SqliteHistory(path), 0
    with closing(history._db):
        while some := history.move_some():
            moved += some
            progress(moved)


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
    key = names(_IN_ORDER_OF_TIME.get(table.name, table.key))
    where = "WITHOUT ROWID" if table.name in _IN_ORDER_OF_TIME else ""
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({key})) {where}"


def _insert(table: Table) -> str:
    marks = ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {table.name} ({names(table.columns)}) VALUES ({marks}) {table.on_conflict}"


def _values(table: Table, columns: dict[str, Any]) -> list[Any]:
    values = []
    for name, kind in table.columns.items():
        value = columns.get(name)
        values.append(to_json(value).decode() if kind == "json" and value is not None else value)
    return values
