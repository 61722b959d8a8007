"""Tables of the spool, and how those of older programs become them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.errors import StoreError

SCHEMA_VERSION = 3
SPOOL_TABLES = {
    "publish": ("id", "created_at", "press", "key", "topic", "payload", "retain"),
    "forward": ("id", "created_at", "kind", "document"),
    "retained": ("topic", "press", "payload", "at"),
    "state": ("scope", "key", "value"),
}
"""Columns by table."""
OLDER_TABLES = {
    "inbox": ("id", "received_at", "topic", "payload", "content_type"),
    "retained": ("topic", "press", "payload", "strftime('%Y-%m-%dT%H:%M:%SZ', 'now') AS at"),
}
"""As spools of older programs have them."""
ON_PLAIN_TOPICS = "press NOT LIKE 'spBv1.0/%'"
"""Of messages that wait to be published: those of Sparkplug have figures of their own."""
_TABLES = """
CREATE TABLE publish (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, press TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, payload BLOB NOT NULL, retain INTEGER NOT NULL);
CREATE INDEX publish_press ON publish (press, id);
CREATE TABLE forward (
    id INTEGER PRIMARY KEY, created_at TEXT NOT NULL, kind TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE INDEX forward_results ON forward (id) WHERE kind <> 'telemetry';
CREATE TABLE retained (topic TEXT PRIMARY KEY, press TEXT NOT NULL, payload BLOB NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX retained_press ON retained (press, topic);
CREATE TABLE state (scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (scope, key));
"""
_TO_VERSION_2 = """
ALTER TABLE forward DROP COLUMN key;
ALTER TABLE forward RENAME COLUMN columns TO document;
CREATE INDEX forward_results ON forward (id) WHERE kind <> 'telemetry';
"""
_TO_VERSION_3 = """
ALTER TABLE retained ADD COLUMN at TEXT NOT NULL DEFAULT '1970-01-01T00:00:00Z';
UPDATE retained SET at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now');
CREATE INDEX retained_press ON retained (press, topic);
"""
INBOX_TABLE = """
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, content_type TEXT);
"""
"""Of an older program; its messages are worked on once, and the table goes."""
INBOX = "SELECT id, topic, payload, content_type FROM inbox WHERE id > ? ORDER BY id LIMIT ?"


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of this program from those of an older one, or from nothing.

    Older programs wrote messages to an inbox. It stays until the agent has worked on what is in it.

    Raises:
        StoreError: the spool is of a newer program.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: spool of version {version}, this program knows {SCHEMA_VERSION}: "
            "update the program"
        )
    steps = {0: (_TABLES,), 1: (_TO_VERSION_2, _TO_VERSION_3), 2: (_TO_VERSION_3,)}.get(version)
    if steps is not None:
        script = "".join(steps)
        db.executescript(f"BEGIN; {script} PRAGMA user_version={SCHEMA_VERSION}; COMMIT")
    if has_inbox(db) and db.execute(INBOX, (0, 1)).fetchone() is None:
        db.execute("DROP TABLE inbox")


def has_inbox(db: sqlite3.Connection) -> bool:
    """True if an older program left an inbox."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'inbox'"
    return db.execute(query).fetchone() is not None
