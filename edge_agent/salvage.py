"""A damaged spool is set aside, what can be read is saved into a new one, and the agent goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_agent.errors import StoreError
from edge_agent.spool import SPOOL_TABLES, Spool

PARTS = ("", "-wal", "-shm")
"""The file and what SQLite keeps beside it."""
PROBLEMS_NAMED = 5


@dataclass(frozen=True)
class Salvage:
    """What became of a damaged spool."""

    damaged: Path
    """Where it lies now, untouched."""
    problems: list[str]
    saved: dict[str, int]
    """Rows saved by table."""


def problems_of(path: Path, *, thorough: bool = False) -> list[str]:
    """What is wrong with a spool file, in words; empty when it is sound or does not exist.

    ``thorough`` also checks every index against its table, which reads the whole file.

    Raises:
        StoreError: the file cannot be opened at all (rights, disk).
    """
    if not path.exists():
        return []
    check = "integrity_check" if thorough else "quick_check"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            found = [str(row[0]) for row in db.execute(f"PRAGMA {check}({PROBLEMS_NAMED})")]
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "disk I/O" not in str(error):
            raise StoreError(f"{path}: the spool cannot be opened: {error}") from error
        return [str(error)]
    problems = [] if found == ["ok"] else found
    if version and not set(SPOOL_TABLES) <= tables:
        missing = ", ".join(sorted(set(SPOOL_TABLES) - tables))
        problems.append(f"tables are missing: {missing}")
    return problems


def open_spool(path: Path, now: datetime) -> tuple[Spool, Salvage | None]:
    """Open a spool; a damaged one is set aside first and what is readable goes into a new one.

    Raises:
        StoreError: the disk cannot be used.
    """
    problems = problems_of(path)
    if not problems:
        return Spool(path), None
    damaged = _set_aside(path, now)
    spool = Spool(path)
    saved = spool.restore({table: list(_readable(damaged, table)) for table in SPOOL_TABLES})
    return spool, Salvage(damaged, problems, saved)


def _set_aside(path: Path, now: datetime) -> Path:
    stamp = now.strftime("%Y%m%dT%H%M%S")
    damaged = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while damaged.exists():
        number += 1
        damaged = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        for part in PARTS:
            beside = path.with_name(path.name + part)
            if beside.exists():
                beside.rename(damaged.with_name(damaged.name + part))
    except OSError as error:
        raise StoreError(f"{path}: the damaged spool cannot be set aside: {error}") from error
    return damaged


def _readable(path: Path, table: str) -> Iterator[tuple[object, ...]]:
    """Rows of a damaged table: from its beginning until damage, then from its end until damage."""
    columns = ", ".join(SPOOL_TABLES[table])
    seen: set[object] = set()
    for order in ("ASC", "DESC"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                query = f"SELECT rowid, {columns} FROM {table} ORDER BY rowid {order}"
                for rowid, *row in db.execute(query):
                    if rowid in seen:
                        return
                    seen.add(rowid)
                    yield tuple(row)
        except sqlite3.Error:
            continue
