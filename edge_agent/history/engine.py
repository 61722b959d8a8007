"""A SQLAlchemy engine for a TimescaleDB history: what Alembic and the queries run on."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 120.0


def make_engine(url: str) -> AsyncEngine:
    """An engine on asyncpg for a ``postgresql://`` address; nothing is connected yet."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        poolclass=NullPool,
        connect_args={"timeout": TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S},
    )
