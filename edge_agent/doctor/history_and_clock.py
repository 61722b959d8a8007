"""The history, file or database, and the clock, which is compared with the database's."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.config.database_address import without_password
from edge_agent.config.settings import Settings
from edge_agent.doctor.checkup import Finding, Status
from edge_agent.errors import MissingExtra, StoreError, disk_hint
from edge_agent.spool.sqlite_files import connect_beside

OFFSET_OK_S, OFFSET_WARNING_S = 2.0, 60.0
THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
SYNCHRONISE = "let chrony or systemd-timesyncd set the clocks of presses, agent and database"
TIME_ERROR = 5
"""What ``adjtimex`` gives for a clock that nothing keeps right."""


def check_history(settings: Settings) -> Iterator[Finding]:
    """Check that rows can be kept there, and that the tables fit this program."""
    url = settings.history.address()
    if url is None:
        yield _file(settings.history.path)
    else:
        yield from _database(url)


def check_clock() -> Iterator[Finding]:
    """Check that something keeps the clock of this machine right."""
    kept = _kept_right()
    if kept is None:
        words = "unknown: this system does not tell whether the clock is kept right"
        yield Finding("clock", "warning", words, SYNCHRONISE)
    elif kept:
        yield Finding("clock", "ok", "is kept right by a time service")
    else:
        words = "no time service keeps it right; a press that differs by minutes is refused"
        yield Finding("clock", "warning", words, SYNCHRONISE)


def _file(path: Path) -> Finding:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(path if path.exists() else folder, os.W_OK):
        words = f"{path}: cannot be written by user id {os.geteuid()}"
        return Finding("history", "problem", words, "name another history.path, or give the right")
    if not path.exists():
        return Finding("history", "ok", f"{path}: a SQLite file, made at the first start")
    try:
        with closing(connect_beside(path)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (count,) = db.execute("SELECT count(*) FROM shot").fetchone()
    except (sqlite3.Error, OSError, ValueError) as error:
        words = f"{path}: cannot be read as a history: {error}"
        return Finding("history", "problem", words, disk_hint(error))
    size_mb = path.stat().st_size / 1e6
    words = f"{path}: SQLite, tables of version {version}, {count} shots, {size_mb:.1f} MB"
    return Finding("history", "ok", words)


def _database(url: str) -> Iterator[Finding]:
    try:
        from edge_agent.history.facts import database_facts  # noqa: PLC0415 (an extra)
        from edge_agent.history.migrations import HEAD, NEWER  # noqa: PLC0415
    except ImportError as error:
        missing = MissingExtra(f"a history in a database needs {error.name}", "timescale")
        yield Finding("history", "problem", str(missing), missing.hint)
        return
    try:
        facts = asyncio.run(database_facts(url))
    except StoreError as error:
        yield Finding("history", "problem", str(error), error.hint)
        return
    program = f"PostgreSQL {facts.server.split()[0]}"
    if facts.timescale is not None:
        program += f" with TimescaleDB {facts.timescale} (licence {facts.licence})"
    elif facts.available is not None:
        program += f"; TimescaleDB {facts.available} is installed, this database has it not yet"
    words = f"{without_password(url)}: {program}"
    if facts.standby:
        yield Finding("history", "problem", f"{words}, a standby", "name the primary")
        return
    yield Finding("history", "ok", words)
    if facts.tables is None and not facts.may_create:
        way_out = "GRANT USAGE, CREATE ON SCHEMA public to this user"
        yield Finding("tables", "problem", "none yet, and this user may make none", way_out)
    elif facts.tables is None:
        yield Finding("tables", "ok", f"none yet: the agent makes those of version {HEAD}")
    elif facts.tables > HEAD:
        words = f"version {facts.tables}, this program knows {HEAD}"
        yield Finding("tables", "problem", words, NEWER)
    elif facts.tables < HEAD:
        words = f"version {facts.tables}: the agent brings them to {HEAD}"
        yield Finding("tables", "warning", words, "or before: pur-mold-twin history upgrade")
    elif facts.not_writable:
        words = f"this user may not read and write {', '.join(facts.not_writable)}"
        yield Finding("tables", "problem", words, "GRANT SELECT, INSERT, UPDATE, DELETE on them")
    else:
        yield Finding("tables", "ok", f"version {facts.tables}, writable")
    yield _offset(url, facts.clock_offset.total_seconds(), facts.round_trip.total_seconds())


def _offset(url: str, offset_s: float, round_trip_s: float) -> Finding:
    if urlsplit(url).hostname in THIS_MACHINE:
        return Finding("clock offset", "ok", "the database has the clock of this machine")
    far = abs(offset_s) - round_trip_s / 2
    status: Status = "ok"
    if far > OFFSET_OK_S:
        status = "warning" if far <= OFFSET_WARNING_S else "problem"
    words = f"the database is {offset_s:+.3f} s from us (± {round_trip_s / 2:.3f} s)"
    return Finding("clock offset", status, words, "" if status == "ok" else SYNCHRONISE)


def _kept_right() -> bool | None:
    """True if the kernel, or systemd, says that the clock is synchronised; None: not known."""
    if Path("/run/systemd/timesync/synchronized").exists():
        return True
    try:
        library = ctypes.CDLL(None, use_errno=True)
        state = library.adjtimex(ctypes.create_string_buffer(512))  # modes 0: only looks
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
