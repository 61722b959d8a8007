"""Connections to the database of a history; every way to fail is one ``StoreError``."""

from __future__ import annotations

import asyncpg

from edge_agent.config.database_address import without_password
from edge_agent.errors import StoreError

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
"""asyncpg would wait for ever on a link that is half open."""
TROUBLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # neither of them: a server killed between COPY and COMMIT
    OSError,
)
"""What a database that is away, or goes away just then, ends in."""


async def connect(url: str, command_timeout_s: float | None = None) -> asyncpg.Connection:
    """A connection on which every wait ends.

    Args:
        url: a ``postgresql://`` address.
        command_timeout_s: of a statement; None is ``COMMAND_TIMEOUT_S``.

    Raises:
        StoreError: the database cannot be reached, or refuses us.
    """
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s or COMMAND_TIMEOUT_S,
            server_settings={"application_name": "pur-mold-twin", "timezone": "UTC"},
        )
    # ValueError and TypeError: an address that asyncpg cannot read, a name that cannot be looked up
    except (*TROUBLE, ValueError, TypeError) as error:
        words = str(error).strip() or "no answer in time"
        problem = StoreError(f"{without_password(url)}: {type(error).__name__}: {words}")
        problem.hint = "check host, port, user, password and options of the database's address"
        raise problem from error
