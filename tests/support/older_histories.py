"""Histories as an older program left them, with as much telemetry as a test asks for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from edge_agent.history import migrations

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
DEVICES = 4
"""Frames of one second; each has the same number, as of a device without a counter."""
_VERSION_3 = """
PRAGMA page_size = 2048;
PRAGMA journal_mode = WAL;
CREATE TABLE telemetry ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "device_id" TEXT NOT NULL,
    "ts" TEXT NOT NULL, "seq" INTEGER NOT NULL, "mold_id" TEXT, "shot_id" TEXT, "shot_key" TEXT,
    "sensors" TEXT, "metrics" TEXT, "status" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("ts", "site", "press", "device_id", "seq")) WITHOUT ROWID;
CREATE TABLE shot ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "shot_key" TEXT NOT NULL,
    "shot_id" TEXT, "mold_id" TEXT, "system_id" TEXT, "revision" INTEGER, "outcome" TEXT,
    "started_at" TEXT, "poured_at" TEXT, "closed_at" TEXT, "t_demold_actual_s" REAL,
    "T_core_max_C" REAL, "p_cavity_max_bar" REAL, "frames_count" INTEGER, "recipe" TEXT,
    "simulated" INTEGER, PRIMARY KEY ("site", "press", "shot_key"));
CREATE TABLE prediction ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "shot_key" TEXT NOT NULL,
    "revision" INTEGER NOT NULL, "shot_id" TEXT, "basis" TEXT, "mold_id" TEXT, "system_id" TEXT,
    "issued_at" TEXT, "poured_at" TEXT, "status" TEXT, "t_demold_min_s" REAL,
    "t_demold_opt_s" REAL, "t_demold_max_s" REAL, "quality_status" TEXT, "pressure_status" TEXT,
    "defect_risk" REAL, "document" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("site", "press", "shot_key", "revision"));
CREATE TABLE quality ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "shot_id" TEXT NOT NULL,
    "ts" TEXT NOT NULL, "shot_key" TEXT, "mold_id" TEXT, "rho_moulded_kg_per_m3" REAL,
    "rho_free_rise_kg_per_m3" REAL, "H_demold_shore" REAL, "H_24h_shore" REAL, "defects" TEXT,
    "defect_risk_operator" REAL, "document" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("site", "press", "shot_id", "ts"));
CREATE TABLE dead_letter ("id" TEXT NOT NULL PRIMARY KEY, "site" TEXT, "press" TEXT, "ts" TEXT,
    "topic" TEXT, "reason" TEXT, "detail" TEXT, "payload_base64" TEXT,
    "payload_bytes_count" INTEGER, "payload_sha256" TEXT);
CREATE INDEX telemetry_shot ON telemetry (shot_id);
CREATE INDEX shot_mold ON shot (mold_id, poured_at);
CREATE INDEX shot_name ON shot (shot_id);
CREATE INDEX prediction_name ON prediction (shot_id);
INSERT INTO quality (site, press, shot_id, ts, document)
VALUES ('s', 'p', 'shot-0', '2026-05-04T12:00:00Z', '{"shot_id": "shot-0", "H_24h_shore": 55.0}');
PRAGMA user_version = 3;
"""
_SQLITE_FRAMES = f"""
WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i < ?1 - 1)
INSERT INTO telemetry SELECT 's', 'p', 'd' || (i % {DEVICES}),
    strftime('%Y-%m-%dT%H:%M:%SZ', ?2 + i / {DEVICES}, 'unixepoch'), 0, 'M',
    'shot-' || (i / 4800), printf('%020x', i / 4800),
    printf('{{"T_core_C": %.1f, "T_mold_C": 45.2, "p_cavity_bar": 1.2034, "T_ambient_C": 23.1}}',
        25.0 + i % 900 * 0.1), '{{}}', '{{}}', 0
FROM number
"""
_POSTGRES_FRAMES = f"""
INSERT INTO telemetry (site, press, device_id, ts, seq, mold_id, shot_id, shot_key, sensors,
    metrics, status, simulated)
SELECT 's', 'p', 'd' || (i % {DEVICES}), $2::timestamptz + i / {DEVICES} * INTERVAL '1 second', 0,
    'M', 'shot-' || (i / 4800), lpad(to_hex(i / 4800), 20, '0'),
    jsonb_build_object('T_core_C', round((25.0 + i % 900 * 0.1)::numeric, 1), 'T_mold_C', 45.2,
        'p_cavity_bar', 1.2034, 'T_ambient_C', 23.1), '{{}}', '{{}}', false
FROM generate_series($1::bigint, $3::bigint) i
"""
_AT_ONCE = 1_000_000


def make_sqlite(path: Path, frames_count: int) -> None:
    """A file of version 3."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(_VERSION_3)
        db.execute(_SQLITE_FRAMES, (frames_count, int(START.timestamp())))


async def make_postgres(url: str, frames_count: int) -> None:
    """Tables of version 0002 in an empty database."""
    newest, migrations.HEAD = migrations.HEAD, "0002"
    try:
        await migrations.upgrade(url)
    finally:
        migrations.HEAD = newest
    db = await asyncpg.connect(url)
    for first in range(0, frames_count, _AT_ONCE):
        last = min(first + _AT_ONCE, frames_count) - 1
        await db.execute(_POSTGRES_FRAMES, first, START, last)
    await db.execute(
        "INSERT INTO quality (site, press, shot_id, ts, document) VALUES ('s', 'p', 'shot-0',"
        """ '2026-05-04T12:00:00Z', '{"shot_id": "shot-0", "H_24h_shore": 55.0}')"""
    )
    await db.close()
