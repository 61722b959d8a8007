"""Tables of a gateway's outbox."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.errors import StoreError
from edge_agent.spool.spool_file import Words

OUTBOX = Words("outbox", "outbox.path", "gateway")
SCHEMA_VERSION = 1
OUTBOX_TABLES = {
    "message": (
        "id",
        "created_at",
        "press",
        "device_id",
        "seq",
        "kind",
        "ts",
        "historical",
        "payload",
        "taken_at",
        "refused",
        "may_try_again",
    ),
    "device": ("press", "device", "device_id", "next_seq", "earliest_ts"),
    "state": ("scope", "key", "value"),
    "trace": ("id", "station", "document"),
}
"""Columns by table."""
_TABLES = """
CREATE TABLE message (
    id INTEGER PRIMARY KEY, created_at TEXT NOT NULL, press TEXT NOT NULL, device_id TEXT NOT NULL,
    seq INTEGER NOT NULL, kind TEXT NOT NULL, ts TEXT NOT NULL, historical INTEGER NOT NULL,
    payload BLOB NOT NULL, taken_at TEXT, refused TEXT, may_try_again INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX message_number ON message (press, device_id, seq);
CREATE INDEX message_refused ON message (press, id) WHERE refused IS NOT NULL;
CREATE TABLE device (
    press TEXT NOT NULL, device TEXT NOT NULL, device_id TEXT NOT NULL, next_seq INTEGER NOT NULL,
    earliest_ts TEXT, PRIMARY KEY (press, device), UNIQUE (press, device_id));
CREATE TABLE state (scope TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (scope, key));
CREATE TABLE trace (id INTEGER PRIMARY KEY, station TEXT NOT NULL, document TEXT NOT NULL);
"""


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a file that has none.

    Raises:
        StoreError: the outbox is of a newer program.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: outbox of version {version}, this program knows {SCHEMA_VERSION}: "
            "update the program"
        )
    if version == 0:
        db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT")
