"""Spools as older programs left them: with an inbox, and retained messages without a time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

AT = "2026-05-04T08:00:00.000000Z"
_TABLES = """
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, content_type TEXT);
CREATE TABLE publish (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, press TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, payload BLOB NOT NULL, retain INTEGER NOT NULL);
CREATE INDEX publish_press ON publish (press, id);
CREATE TABLE retained (topic TEXT PRIMARY KEY, press TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE state (scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (scope, key));
"""
_FORWARD = {
    1: """CREATE TABLE forward (
        id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, kind TEXT NOT NULL,
        key TEXT, columns TEXT NOT NULL);""",
    2: """CREATE TABLE forward (
        id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, kind TEXT NOT NULL,
        document TEXT NOT NULL);
        CREATE INDEX forward_results ON forward (id) WHERE kind <> 'telemetry';""",
}
_INTO_FORWARD = {
    1: "INSERT INTO forward (created_at, kind, columns) VALUES (?,?,?)",
    2: "INSERT INTO forward (created_at, kind, document) VALUES (?,?,?)",
}


def old_spool(
    path: Path,
    version: int = 2,
    *,
    inbox: Sequence[tuple[str, bytes]] = (),
    shots: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Make one, with a message for the press ``s/p1``, a retained one, and a row for the history.

    Args:
        inbox: topics and payloads that it acknowledged and had not worked on.
        shots: open shots by key.
    """
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(f"{_TABLES} {_FORWARD[version]} PRAGMA user_version={version};")
        db.executemany(
            "INSERT INTO inbox (received_at, topic, payload) VALUES (?,?,?)",
            [(AT, topic, payload) for topic, payload in inbox],
        )
        said = (AT, "s/p1", "k", "topic", b"out", 1)
        db.execute(
            "INSERT INTO publish (created_at, press, key, topic, payload, retain)"
            " VALUES (?,?,?,?,?,?)",
            said,
        )
        db.execute("INSERT INTO retained VALUES ('topic', 's/p1', ?)", (b"out",))
        db.execute(_INTO_FORWARD[version], (AT, "telemetry", '{"n": 1}'))
        db.executemany(
            "INSERT INTO state VALUES ('shot', ?, ?)",
            [(key, json.dumps(shot)) for key, shot in (shots or {}).items()],
        )
        db.commit()
