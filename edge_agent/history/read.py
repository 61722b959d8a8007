"""Questions to a history, the same for SQLite and TimescaleDB: SQLAlchemy writes the SQL."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Double,
    Engine,
    FromClause,
    MetaData,
    RowMapping,
    Select,
    Table,
    Text,
    TypeDecorator,
    and_,
    create_engine,
    func,
    select,
    true,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from broker.timestamps import format_timestamp
from edge_agent.config.database_address import without_password
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError, disk_hint
from edge_agent.history import schema, time_texts
from edge_agent.history.engine import make_engine
from edge_agent.history.older_telemetry import VIEW
from edge_agent.history.sqlite import SCHEMA_VERSION
from twin_core.plain_files import FileRefused, check_regular

T = TypeVar("T")


class Ask(Protocol):
    """Gives the answer of a question that is put to a connection."""

    def __call__(self, run: Callable[[Connection], T], /) -> Awaitable[T]:
        """Ask."""
        ...


CHUNK = 5_000
"""Rows in memory at once while a table is read."""
OLDER = ": tables of an older program; the agent or `pur-mold-twin history upgrade` updates them"
_NEW_NAMES = (
    "shot_key",
    "received_at",
    "content",
    "corrected",
    VIEW,
    "event",
    "left_out",
    "alert",
    "scrap",
)
"""Columns and tables that older tables lack: an error of the database names them."""
ORDERS = {
    "shot": ("poured_at",),
    "prediction": ("poured_at", "shot_key", "revision"),
    "quality": ("ts",),
    "telemetry": ("ts", "device_id", "seq"),
    "event": ("ts", "kind"),
    "alert": ("raised_at", "alert_id"),
    "dead_letter": ("ts",),
}
"""Columns that order a table in time; the first one is its time."""


class _Rfc3339(TypeDecorator[str]):
    """A time: text in SQLite, ``timestamptz`` in PostgreSQL, RFC 3339 here."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else format_timestamp(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return format_timestamp(value) if isinstance(value, datetime) else value


_TYPES: dict[schema.ColumnType, Any] = {
    "text": Text,
    "time": _Rfc3339,
    "real": Double,
    "integer": BigInteger,
    "flag": Boolean,
    "json": JSON,
}
_METADATA = MetaData()


def _table(name: str, columns: dict[str, schema.ColumnType]) -> Table:
    return Table(name, _METADATA, *(Column(name, _TYPES[kind]) for name, kind in columns.items()))


TABLES = {name: _table(name, table.columns) for name, table in schema.TABLES.items()}
TABLES_OF_FILE = TABLES | {"telemetry": _table(VIEW, schema.TABLES["telemetry"].columns)}
"""In SQLite, where some telemetry may still lie in the table of an older program."""


@dataclass(frozen=True)
class RowFilter:
    """Filter of the rows of a table; everything that is not given does not matter."""

    since: datetime | None = None
    mold_id: str | None = None
    shot_id: str | None = None
    until: datetime | None = None
    """Rows from then on are left out."""
    press: str | None = None
    device_id: str | None = None
    shot_key: str | None = None
    kinds: frozenset[str] | None = None
    """Of events."""


class HistoryReader:
    """A history, opened to be read. Every method raises StoreError when it cannot be."""

    def __init__(self, engine: Engine | AsyncEngine, words: str) -> None:
        self._engine, self.words = engine, words
        self.is_file = not isinstance(engine, AsyncEngine)
        self.tables = TABLES_OF_FILE if self.is_file else TABLES

    async def shot(self, shot_id: str) -> dict[str, list[dict[str, Any]]]:
        """All that is stored of a shot: rows by table."""
        which = RowFilter(shot_id=shot_id)
        names = ("shot", "prediction", "quality", "event", "telemetry")
        return {
            name: list(self._in_order(await self._rows(self._of(name, which)), name))
            for name in names
        }

    async def shots(self, mold_id: str | None, since: datetime, limit: int) -> list[dict[str, Any]]:
        """Shots poured since then, newest first, with their latest prediction."""
        return await self._rows(_shots(mold_id, since, limit, self.is_file))

    async def newest_of_molds(self, site: str, press: str, limit: int) -> list[dict[str, Any]]:
        """The newest poured shots of each mold of a press, oldest first.

        With the document of the newest prediction of each; None without one.

        Args:
            limit: shots of a mold.
        """
        return await self._rows(_newest_of_molds(site, press, limit, self.is_file))

    async def each(
        self, table: str, which: RowFilter, take: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        """Give ``take`` the rows of a table in order of time, a chunk at a time."""

        def run(connection: Connection) -> None:
            result = connection.execution_options(yield_per=CHUNK).execute(self._of(table, which))
            found = (dict(row) for chunk in result.mappings().partitions() for row in chunk)
            rows = self._in_order(found, table)
            while chunk := list(islice(rows, CHUNK)):
                take(chunk)

        await self._run(run)

    async def names_in(self, column: str, which: RowFilter) -> list[str]:
        """Names that occur in a JSON column of the telemetry, sorted."""
        telemetry = self.tables["telemetry"]

        def run(connection: Connection) -> list[str]:
            values = telemetry.c[column]
            pairs: FromClause = func.json_each(values).table_valued("key")
            if connection.dialect.name == "postgresql":
                pairs = func.jsonb_each(values).table_valued("key").lateral()
            source = telemetry.join(pairs, true())
            wanted = conditions("telemetry", telemetry, which, self.is_file)
            found = select(pairs.c.key).select_from(source).where(*wanted)
            return sorted(str(row[0]) for row in connection.execute(found.distinct()))

        return await self._run(run)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Ask]:
        """A way to ask many questions one after the other; nothing is held in between.

        A long answer that a slow reader takes piece by piece must not keep old rows alive.
        """
        if not isinstance(self._engine, AsyncEngine):
            yield self._run
            return
        with self._errors():
            connection = await self._engine.connect()

        async def ask(run: Callable[[Connection], T]) -> T:
            with self._errors():
                found = await connection.run_sync(run)
                await connection.rollback()
                return found

        try:
            yield ask
        finally:
            await connection.close()

    async def close(self) -> None:
        """Release the history."""
        if isinstance(self._engine, AsyncEngine):
            await self._engine.dispose()
        else:
            self._engine.dispose()

    def _hint_of(self, cause: BaseException) -> str:
        if isinstance(self._engine, AsyncEngine):
            from edge_agent.history.connection import database_hint  # noqa: PLC0415 (its driver)

            return database_hint(cause)
        return disk_hint(cause)

    def _of(self, name: str, which: RowFilter) -> Select[Any]:
        table = self.tables[name]
        order = [table.c[column] for column in ORDERS[name]]
        wanted = conditions(name, table, which, self.is_file)
        return select(table).where(*wanted).order_by(*order)

    def _in_order(self, rows: Iterable[dict[str, Any]], table: str) -> Iterator[dict[str, Any]]:
        return time_texts.in_order(rows, ORDERS[table]) if self.is_file else iter(rows)

    async def _rows(self, statement: Select[Any]) -> list[dict[str, Any]]:
        def run(connection: Connection) -> list[dict[str, Any]]:
            rows: list[RowMapping] = list(connection.execute(statement).mappings())
            return [dict(row) for row in rows]

        return await self._run(run)

    async def _run(self, run: Callable[[Connection], T]) -> T:
        with self._errors():
            if isinstance(self._engine, AsyncEngine):
                async with self._engine.connect() as connection:
                    return await connection.run_sync(run)
            return await asyncio.to_thread(self._run_here, run)

    def _run_here(self, run: Callable[[Connection], T]) -> T:
        assert isinstance(self._engine, Engine)
        with self._engine.connect() as connection:
            return run(connection)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError) as error:
            cause = getattr(error, "orig", None) or error
            older = any(name in str(cause) for name in _NEW_NAMES)
            words = f"{self.words}: the history cannot be read: {cause}" + (OLDER if older else "")
            raise StoreError(words, hint=self._hint_of(cause)) from error


def open_reader(settings: HistorySettings, kept: int = 0) -> HistoryReader:
    """The history that the settings name, to be read.

    Args:
        settings: where it is.
        kept: connections to a database that stay open, within one event loop.

    Raises:
        SettingsError, StoreError: the address cannot be read, or there is no such file.
    """
    url = settings.address()
    return open_sqlite(settings.path) if url is None else open_timescale(url, kept)


def open_sqlite(path: Path) -> HistoryReader:
    """A history file, read only.

    Raises:
        StoreError: there is none, or it is no file.
    """
    if not path.exists():
        raise StoreError(
            f"{path}: no such history file; give --history or --config",
            hint="an agent makes it with its first shot; a relative path starts at the working "
            "directory",
        )
    try:
        check_regular(path, sys.maxsize)
    except FileRefused as error:
        raise StoreError(str(error), hint=error.hint) from None
    address = f"file:{quote(str(path))}?mode=ro"
    engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: _connect(address, path))
    return HistoryReader(engine, str(path))


def _connect(address: str, path: Path) -> sqlite3.Connection:
    """Open a file whose tables this program knows.

    Raises:
        StoreError: a newer program has changed them.
    """
    with ExitStack() as refused:
        db = refused.enter_context(closing(sqlite3.connect(address, uri=True)))
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            check = f"{path}: history of version {version}, this program knows {SCHEMA_VERSION}"
            raise StoreError(
                f"{check}: update the program",
                hint="install the version that made this file, or a newer one",
            )
        refused.pop_all()
    return db


def open_timescale(url: str, kept: int = 0) -> HistoryReader:
    """A TimescaleDB or PostgreSQL history; of ``kept`` see ``open_reader``.

    Raises:
        MissingExtra: its driver is not installed.
    """
    return HistoryReader(make_engine(url, kept), without_password(url))


def conditions(name: str, table: Table, which: RowFilter, is_file: bool) -> list[Any]:
    """Conditions of a filter on a table, for SQL."""
    found: list[Any] = []
    time = table.c[ORDERS[name][0]]
    if which.since is not None:
        found.append(time_texts.since(time, which.since) if is_file else time >= which.since)
    if which.until is not None:
        found.append(time_texts.before(time, which.until) if is_file else time < which.until)
    for column in ("mold_id", "shot_id", "press", "device_id", "shot_key"):
        value = getattr(which, column)
        if value is not None and column in table.c:
            found.append(table.c[column] == value)
    if which.kinds is not None:
        found.append(table.c.kind.in_(sorted(which.kinds)))
    return found


def _shots(mold_id: str | None, since: datetime, limit: int, is_file: bool) -> Select[Any]:
    shot = TABLES["shot"]
    poured_at = shot.c.poured_at
    return (
        shots_with_prediction()
        .where(*conditions("shot", shot, RowFilter(since, mold_id), is_file))
        .order_by((time_texts.plain(poured_at) if is_file else poured_at).desc())
        .limit(limit)
    )


def _newest_of_molds(site: str, press: str, limit: int, is_file: bool) -> Select[Any]:
    shot, prediction = TABLES["shot"], TABLES["prediction"]
    poured_at = time_texts.plain(shot.c.poured_at) if is_file else shot.c.poured_at
    place = func.row_number().over(partition_by=shot.c.mold_id, order_by=poured_at.desc())
    ranked = (
        select(shot.c.shot_key, place.label("place"))
        .where(shot.c.site == site, shot.c.press == press, shot.c.poured_at.is_not(None))
        .subquery()
    )
    other = prediction.alias()
    newest = (
        select(func.max(other.c.revision))
        .where(*(other.c[name] == shot.c[name] for name in ("site", "press", "shot_key")))
        .scalar_subquery()
    )
    same = (prediction.c[name] == shot.c[name] for name in ("site", "press", "shot_key"))
    joined = shot.join(ranked, ranked.c.shot_key == shot.c.shot_key).outerjoin(
        prediction, and_(*same, prediction.c.revision == newest)
    )
    return (
        select(*shot.c, prediction.c.document)
        .select_from(joined)
        .where(shot.c.site == site, shot.c.press == press, ranked.c.place <= limit)
        .order_by(poured_at)
    )


def shots_with_prediction() -> Select[Any]:
    """Shots, each with its latest prediction, in no order."""
    shot, prediction = TABLES["shot"], TABLES["prediction"]
    other = prediction.alias()
    same = (
        prediction.c.site == shot.c.site,
        prediction.c.press == shot.c.press,
        prediction.c.shot_key == shot.c.shot_key,
    )
    newest = (
        select(func.max(other.c.revision))
        .where(*(other.c[name] == shot.c[name] for name in ("site", "press", "shot_key")))
        .scalar_subquery()
    )
    shown = [
        prediction.c[name]
        for name in (
            *("basis", "t_demold_min_s", "t_demold_opt_s", "t_demold_max_s", "quality_status"),
            *("pressure_status", "defect_risk", "status"),
        )
    ]
    joined = shot.outerjoin(prediction, and_(*same, prediction.c.revision == newest))
    return select(*shot.c, *shown).select_from(joined)
