"""Millions of frames in a history, made by the database itself."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg

from edge_agent.history.sqlite import SqliteHistory
from tests.support.timescale import migrated_database

SENSORS = '{"T_core_C": 61.25, "T_mold_C": 45.5, "p_cavity_bar": 2.125}'
PER_SECOND = 4
_SQLITE = """
INSERT INTO telemetry
    (site, press, device_id, ts, seq, content, mold_id, shot_id, shot_key, sensors, metrics,
     status, simulated, received_at)
WITH RECURSIVE frame (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM frame WHERE n + 1 < ?2)
SELECT 'test', 'p1', 'plc', strftime('%Y-%m-%dT%H:%M:%S', 1777881600 + n / 4, 'unixepoch')
    || CASE n % 4 WHEN 0 THEN 'Z' ELSE '.' || (n % 4 * 25) || '0000Z' END,
    n, 'c', 'M' || (n / 2400 % 8), 'S' || (n / 2400), printf('%020x', n / 2400), ?3, '{}', '{}', 0,
    strftime('%Y-%m-%dT%H:%M:%SZ', 1777881600 + n / 4, 'unixepoch')
FROM frame
"""
_POSTGRES = f"""
INSERT INTO telemetry
    (site, press, device_id, ts, seq, content, mold_id, shot_id, shot_key, sensors, metrics,
     status, simulated, received_at)
SELECT 'test', 'p1', 'plc', to_timestamp(1777881600 + n / 4.0), n, 'c', 'M' || (n / 2400 % 8),
    'S' || (n / 2400), lpad(to_hex(n / 2400), 20, '0'), '{SENSORS}', '{{}}', '{{}}', false,
    to_timestamp(1777881600 + n / 4)
FROM generate_series($1::bigint, $2::bigint - 1) AS n
"""
_AT_ONCE = 500_000


async def fill_sqlite(path: Path, count: int) -> None:
    """Make a history file with so many frames, four a second."""
    history = SqliteHistory(path)
    await history.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous=OFF")
        for first in range(0, count, _AT_ONCE):
            with db:
                db.execute(_SQLITE, (first, min(first + _AT_ONCE, count), SENSORS))
        db.execute("ANALYZE")


async def fill_timescale(server: str, count: int) -> str:
    """Make a database with so many frames; returns its address."""
    url = await migrated_database(server)
    connection = await asyncpg.connect(url, command_timeout=3600)
    try:
        for first in range(0, count, _AT_ONCE):
            await connection.execute(_POSTGRES, first, min(first + _AT_ONCE, count))
        await connection.execute("ANALYZE telemetry")
    finally:
        await connection.close()
    return url


def main(path: str, count: str) -> None:
    """Make a file by hand: ``python -m tests.support.many_rows history.db 1000000``."""
    asyncio.run(fill_sqlite(Path(path), int(count)))


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
