"""Telemetry of an older SQLite history: the key of the table has changed, so its rows move.

The key is the table, so the older table is renamed and the new one begins empty. Rows move in
small transactions, oldest first, beside the work of the agent; ``telemetry_all`` shows both. A kill
in between leaves each row in one table or the other.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from edge_agent.history.rows import older_content
from edge_agent.history.schema import TABLES, Table, names

OLDER = "telemetry_older"
VIEW = "telemetry_all"
"""All telemetry, for readers."""
ROWS_AT_ONCE = 2_000
_NEWER = ("received_at", "content", "left_out")
_KEPT = [name for name in TABLES["telemetry"].columns if name not in _NEWER]
_READINGS = ("mold_id", "sensors", "metrics", "status", "simulated")
_CONTENT = f"older_content({names(_READINGS)})"
_THERE = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{OLDER}'"
_UNTIL = f"""
SELECT coalesce((SELECT ts FROM {OLDER} ORDER BY ts LIMIT 1 OFFSET ?), max(ts)) FROM {OLDER}
"""
_MOVE = f"""
INSERT INTO telemetry ({names(_KEPT)}, content)
SELECT {names(_KEPT)}, {_CONTENT} FROM {OLDER} WHERE ts <= ?
ON CONFLICT DO NOTHING
"""


def prepare(db: sqlite3.Connection) -> None:
    """Give the connection the function that the statements here use."""
    db.create_function("older_content", len(_READINGS), _older_content)


def set_aside(db: sqlite3.Connection, create: Callable[[Table], str]) -> None:
    """Rename the table, and make the new one; the rows stay where they are.

    Args:
        db: within a transaction.
        create: gives the SQL that makes a table.
    """
    db.execute(f"ALTER TABLE telemetry RENAME TO {OLDER}")
    db.execute(create(TABLES["telemetry"]))


def make_view(db: sqlite3.Connection) -> None:
    """Show the telemetry, and that of the older table while there is one."""
    columns = names(TABLES["telemetry"].columns)
    parts = [f"SELECT {columns} FROM telemetry"]
    if in_older_table(db):
        empty = (
            name if name in _KEPT else f'NULL AS "{name}"' for name in TABLES["telemetry"].columns
        )
        parts.append(f"SELECT {', '.join(empty)} FROM {OLDER}")
    db.execute(f"DROP VIEW IF EXISTS {VIEW}")
    db.execute(f"CREATE VIEW {VIEW} AS {' UNION ALL '.join(parts)}")


def in_older_table(db: sqlite3.Connection) -> bool:
    """Are there rows that have not moved yet?"""
    return db.execute(_THERE).fetchone() is not None


def move_some(db: sqlite3.Connection) -> int:
    """Move the oldest rows; how many. The older table goes with its last row.

    Args:
        db: within a transaction, prepared.
    """
    if not in_older_table(db):
        return 0
    (until,) = db.execute(_UNTIL, (ROWS_AT_ONCE - 1,)).fetchone()
    moved = 0
    if until is not None:
        db.execute(_MOVE, (until,))
        moved = db.execute(f"DELETE FROM {OLDER} WHERE ts <= ?", (until,)).rowcount
    if db.execute(f"SELECT 1 FROM {OLDER} LIMIT 1").fetchone() is None:
        db.execute(f"DROP VIEW {VIEW}")
        db.execute(f"DROP TABLE {OLDER}")
        make_view(db)
    return moved


def is_repeat(db: sqlite3.Connection, values: Sequence[Any]) -> bool:
    """Did an older program store this frame? Or is this a row that it left, and the frame is there?

    An older row does not tell whether its frame named the shot, so the shot is not compared.

    Args:
        db: prepared.
        values: of the row, in the order of the columns.
    """
    return db.execute(_REPEATED, values[:_COMPARED]).fetchone() is not None


def _repeated() -> str:
    table = TABLES["telemetry"]
    place = {name: f"?{number}" for number, name in enumerate(table.columns, 1)}
    same = (f'stored."{name}" = {place[name]}' for name in table.key if name != "content")
    theirs = ", ".join(f'stored."{name}"' for name in _READINGS)
    ours = ", ".join(place[name] for name in _READINGS)
    return (
        f"SELECT {place['content']} FROM {VIEW} AS stored WHERE {' AND '.join(same)}"
        f" AND (stored.received_at IS NULL OR {place['received_at']} IS NULL)"
        f" AND older_content({theirs}) = older_content({ours})"
    )


_REPEATED = _repeated()
_COMPARED = list(TABLES["telemetry"].columns).index("content") + 1
"""Columns that the statement takes; those behind them are newer."""


def _older_content(
    mold_id: str | None,
    sensors: str | None,
    metrics: str | None,
    status: str | None,
    simulated: int | None,
) -> str:
    try:
        texts = (sensors, metrics, status)
        readings = [json.loads(text) if text and text != "{}" else {} for text in texts]
    except ValueError:  # not ours: as it is
        readings = [{"text": text} for text in (sensors, metrics, status)]
    values = (mold_id, *readings, simulated)
    return older_content(dict(zip(_READINGS, values, strict=True)))
