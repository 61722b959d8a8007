"""Foreign databases through SQLAlchemy: connected read only, pooled, and with errors in words."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from edge_agent.config.secret_files import SecretFileError, read_secret
from edge_agent.errors import MissingExtra, SettingsError, StoreError, disk_hint
from edge_agent.history.engine import make_engine
from edge_agent.imports.settings import SqlSource
from twin_core.plain_files import FileRefused, check_regular

T = TypeVar("T")
POOL = 2
"""Connections that stay open: one for the shots, one for their readings."""
FILE_MAX = 2**50
"""Bytes of a SQLite file."""
_READ_ONLY = {
    "postgresql": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET TRANSACTION READ ONLY",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
}
_HINT = "look at host, port, database, user and password of the datasource"


class Database:
    """A database that is asked, never written."""

    def __init__(self, settings: SqlSource) -> None:
        """Make ready; nothing is connected yet.

        Raises:
            SettingsError: the password file cannot be read, or there is no such SQLite file.
            MissingExtra: the driver is not installed.
        """
        self.dialect = "mysql" if settings.driver == "mariadb" else settings.driver
        self.words, self._engine = _engine(settings, self.dialect)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Ask]:
        """A connection of the pool, in a transaction that cannot write.

        Raises:
            StoreError: the database is not reached, or does not answer.
        """
        try:
            if isinstance(self._engine, AsyncEngine):
                async with self._engine.connect() as asynchronous:
                    ask = Ask(asynchronous)
                    await ask(self._make_read_only)
                    yield ask
            else:
                plain = await asyncio.to_thread(self._engine.connect)
                try:
                    ask = Ask(plain)
                    await ask(self._make_read_only)
                    yield ask
                finally:
                    await asyncio.to_thread(plain.close)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(f"{self.words}: {cause}", hint=_HINT) from error

    async def close(self) -> None:
        """Close all connections."""
        if isinstance(self._engine, AsyncEngine):
            await self._engine.dispose()
        else:
            await asyncio.to_thread(self._engine.dispose)

    def _make_read_only(self, connection: Connection) -> None:
        statements = _READ_ONLY.get(self.dialect, ())
        for statement in statements:
            connection.execute(text(statement))
        if self.dialect == "mysql":  # it counts from the next transaction on
            connection.rollback()


class Ask:
    """Puts questions to one connection."""

    def __init__(self, connection: Connection | AsyncConnection) -> None:
        self._connection = connection

    async def __call__(self, run: Callable[[Connection], T]) -> T:
        """The answer of a question."""
        if isinstance(self._connection, AsyncConnection):
            return await self._connection.run_sync(run)
        return await asyncio.to_thread(run, self._connection)


def _engine(settings: SqlSource, dialect: str) -> tuple[str, Engine | AsyncEngine]:
    if dialect == "sqlite":
        return settings.database, _sqlite(Path(settings.database))
    password = _password(settings)
    user = "" if settings.user is None else quote(settings.user, safe="")
    login = f"{user}:{quote(password, safe='')}@" if password else f"{user}@" if user else ""
    port = "" if settings.port is None else f":{settings.port}"
    where = f"{settings.host}{port}/{quote(settings.database, safe='')}"
    if dialect == "postgresql":
        return f"{dialect}://{where}", make_engine(f"postgresql://{login}{where}", POOL)
    try:
        engine = create_engine(
            f"mysql+pymysql://{login}{where}?charset=utf8mb4", pool_size=POOL, pool_pre_ping=True
        )
    except ImportError:
        raise MissingExtra("a MariaDB or MySQL source needs PyMySQL", "mysql") from None
    return f"{dialect}://{where}", engine


def _sqlite(path: Path) -> Engine:
    try:
        check_regular(path, FILE_MAX)
    except FileRefused as error:
        raise SettingsError(str(error), hint=error.hint or disk_hint(error)) from None
    address = f"file:{quote(str(path))}?mode=ro"
    return create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=POOL,
        creator=lambda: sqlite3.connect(address, uri=True, check_same_thread=False),
    )


def _password(settings: SqlSource) -> str:
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.password_file is None:
        return ""
    try:
        return read_secret("password_file", settings.password_file).strip()
    except SecretFileError as error:
        raise SettingsError(str(error)) from None
