"""Upkeep of a TimescaleDB history: roll-ups, retention, compression.

The roll-up by the minute is ours on every database (``docs/decisions/0007``): whoever inserts raw
telemetry marks its minutes as due in the same transaction, late data too, and this does them again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

SETTLED_AFTER = timedelta(minutes=2)
"""A minute is rolled up when it is this old: most of its frames are there."""
MINUTES_AT_ONCE = 60
ROWS_AT_ONCE = 50_000
COMPRESS_AFTER = "7 days"

_ROLL_UP = """
WITH due AS (
    DELETE FROM rollup_due WHERE ctid IN (
        SELECT ctid FROM rollup_due WHERE bucket < $1
        ORDER BY bucket LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING site, press, bucket),
rolled AS (
    INSERT INTO telemetry_1m
        (site, press, device_id, sensor, bucket, mold_id, count, min, mean, max)
    SELECT raw.site, raw.press, raw.device_id, reading.key, due.bucket, coalesce(raw.mold_id, ''),
           count(*), min(reading.value::float8), avg(reading.value::float8),
           max(reading.value::float8)
    FROM due
    JOIN telemetry raw ON raw.site = due.site AND raw.press = due.press
     AND raw.ts >= due.bucket AND raw.ts < due.bucket + INTERVAL '1 minute',
    jsonb_each_text(raw.sensors) AS reading
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (site, press, device_id, sensor, mold_id, bucket) DO UPDATE
        SET count = excluded.count, min = excluded.min, mean = excluded.mean, max = excluded.max
        WHERE telemetry_1m.bucket >= $2)
SELECT count(*) FROM due
"""
"""Where raw rows were dropped ($2) a late frame does not replace what the whole minute gave."""
_MADE_BY_TIMESCALE = """
SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'
"""
_DELETE_OLD = """
DELETE FROM telemetry WHERE ctid IN (SELECT ctid FROM telemetry WHERE ts < $1 LIMIT $2)
"""


async def roll_up(connection: asyncpg.Connection, now: datetime, raw_since: datetime) -> bool:
    """Roll up some minutes that are due; true when there may be more."""
    settled = now - SETTLED_AFTER
    done = await connection.fetchval(_ROLL_UP, settled, raw_since, MINUTES_AT_ONCE)
    return bool(done == MINUTES_AT_ONCE)


async def drop_old(connection: asyncpg.Connection, raw_since: datetime) -> None:
    """Drop raw telemetry from before then: whole chunks of a hypertable, some rows of a table."""
    if await has_timescale(connection):
        await connection.execute("SELECT drop_chunks('telemetry', $1::timestamptz)", raw_since)
    else:
        await connection.execute(_DELETE_OLD, raw_since, ROWS_AT_ONCE)


async def compress(connection: asyncpg.Connection) -> bool:
    """Compress old chunks where the licence allows it; true when it does."""
    if not await has_timescale(connection):
        return False
    licence = await connection.fetchval("SELECT current_setting('timescaledb.license')")
    if licence != "timescale":  # the Apache build refuses it
        return False
    async with connection.transaction():
        await connection.execute(
            "ALTER TABLE telemetry SET (timescaledb.compress,"
            " timescaledb.compress_segmentby = 'site, press, device_id',"
            " timescaledb.compress_orderby = 'ts, seq')"
        )
        await connection.execute(
            "SELECT add_compression_policy('telemetry', $1::text::interval, if_not_exists => true)",
            COMPRESS_AFTER,
        )
    return True


async def has_timescale(connection: asyncpg.Connection) -> bool:
    """True if the extension is in this database."""
    return bool(await connection.fetchval(_MADE_BY_TIMESCALE))
