"""SQLite files that keep what was acknowledged: private, and the same ones while they are open.

SQLite does not notice when a file that it has open is deleted, or when another one is put into its
place: it goes on writing into a file that nobody will ever find again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from edge_agent.errors import StoreError

PARTS = ("", "-wal", "-shm")
"""The file, and its log and the log's index that SQLite keeps beside it."""
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
GROUP_MAY_READ = 0o640
Identity = tuple[int, int]


def connect(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    """A connection that never makes a file, for any thread, without transactions of its own."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        check_same_thread=False,
        isolation_level=None,
    )


def connect_beside(path: Path) -> sqlite3.Connection:
    """A connection that changes and makes nothing, whether somebody has the file open or not."""
    wal = part(place_of(path), "-wal")
    if wal.exists():
        return connect(path, "ro")
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"  # else a log would be made
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def place_of(path: Path) -> Path:
    """Place that a path leads to: SQLite keeps log and index beside the file, not beside a link."""
    return Path(os.path.realpath(path))


def part(path: Path, suffix: str) -> Path:
    """A file beside a database: ``spool.db-wal``."""
    return path.with_name(path.name + suffix)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, private; one that is there stays as it is."""
    if not folder.is_dir():
        make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=PRIVATE_FOLDER)


def create(path: Path) -> None:
    """Make an empty private file, if there is none."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE))


def tighten(path: Path, allowed: int = PRIVATE) -> None:
    """Take all rights that are not ``allowed`` from a database and what lies beside it.

    A file of another owner stays as it is.
    """
    for suffix in PARTS:
        with suppress(FileNotFoundError, PermissionError):
            one = part(path, suffix)
            mode = one.stat().st_mode & 0o7777
            if mode & ~allowed:
                one.chmod(mode & allowed)


class OpenFiles:
    """The files of a database in WAL mode as this process has them open."""

    def __init__(self, path: Path, way_out: str) -> None:
        """Note which files they are; every connection must have read something before.

        Args:
            way_out: the end of each message: what follows from it and what to do.
        """
        place = place_of(path)
        self._way_out = way_out
        self._known = [
            (str(one), _identity(one)) for one in (path, part(place, "-wal"), part(place, "-shm"))
        ]

    @property
    def file(self) -> Identity:
        """Device and inode of the database itself."""
        return self._known[0][1]

    def problem(self) -> str | None:
        """Reason why a commit would not be found again; None when all is well. Any thread."""
        for name, known in self._known:
            try:
                found = os.stat(name)
            except (FileNotFoundError, NotADirectoryError):
                return f"{name} was deleted or moved away while it was open: {self._way_out}"
            except OSError as error:
                return f"{name} cannot be looked at: {error.strerror}: {self._way_out}"
            if (found.st_dev, found.st_ino) != known:
                return f"{name} was exchanged for another file: {self._way_out}"
        return None

    def check(self) -> None:
        """Make sure that a commit can be found again.

        Raises:
            StoreError: with ``problem``.
        """
        problem = self.problem()
        if problem is not None:
            raise StoreError(problem)


def check_version(db: sqlite3.Connection, known: int, words: str) -> None:
    """Make sure, within a transaction, that no newer program has changed the tables.

    Args:
        known: the schema version of this program.
        words: which file of which kind.

    Raises:
        StoreError: another version.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != known:
        raise StoreError(
            f"{words} of version {version}, this program knows {known}: update the program",
            hint="install the version that made this file, or a newer one",
        )


def _identity(path: Path) -> Identity:
    found = os.stat(path)
    return found.st_dev, found.st_ino


@contextmanager
def transaction(db: sqlite3.Connection, version: int, words: str) -> Iterator[sqlite3.Connection]:
    """All that is written within, or nothing.

    Args:
        db: the open file.
        version: of the tables that this program knows.
        words: names the file and what it is, ``var/spool.db: the spool``.

    Raises:
        StoreError: it cannot be written, or a newer program has changed the tables.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            check_version(db, version, words)
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise StoreError(f"{words} cannot be written: {error}") from error


@contextmanager
def reading(db: sqlite3.Connection, words: str) -> Iterator[sqlite3.Connection]:
    """Questions to an open file; ``words`` as for ``transaction``.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        yield db
    except sqlite3.Error as error:
        raise StoreError(f"{words} cannot be read: {error}") from error
