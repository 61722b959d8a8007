"""The SQLite file of users, tokens, sessions, jobs and the audit log: private, of the web alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from edge_agent.errors import StoreError
from edge_agent.spool.sqlite_files import (
    check_version,
    connect,
    create,
    make_folder,
    place_of,
    tighten,
)

SCHEMA_VERSION = 3
BUSY_TIMEOUT_MS = 5_000
"""Server and commands share the file; each writes for some milliseconds."""
_TABLES = """
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE session (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    started_at TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_name ON session (name);
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TEXT
) STRICT;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    ts TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    address TEXT NOT NULL,
    detail TEXT NOT NULL,
    mac TEXT NOT NULL
) STRICT;
CREATE TABLE audit_head (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    seq INTEGER NOT NULL,
    mac TEXT NOT NULL
) STRICT
"""
"""No table holds what proves who somebody is: passwords by argon2, the rest by SHA-256."""
_JOBS = """
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    asked TEXT NOT NULL,
    progress TEXT,
    problem TEXT,
    result TEXT,
    is_partial INTEGER NOT NULL
) STRICT;
CREATE INDEX job_state ON job (state, number)
"""
_MADE_FOR = "ALTER TABLE job ADD COLUMN made_for TEXT"
"""Press and mold of a job; none in jobs of before."""
_STEPS = {0: (_TABLES, _JOBS, _MADE_FOR), 1: (_JOBS, _MADE_FOR), 2: (_MADE_FOR,)}
"""Tables and columns that a file of each version has not."""


class AccessDatabase:
    """The file, open in this process; every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Open, and create when needed.

        Raises:
            StoreError: the file is of another program or of a newer version, or the disk refuses.
        """
        self.path = path
        self._in_use = Lock()
        try:
            place = place_of(path)
            make_folder(place.parent)
            create(place)
            tighten(place)
            with ExitStack() as opened:
                self._db = opened.enter_context(closing(connect(path, "rw")))
                self._db.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute("PRAGMA foreign_keys=ON")
                self._migrate()
                self._reading = opened.enter_context(closing(connect(path, "ro")))
                self._reading.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
                opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: the web's database cannot be opened: {error}") from error
        self._reader_in_use = Lock()

    def close(self) -> None:
        """Close the file."""
        with self._in_use, self._reader_in_use:
            self._reading.close()
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else's comes between; on disk when it ends.

        Raises:
            StoreError: the file cannot be written.
        """
        with self._in_use:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreError(
                    f"{self.path}: the web's database cannot be written: {error}"
                ) from error

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Answer to a question; it waits for no writer.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._reader_in_use:
            try:
                return self._reading.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(
                    f"{self.path}: the web's database cannot be read: {error}"
                ) from error

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """The file as it is at one moment, on a connection of its own.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            with closing(connect(self.path, "ro")) as db:
                db.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
                db.execute("BEGIN")
                yield db
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the web's database cannot be read: {error}") from error

    def _migrate(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            (others,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if others:
                raise StoreError(
                    f"{self.path}: is the file of another program",
                    hint="set web.database_path to a file of its own",
                )
        if version in _STEPS:
            for statement in ";\n".join(_STEPS[version]).split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        else:
            check_version(self._db, SCHEMA_VERSION, f"{self.path}: the web's database")
        self._db.execute("COMMIT")
