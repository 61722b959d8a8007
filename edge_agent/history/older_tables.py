"""Tables of an older SQLite history, brought to those of today."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from edge_agent.history import older_telemetry
from edge_agent.history.content import document_content
from edge_agent.history.rows import key_of_older_row
from edge_agent.history.schema import TABLES, Table, names

_KNOWN = {
    "shot": "site, press, mold_id, shot_id, poured_at, started_at, closed_at, outcome",
    "prediction": "site, press, mold_id, shot_id, poured_at, NULL, NULL, NULL",
}
"""Columns that make the key of an older row."""
_OF_VERSION_4 = ("received_at", "corrected", "readings_left_out")
_REPEATED = """
SELECT rowid FROM (
    SELECT rowid, issued_at, row_number() OVER (
        PARTITION BY site, press, shot_key, revision ORDER BY issued_at, rowid) AS nth
    FROM prediction_2)
WHERE nth > 1 ORDER BY issued_at, rowid
"""
"""Predictions whose revision an earlier one of the shot has, with another basis."""
_NEXT_REVISION = """
(SELECT max(p.revision) + 1 FROM prediction p WHERE p.site = prediction_2.site
    AND p.press = prediction_2.press AND p.shot_key = prediction_2.shot_key)
"""


def to_version_3(db: sqlite3.Connection, create: Callable[[Table], str]) -> None:
    """Give shots and predictions their ``shot_key``, and make it their key.

    Telemetry and quality records get the column and keep their rows as they are: the shot of an
    older row is found by its ``shot_id``. The telemetry also keeps its order and its indexes, for
    copying it could take an hour.

    Args:
        db: within a transaction.
        create: gives the SQL that makes a table.
    """
    db.create_function("key_of_older", 8, _key_of_older, deterministic=True)
    for name in ("telemetry", "quality", "shot", "prediction"):
        db.execute(f"ALTER TABLE {name} ADD COLUMN shot_key TEXT")
    db.execute("CREATE INDEX IF NOT EXISTS telemetry_ts ON telemetry (ts)")
    for name, known in _KNOWN.items():
        db.execute(f"UPDATE {name} SET shot_key = key_of_older({known})")
        db.execute(f"ALTER TABLE {name} RENAME TO {name}_2")
        db.execute(create(TABLES[name]))
    repeated = db.execute(_REPEATED).fetchall()
    db.execute(_copy("shot", "NULL"))
    db.execute(_copy("prediction", "revision") + f" WHERE rowid NOT IN ({_REPEATED})")
    for row in repeated:
        db.execute(_copy("prediction", _NEXT_REVISION) + " WHERE rowid = ?", row)
    for name in _KNOWN:
        db.execute(f"DROP TABLE {name}_2")


def to_version_4(db: sqlite3.Connection, create: Callable[[Table], str]) -> None:
    """Make ``content`` part of the keys of telemetry and quality records.

    Quality records get theirs here; there are few. The telemetry is set aside, and moves later.

    Args:
        db: within a transaction.
        create: gives the SQL that makes a table.
    """
    have = {row[1] for row in db.execute("PRAGMA table_info(shot)")}
    for name in ("received_at", "corrected", "readings_left_out"):
        if name not in have:  # a shot table of version 3
            db.execute(f"ALTER TABLE shot ADD COLUMN {name} TEXT")
    db.create_function("document_content", 1, _document_content, deterministic=True)
    db.execute("ALTER TABLE quality RENAME TO quality_2")
    db.execute(create(TABLES["quality"]))
    old = [n for n in TABLES["quality"].columns if n not in ("received_at", "content", "scrap")]
    db.execute(
        f"INSERT INTO quality ({names(old)}, content)"
        f" SELECT {names(old)}, document_content(document) FROM quality_2"
    )
    db.execute("DROP TABLE quality_2")
    older_telemetry.set_aside(db, create)


def to_version_5(db: sqlite3.Connection) -> None:
    """Give telemetry a column for what was left out; no row is written anew.

    Args:
        db: within a transaction.
    """
    if "left_out" not in {row[1] for row in db.execute("PRAGMA table_info(telemetry)")}:
        db.execute("ALTER TABLE telemetry ADD COLUMN left_out TEXT")


def to_version_6(db: sqlite3.Connection) -> None:
    """Give quality records a column for scrap; no row is written anew.

    Args:
        db: within a transaction.
    """
    if "scrap" not in {row[1] for row in db.execute("PRAGMA table_info(quality)")}:
        db.execute("ALTER TABLE quality ADD COLUMN scrap INTEGER")


def _copy(name: str, revision: str) -> str:
    """SQL that fills a new table from the renamed one."""
    columns = [column for column in TABLES[name].columns if column not in _OF_VERSION_4]
    values = ", ".join(revision if column == "revision" else f'"{column}"' for column in columns)
    return f"INSERT INTO {name} ({names(columns)}) SELECT {values} FROM {name}_2"


def _document_content(document: str | None) -> str:
    try:
        return document_content(json.loads(document or "{}"))
    except (ValueError, AttributeError):  # not ours: as it is
        return document_content({"text": document})


def _key_of_older(*values: Any) -> str:
    columns = ("site", "press", "mold_id", "shot_id")
    times = ("poured_at", "started_at", "closed_at", "outcome")
    return key_of_older_row(dict(zip((*columns, *times), values, strict=True)))
