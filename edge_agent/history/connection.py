"""Connections to the database of a history; every way to fail is one ``StoreError``."""

from __future__ import annotations

import socket
import ssl

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
        raise database_error(url, error) from error


def database_error(url: str, error: BaseException) -> StoreError:
    """The error of a database as the agent's own, with the way out of just this one.

    Args:
        url: its address; the password in it is not shown.
        error: an error of the driver, or one that wraps it.
    """
    words = str(error).strip() or "no answer in time"
    return StoreError(
        f"{without_password(url)}: {type(error).__name__}: {words}", hint=database_hint(error)
    )


def database_hint(error: BaseException) -> str:
    """Hint after an error of the database, by its SQLSTATE or by what the network says."""
    state = str(getattr(error, "sqlstate", None) or "")
    if state:
        return _BY_SQLSTATE.get(state) or _BY_SQLSTATE.get(state[:2], _LOG)
    if isinstance(error, socket.gaierror):
        return f"{_ADDRESS}: this machine finds no address for the host"
    if isinstance(error, ssl.SSLError | ssl.CertificateError) or "SSL" in str(error):
        return f"{_ADDRESS}, its sslmode and sslrootcert: they must fit what the server offers"
    if isinstance(error, ConnectionError):
        return "start the database there, or correct host and port in history.url"
    if isinstance(error, TimeoutError):
        return "is the database's machine on, and no firewall between? Else correct history.url"
    return _ADDRESS


_ADDRESS = "correct history.url (or the file of history.url_file)"
_LOG = "the database's log says more"
_BY_SQLSTATE = {
    "28": "correct user and password in history.url (or the file of history.url_file), or let the "
    "user in (pg_hba.conf of the database)",
    "3D": "make this database (createdb), or correct its name in history.url",
    "3F": "make the schema, or correct the search_path of the user",
    "42501": "give this user the right: GRANT USAGE, CREATE ON SCHEMA public, and the tables if "
    "another user made them",
    "42P01": "bring the tables there: pur-mold-twin history -c FILE upgrade",
    "42703": "bring the tables up to date: pur-mold-twin history -c FILE upgrade",
    "25006": "this server only answers questions (a standby?): name the primary in history.url",
    "53100": "make room on the disk of the database",
    "53300": "raise max_connections of the database, or end other clients",
    "57P03": "the database is starting or stopping: try again",
    "55P03": "another program holds a lock on the tables: end it, or try again",
    "57014": "the database took too long: look at its load, or at locks on the tables",
}
"""By SQLSTATE, or by its class (the first two characters)."""
