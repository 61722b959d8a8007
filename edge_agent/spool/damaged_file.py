"""Damaged SQLite files that keep what was acknowledged: set aside, and read as far as that goes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from heapq import heapify, heappop, heappush
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from edge_agent.errors import StoreError
from edge_agent.spool.spool_file import SpoolFile
from edge_agent.spool.sqlite_files import PARTS, connect, connect_beside, part

T = TypeVar("T")
PROBLEMS_NAMED = 5
TRIES = 5_000
"""Places of a damaged table at which reading is begun again."""
ROWID_BITS = 63
PAGE_MIN_BYTES = 512
"""A shorter file takes SQLite for empty, and deletes the log beside it unread."""
PAGE_SIZE_AT = 8
"""Where a log says how large its pages are."""
_NO_DAMAGE = {
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS),
    *(sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY),
}
"""Codes that speak of rights, room and locks, not of what is in the file."""
Row = tuple[object, ...]
Tables = Mapping[str, tuple[str, ...]]
"""Columns by table."""
IsWhole = Callable[[tuple[str, ...], list[object]], bool]
"""Whether a row of these columns reads as it was written."""


def problems_of_file(
    path: Path, noun: str, owner: str, tables: Tables, *, thorough: bool = False
) -> list[str]:
    """Problems of a file, in words; empty when it is sound or does not exist.

    Nothing is changed or made.

    Args:
        noun: what the file is called.
        owner: the program that has one.
        tables: what must be in it.
        thorough: also check every index against its table.

    Raises:
        StoreError: the file cannot be opened at all (rights, disk).
    """
    if not path.exists():
        return []
    if (size := path.stat().st_size) < PAGE_MIN_BYTES:
        return [f"the {noun} is empty or cut short: {size} bytes"]
    check = "integrity_check" if thorough else "quick_check"
    try:
        with closing(connect_beside(path)) as db:
            found = [str(row[0]) for row in db.execute(f"PRAGMA {check}({PROBLEMS_NAMED})")]
            there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise StoreError(f"{path}: the {noun} cannot be opened: {error}") from error
        return [str(error)]
    problems = [] if found == ["ok"] else found
    if size % page_bytes:  # SQLite takes what is missing for zeros
        problems.append(f"cut short: {size} bytes, not a multiple of {page_bytes}")
    if version and not set(tables) <= there:
        missing = ", ".join(sorted(set(tables) - there))
        problems.append(f"tables are missing: {missing}")
    if not version:
        problems.append(f"it has no version: not the {noun} of {_a(owner)}, or damaged")
    return problems


def is_damage(error: sqlite3.Error) -> bool:
    """True if an error speaks of what is in the file."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # none: text is not UTF-8
    return code & 0xFF not in _NO_DAMAGE


def replaced(
    file: SpoolFile, now: datetime, begin: Callable[[Path | None], T]
) -> tuple[T, Path | None]:
    """Set a file aside and begin a new one: as a whole, or not at all.

    Args:
        begin: makes the new one; it gets the place where the damaged one lies, if there was one.

    Raises:
        OSError, StoreError: the disk refuses; the damaged file is in its place again.
    """
    damaged = _free_name(file.place, now)
    file.note(damaged.name)
    there = _rename(file.place, damaged)
    try:
        file.claim()
        begun = begin(damaged if there else None)
    except BaseException:
        _restore_name(damaged, file.place)
        raise
    file.note(None)
    return begun, damaged if there else None


def put_back(file: SpoolFile) -> bool:
    """Undo a replacement that was killed half way; it is done again. False when there was none."""
    if file.unfinished is None:
        return False
    damaged = file.place.with_name(file.unfinished)
    if not any(part(damaged, suffix).exists() for suffix in PARTS):
        return False
    _restore_name(damaged, file.place)
    file.claim()
    return True


def _free_name(place: Path, now: datetime) -> Path:
    stamp = now.strftime("%Y%m%dT%H%M%S")
    damaged, number = place.with_name(f"{place.name}.damaged-{stamp}"), 1
    while any(part(damaged, suffix).exists() for suffix in PARTS):
        number += 1
        damaged = place.with_name(f"{place.name}.damaged-{stamp}-{number}")
    return damaged


def _rename(old: Path, new: Path) -> bool:
    """Rename a spool with its log; was there anything?"""
    there = [suffix for suffix in PARTS if part(old, suffix).exists()]
    for suffix in there:
        part(old, suffix).rename(part(new, suffix))
    return bool(there)


def _restore_name(damaged: Path, place: Path) -> None:
    for suffix in PARTS:  # of the new spool, which is not complete
        part(place, suffix).unlink(missing_ok=True)
    _rename(damaged, place)


def readable(damaged: Path, tables: Tables, is_whole: IsWhole) -> dict[str, list[Row]]:
    """Rows of a damaged file that can be read, by table."""
    if damaged.exists() and damaged.stat().st_size >= PAGE_MIN_BYTES:
        return rows_by_table(damaged, tables, is_whole)
    # a copy of the log is read, beside an empty page: the first page may be in it
    with TemporaryDirectory(prefix="spool-", dir=damaged.parent) as folder:
        copy = Path(folder, damaged.name)
        try:
            log = shutil.copy(part(damaged, "-wal"), part(copy, "-wal"))
            with Path(log).open("rb") as file:
                file.seek(PAGE_SIZE_AT)
                page_size = int.from_bytes(file.read(4))
        except FileNotFoundError:
            return {}
        copy.write_bytes(bytes(min(max(page_size, PAGE_MIN_BYTES), 65_536)))
        return rows_by_table(copy, tables, is_whole)


def rows_by_table(path: Path, tables: Tables, is_whole: IsWhole) -> dict[str, list[Row]]:
    """Rows that can be read, by table, without the tables that have none."""
    found = {table: _rows_of(path, table, columns, is_whole) for table, columns in tables.items()}
    return {table: rows for table, rows in found.items() if rows}


def _rows_of(path: Path, table: str, columns: tuple[str, ...], is_whole: IsWhole) -> list[Row]:
    """Rows of a damaged table, read from both sides of every place that cannot be read."""
    query = f"SELECT rowid, {', '.join(columns)} FROM {table}"
    found: dict[int, Row] = {}
    gaps = [(1 << bit, 1 << bit, (2 << bit) - 1) for bit in range(ROWID_BITS)]
    """Length, first and last rowid of what was not read; the shortest first."""
    heapify(gaps)
    with closing(connect(path, "ro")) as db:
        db.text_factory = _text
        try:
            db.execute(
                "PRAGMA writable_schema = ON"
            )  # a file that was cut is read to where it ends
            db.execute(f"{query} LIMIT 0")
        except sqlite3.Error:
            return []
        for _ in range(TRIES):
            if not gaps:
                break
            _, low, high = heappop(gaps)
            for order in ("ASC", "DESC"):
                between = f"{query} WHERE rowid BETWEEN ? AND ? ORDER BY rowid {order}"
                try:
                    for rowid, *row in db.execute(between, (low, high)):
                        if not low <= rowid <= high:
                            raise sqlite3.DatabaseError("pages in a circle")
                        if is_whole(columns, row):
                            found[rowid] = tuple(row)
                        low, high = (rowid + 1, high) if order == "ASC" else (low, rowid - 1)
                except sqlite3.Error:
                    continue
                break  # nothing in between is missing
            else:
                middle = (low + high) // 2
                for first, last in ((low, middle), (middle + 1, high)):
                    if low < high:
                        heappush(gaps, (last - first + 1, first, last))
    return [found[rowid] for rowid in sorted(found)]


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
