"""Key of the telemetry in PostgreSQL and TimescaleDB: an index that is built beside the work.

Older tables allow one frame for each device, time and number; today's key has the content, too. No
row is written anew and compressed chunks stay as they are: rows of older programs have no content,
and ``timescale`` compares them column by column. A build that is killed leaves the older key.
"""

from __future__ import annotations

import asyncio

import asyncpg

from edge_agent.history.connection import TROUBLE, connect, database_error
from edge_agent.history.schema import TABLES, names
from edge_agent.history.upkeep import has_timescale

BUILD_TIMEOUT_S = 24 * 3600.0
LOCK_TIMEOUT = "2s"
"""Longest wait for the lock that exchanges the keys; who reads or writes waits behind it."""
BETWEEN_TRIES_S = 5.0
ONE_AT_A_TIME = 0x50555255
"""Key of the lock of the build."""
UNIQUE = f"telemetry_content ON telemetry ({names(TABLES['telemetry'].key)})"
BY_TIME = "telemetry_ts_idx ON telemetry (ts DESC)"
"""Every hypertable has this one."""
DROP_OLDER = "ALTER TABLE telemetry DROP CONSTRAINT telemetry_pkey"
OLDER = """
SELECT 1 FROM pg_constraint WHERE conrelid = 'telemetry'::regclass AND conname = 'telemetry_pkey'
"""
_HYPERTABLE = """
SELECT 1 FROM timescaledb_information.hypertables
WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = 'telemetry'::regclass
"""
_BROKEN = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid = 'telemetry'::regclass AND NOT indisvalid
"""


async def has_key(connection: asyncpg.Connection) -> bool:
    """Has the telemetry the key of this program?"""
    return await connection.fetchval(OLDER) is None


async def make_key(url: str) -> None:
    """Build the key, and drop the older one; nothing when it is there or another agent builds it.

    A hypertable is not written while its index is built: rows wait in the spool for so long. A
    plain table is. Readers wait for nothing but the exchange, which takes no time.

    Raises:
        StoreError: the database cannot be reached, or refuses.
    """
    connection = await connect(url, BUILD_TIMEOUT_S)
    try:
        if await has_key(connection):
            return
        if not await connection.fetchval(f"SELECT pg_try_advisory_lock({ONE_AT_A_TIME})"):
            return
        await connection.execute("SET maintenance_work_mem = '256MB'")
        at_once = "" if await _is_hypertable(connection) else "CONCURRENTLY"
        for (broken,) in await connection.fetch(_BROKEN):
            await connection.execute(f"DROP INDEX {at_once} {broken}")
        await connection.execute(f"CREATE UNIQUE INDEX {at_once} IF NOT EXISTS {UNIQUE}")
        await connection.execute(f"CREATE INDEX {at_once} IF NOT EXISTS {BY_TIME}")
        await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        while not await has_key(connection):
            try:
                await connection.execute(DROP_OLDER)
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(BETWEEN_TRIES_S)
    except TROUBLE as error:
        raise database_error(url, error) from error
    finally:
        connection.terminate()


async def _is_hypertable(connection: asyncpg.Connection) -> bool:
    found = await has_timescale(connection) and await connection.fetchval(_HYPERTABLE)
    return bool(found)
