"""A SQLAlchemy engine for a TimescaleDB history: what Alembic and the queries run on."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from edge_agent.errors import MissingExtra

COMMAND_TIMEOUT_S = 120.0


CONNECTIONS_MAX = 20
"""Of an engine that keeps connections; who wants one more waits."""


def make_engine(url: str, kept: int = 0) -> AsyncEngine:
    """An engine on asyncpg for a ``postgresql://`` address; nothing is connected yet.

    Args:
        url: address of the database.
        kept: connections that stay open for the next question; only within one event loop.

    The address is read by asyncpg alone, here as in the agent: the two libraries differ in options.
    A connection that cannot be had is a ``StoreError``.

    Raises:
        MissingExtra: the driver is not installed.
    """
    try:
        from edge_agent.history.connection import connect  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(f"a history in a database needs {error.name}", "timescale") from None

    async def connected(*_arguments: Any, **_options: Any) -> Any:
        return await connect(url, COMMAND_TIMEOUT_S)

    address = "postgresql+asyncpg://"
    if not kept:
        return create_async_engine(address, poolclass=NullPool, async_creator=connected)
    return create_async_engine(
        address,
        async_creator=connected,
        pool_size=kept,
        max_overflow=CONNECTIONS_MAX - kept,
        pool_pre_ping=True,  # the database may have been started anew meanwhile
    )
