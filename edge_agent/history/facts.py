"""A database as it is: version, licence, tables, rights and clock. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

from edge_agent.history.connection import TROUBLE, connect, database_error
from edge_agent.history.schema import TABLES


@dataclass(frozen=True)
class DatabaseFacts:
    """Facts of the database that one connection has seen."""

    server: str
    """Version of PostgreSQL."""
    timescale: str | None
    """Version of TimescaleDB in this database; None without it."""
    available: str | None
    """Version that the server could put into this database."""
    licence: str | None
    """``apache`` or ``timescale``."""
    tables: str | None
    """Version of the tables; None where there are none yet."""
    may_create: bool
    """May this user make tables?"""
    not_writable: list[str]
    """Tables that are there and that this user may not write and read."""
    standby: bool
    """It only answers questions."""
    clock_offset: timedelta
    """Its clock less ours, to half a round trip."""
    round_trip: timedelta


async def database_facts(url: str) -> DatabaseFacts:
    """Look at a database.

    Raises:
        StoreError: it cannot be reached, or refuses us.
    """
    connection = await connect(url)
    try:
        names = list(TABLES)
        standby, may_create, tables_there, licence = await connection.fetchrow(
            "SELECT pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE'),"
            " to_regclass('alembic_version') IS NOT NULL,"
            " current_setting('timescaledb.license', true)"
        )
        version = None
        if tables_there:
            version = await connection.fetchval("SELECT version_num FROM alembic_version")
        closed = await connection.fetch(
            "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
            " AND NOT has_table_privilege(to_regclass(name), 'SELECT')"
            " OR to_regclass(name) IS NOT NULL"
            " AND NOT has_table_privilege(to_regclass(name), 'INSERT')",
            names,
        )
        began, before = perf_counter(), datetime.now(UTC)
        there: datetime = await connection.fetchval("SELECT clock_timestamp()")
        took = timedelta(seconds=perf_counter() - began)
        return DatabaseFacts(
            server=await connection.fetchval("SELECT current_setting('server_version')"),
            timescale=await connection.fetchval(
                "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
            ),
            available=await connection.fetchval(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
            ),
            licence=licence or None,
            tables=version,
            may_create=bool(may_create),
            not_writable=[row[0] for row in closed],
            standby=standby,
            clock_offset=there - (before + took / 2),
            round_trip=took,
        )
    except TROUBLE as error:
        raise database_error(url, error) from error
    finally:
        connection.terminate()
