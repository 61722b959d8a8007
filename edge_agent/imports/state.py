"""State of an import on disk: which shots are done, so that a run goes on where one was stopped."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.logged_shots.bundle import Bundle
from twin_core.errors import InputError

_TABLES = """
CREATE TABLE IF NOT EXISTS about (source TEXT NOT NULL, target TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shot (name TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
"""


class ImportState:
    """Shots that are done, in a SQLite file."""

    def __init__(self, path: Path, source: str, target: str) -> None:
        """Open the file, or make it.

        Args:
            path: the file.
            source: id of the datasource.
            target: where the shots go.

        Raises:
            StoreError: it cannot be used.
            InputError: it is that of another source or target.
        """
        self.path = path
        self._seen: set[bytes] = set()
        """Short hashes of the names of this run."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: cannot be used: {error}") from error
        try:
            self._refuse_another(path)
            self._db.executescript(_TABLES)
            row = self._db.execute("SELECT source, target FROM about").fetchone()
            if row is None:
                row = (source, target)
                with self._db:
                    self._db.execute("INSERT INTO about VALUES (?, ?)", row)
            if tuple(row) != (source, target):
                words = f"{path}: is of an import of {row[0]} into {row[1]}, not {source}, {target}"
                raise InputError(words, hint="give --state another file")
        except InputError:
            self._db.close()
            raise
        except sqlite3.Error as error:
            self._db.close()
            words = f"{path}: cannot be used: {error}"
            raise StoreError(words, hint="give --state another file, or remove this one") from error

    def _refuse_another(self, path: Path) -> None:
        """Refuse a database of something else, before a table is made in it."""
        names = {name for (name,) in self._db.execute(_NAMES)}
        if not names <= {"about", "shot"}:
            words = (
                f"{path}: is no file of done shots: it has the tables {', '.join(sorted(names))}"
            )
            raise InputError(words[:300], hint="give --state another file")

    def judge(self, bundle: Bundle) -> str:
        """Whether a shot is ``new``, ``done``, has ``changed`` since, or ``contradicts`` one.

        ``repeated``: it was judged in this run, and says the same.

        Args:
            bundle: the shot; another content in one run contradicts, in a later one it changed.
        """
        name = name_of(bundle)
        short = sha256(name.encode()).digest()[:8]
        is_again = short in self._seen
        self._seen.add(short)
        with closing(self._db.execute(_ASK, (name,))) as found:
            row = found.fetchone()
        if row is None:
            return "new"
        if row[0] == content_of(bundle):
            return "repeated" if is_again else "done"
        return "contradicts" if is_again else "changed"

    def note(self, bundles: Iterable[Bundle]) -> None:
        """Note that shots are done; they are where they should be.

        Raises:
            StoreError: the disk refuses.
        """
        rows = [(name_of(one), content_of(one)) for one in bundles]
        try:
            with self._db:
                self._db.executemany("INSERT OR REPLACE INTO shot VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()


_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_ASK = "SELECT content FROM shot WHERE name = ?"


def beside_history(source_id: str, where: str) -> Path:
    """What lies beside a history, without its end: ``.state.db``, ``.problems.jsonl``.

    Args:
        source_id: of the datasource.
        where: the file of the history, or the address of a database.
    """
    folder = Path("var") if "://" in where else Path(where).parent
    return folder / f"import.{source_id}"


def forget(path: Path, source: str, target: str) -> None:
    """Remove a file of done shots, if there is one.

    Args:
        path: the file.
        source: id of the datasource that it must be of.
        target: where the shots went.

    Raises:
        StoreError: it cannot be read or removed.
        InputError: it is that of another source or target.
    """
    if not path.exists():
        return
    ImportState(path, source, target).close()
    try:
        path.unlink()
    except OSError as error:
        raise StoreError(f"{path}: cannot be removed: {error.strerror or error}") from error


def name_of(bundle: Bundle) -> str:
    """Identity of a shot: site, press, mold, id and pour."""
    meta = bundle.meta
    at = "" if meta.timestamp_start is None else format_timestamp(meta.timestamp_start)
    return f"{meta.site or ''}/{meta.line_id or ''}/{meta.mold_id}/{meta.shot_id}/{at}"


def content_of(bundle: Bundle) -> str:
    """What a shot says, as 32 hexadecimal digits."""
    document = [
        sorted(dict(bundle.meta).items()),
        sorted(dict(bundle.recipe).items()),
        bundle.t_demold_actual_s,
        bundle.quality,
        sorted((t, sorted(row.items())) for t, row in bundle.series.items()),
    ]
    return sha256(json.dumps(document, default=str).encode()).hexdigest()[:32]
