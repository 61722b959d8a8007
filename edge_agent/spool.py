"""Inbox and outbox in one SQLite file: what is acknowledged is on disk, what is done is done once.

WAL with ``synchronous=FULL``: a committed transaction survives a crash of the machine. Calls block;
the agent makes them on one thread (``SpoolThread``). ``inbox``, ``newest`` and ``to_publish`` are
for the event loop: they read beside the writer, in microseconds; a hop to a thread and back costs
milliseconds when the cores are busy.

A file that was deleted or exchanged takes no more messages. What it holds can still be read, and
results written to it: what was acknowledged before gets to the history while the agent runs.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.ports import Envelope, HistoryRow, InboxRow, Outgoing, Stored
from edge_agent.spool_file import SpoolFile
from edge_agent.sqlite_files import OpenFiles, check_version, connect

T = TypeVar("T")
SCHEMA_VERSION = 2
EPOCH = datetime.fromtimestamp(0, UTC)
PAGE_BYTES = 2048
"""Of a new file. A commit writes whole pages, most of them partly filled: see decision 0019."""
WAL_PAGES_MAX = 16_384
"""32 MB: a commit tidies up the log itself only if ``checkpoint`` did not get to it."""
LOG_BYTES, COMMIT_BYTES, ROW_BYTES = 4_000_000, 12_000, 100
"""``tidy`` moves the log into the file when it has grown by so much: a page that every commit
writes again then goes into the file once in that time. Estimated, by commit and by row beside its
content."""
PACKED_FROM = 512
"""Characters of a state from which on it is compressed: a curing shot is written every second."""
THIN_AT_ONCE = 10_000
"""Frames looked at in one transaction: it must stay short."""
THINNED = ("spool", "thinned")
"""State that counts the raw frames given up for lack of room."""
WAY_OUT = (
    "nothing is acknowledged until the right file is back (moved, not copied) or the agent is "
    "restarted: it then begins with what lies there, and what is only in its own file is lost"
)
_TABLES = """
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, content_type TEXT);
CREATE TABLE publish (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, press TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, payload BLOB NOT NULL, retain INTEGER NOT NULL);
CREATE INDEX publish_press ON publish (press, id);
CREATE TABLE forward (
    id INTEGER PRIMARY KEY, created_at TEXT NOT NULL, kind TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE INDEX forward_results ON forward (id) WHERE kind <> 'telemetry';
CREATE TABLE retained (topic TEXT PRIMARY KEY, press TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE state (scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (scope, key));
"""
_TO_VERSION_2 = """
ALTER TABLE forward DROP COLUMN key;
ALTER TABLE forward RENAME COLUMN columns TO document;
CREATE INDEX forward_results ON forward (id) WHERE kind <> 'telemetry';
"""

SPOOL_TABLES = {
    "inbox": ("id", "received_at", "topic", "payload", "content_type"),
    "publish": ("id", "created_at", "press", "key", "topic", "payload", "retain"),
    "forward": ("id", "created_at", "kind", "document"),
    "retained": ("topic", "press", "payload"),
    "state": ("scope", "key", "value"),
}
"""Columns by table."""


@dataclass
class Changes:
    """Everything that one transaction does: see ``Spool.commit``."""

    done: list[int] = field(default_factory=list)
    """Inbox rows that are finished with."""
    forwarded: list[int] = field(default_factory=list)
    """Rows that the history took, or refused for good."""
    publish: list[Outgoing] = field(default_factory=list)
    forward: list[HistoryRow] = field(default_factory=list)
    state: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)
    """New value by (scope, key); None forgets it."""

    def __bool__(self) -> bool:
        return bool(self.done or self.forwarded or self.publish or self.forward or self.state)


@dataclass(frozen=True)
class Depth:
    """How many entries wait."""

    inbox_count: int
    publish_count: int
    forward_count: int


class Spool:
    """The file. Every method is one transaction; sqlite errors become ``StoreError``."""

    def __init__(self, path: Path, file: SpoolFile | None = None) -> None:
        """Open a spool, and make its tables when the file is empty.

        Args:
            path: the file, or ``:memory:`` for one that is on no disk.
            file: the file as held already; it is closed with the spool.

        Raises:
            SpoolInUse: another process has it.
            StoreError: it is no spool, of a newer version, or the disk refuses.
        """
        self.path = path
        self.full = False
        """Set by who watches the limit: nothing more is taken in."""
        self._files: OpenFiles | None = None
        self._tidying = Lock()
        self._log_bytes = LOG_BYTES
        """In the log, estimated; at first nobody knows what an earlier process left there."""
        self._forward_id: int | None = None
        """The newest id given to a row for the history; no id is given twice in one life."""
        with ExitStack() as opened:
            try:
                if path.name == ":memory:":
                    db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
                    self._db = self._reader = self._tidier = opened.enter_context(closing(db))
                    self._migrate()
                else:
                    if file is None:
                        file = SpoolFile(path)
                        opened.callback(file.close)
                    self._open(file, opened)
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{path}: the spool cannot be opened: {error}") from error
            self._opened = opened.pop_all()
        self._file = file

    def _open(self, file: SpoolFile, opened: ExitStack) -> None:
        self._db = opened.enter_context(_connected(self.path))
        self._db.execute(f"PRAGMA page_size={PAGE_BYTES}")  # an older file keeps its own
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
        self._migrate()
        self._reader = opened.enter_context(_connected(self.path))
        self._tidier = opened.enter_context(_connected(self.path))
        self._files = OpenFiles(self.path, WAY_OUT)
        if not file.is_at(self._files.file):
            raise StoreError(f"{self.path}: exchanged while it was opened: start again")

    def problem(self) -> str | None:
        """Why the file is not the one that was opened, in words; None when it is. From any thread.

        A stat of three files: some microseconds.
        """
        return self._files.problem() if self._files is not None else None

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Store what arrived; only after this may it be acknowledged.

        Raises:
            StoreError: the disk cannot be written, the spool is ``full``, or there is a
                ``problem`` before or after it is written.
        """
        if self.full:
            raise StoreError(f"{self.path}: the spool is full and nothing in it may be thinned")
        rows = [
            (format_timestamp(e.received_at), e.topic, e.payload, e.content_type) for e in envelopes
        ]
        self._check_files()
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO inbox (received_at, topic, payload, content_type) VALUES (?,?,?,?)",
                rows,
            )
        self._check_files()

    def inbox(self, after: int, limit: int) -> list[InboxRow]:
        """The oldest unfinished rows with an id above ``after``; quick, and never waits."""
        with self._reading():
            rows = self._reader.execute(
                "SELECT id, received_at, topic, payload, content_type FROM inbox WHERE id > ?"
                " ORDER BY id LIMIT ?",
                (after, limit),
            ).fetchall()
        return [
            InboxRow(row, Envelope(_time(at), topic, payload, content_type))
            if type(topic) is str and type(payload) is bytes
            else InboxRow(row, Envelope(_time(at), str(topic), str(payload).encode()))
            for row, at, topic, payload, content_type in rows
        ]

    def commit(self, changes: Changes, now: datetime) -> None:
        """Results out, inbox done, state kept: all or nothing."""
        at = format_timestamp(now)
        with self._transaction() as db:
            first = self._new_ids(len(changes.forward))  # before the newest rows may go
            db.executemany("DELETE FROM inbox WHERE id = ?", [(i,) for i in changes.done])
            db.executemany("DELETE FROM forward WHERE id = ?", [(i,) for i in changes.forwarded])
            db.executemany(
                "INSERT OR IGNORE INTO publish (created_at, press, key, topic, payload, retain)"
                " VALUES (?,?,?,?,?,?)",
                [(at, m.press, m.key, m.topic, m.payload, m.retain) for m in changes.publish],
            )
            db.executemany(
                "INSERT OR REPLACE INTO retained (topic, press, payload) VALUES (?,?,?)",
                [(m.topic, m.press, m.payload) for m in changes.publish if m.retain],
            )
            db.executemany(
                "INSERT INTO forward (id, created_at, kind, document) VALUES (?,?,?,?)",
                [(i, at, r.kind, r.document) for i, r in enumerate(changes.forward, first)],
            )
            for (scope, key), value in changes.state.items():
                if value is None:
                    db.execute("DELETE FROM state WHERE scope = ? AND key = ?", (scope, key))
                else:
                    packed = pack_state(value)
                    self._log_bytes += len(packed)
                    # in place: a row that is replaced writes its index, too
                    db.execute(
                        "INSERT INTO state (scope, key, value) VALUES (?,?,?)"
                        " ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
                        (scope, key, packed),
                    )
        rows = [len(r.document) for r in changes.forward]
        rows += [len(m.payload) for m in changes.publish]
        self._log_bytes += COMMIT_BYTES + sum(rows) + ROW_BYTES * len(rows)

    def state(self, scope: str) -> dict[str, dict[str, Any]]:
        """What was kept under a scope, by key; what cannot be read is left out, and said."""
        with self._reading() as db:
            rows = db.execute("SELECT key, value FROM state WHERE scope = ?", (scope,)).fetchall()
        kept = {}
        for key, value in rows:
            try:
                kept[str(key)] = unpack_state(value)
            except (ValueError, TypeError, RecursionError) as error:  # damaged, yet not noticed
                get_logger().error("state_unreadable", detail=f"{scope} {key}", error=str(error))
        return kept

    def retained(self, press: str) -> list[tuple[str, bytes]]:
        """The last retained message of every topic of a press: restored on every new session."""
        with self._reading() as db:
            return db.execute(
                "SELECT topic, payload FROM retained WHERE press = ? ORDER BY topic", (press,)
            ).fetchall()

    def to_publish(self, press: str, limit: int) -> list[Stored[Outgoing]]:
        """The oldest messages that the broker has not accepted yet; quick, and never waits."""
        with self._reading():
            rows = self._reader.execute(
                "SELECT id, created_at, press, key, topic, payload, retain FROM publish"
                " WHERE press = ? ORDER BY id LIMIT ?",
                (press, limit),
            ).fetchall()
        return [
            Stored(r[0], _time(r[1]), Outgoing(r[2], r[3], r[4], r[5], bool(r[6]))) for r in rows
        ]

    def to_forward(self, limit: int) -> list[Stored[HistoryRow]]:
        """Rows that the history has not taken: results first, then raw telemetry, each in order."""
        with self._reading() as db:
            rows: list[tuple[Any, ...]] = []
            for which in ("<>", "="):
                rows += db.execute(
                    "SELECT id, created_at, kind, document FROM forward"
                    f" WHERE kind {which} 'telemetry' ORDER BY id LIMIT ?",
                    (limit - len(rows),),
                ).fetchall()
        return [Stored(r[0], _time(r[1]), HistoryRow(r[2], r[3])) for r in rows]

    def exchange(self, press: str, retained: Mapping[str, bytes]) -> None:
        """Nothing waits to be said about a press any more, and this is what is retained of it."""
        with self._transaction() as db:
            db.execute("DELETE FROM publish WHERE press = ?", (press,))
            db.execute("DELETE FROM retained WHERE press = ?", (press,))
            rows = [(topic, press, payload) for topic, payload in retained.items()]
            db.executemany("INSERT INTO retained (topic, press, payload) VALUES (?,?,?)", rows)

    def newest(self) -> int:
        """Id of the newest inbox row, finished or not; quick, and never waits."""
        with self._reading():
            row = self._reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'inbox'")
            return int((row.fetchone() or (0,))[0])

    def settle_published(self, ids: Sequence[int]) -> None:
        """Forget messages that the broker accepted, or refused for good."""
        with self._transaction() as db:
            db.executemany("DELETE FROM publish WHERE id = ?", [(i,) for i in ids])

    def restore(self, rows: dict[str, list[tuple[object, ...]]]) -> dict[str, int]:
        """Take rows saved from a damaged spool, in one transaction; returns how many by table.

        A row that does not fit (a damaged value) is left out.
        """
        saved = dict.fromkeys(rows, 0)
        with self._transaction() as db:
            for table, found in rows.items():
                marks = ",".join("?" * len(SPOOL_TABLES[table]))
                for row in found:
                    try:
                        db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
                    except sqlite3.IntegrityError:
                        continue
                    saved[table] += 1
        self._forward_id = None
        return saved

    def used_bytes(self) -> int:
        """Size of what is in the file; freed pages are used again before it grows."""
        with self._reading() as db:
            pages, free, size = (
                db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def thin_telemetry(self, now: datetime) -> int:
        """Drop every second raw frame among the oldest ``THIN_AT_ONCE`` that wait for the history.

        Done again, the oldest lose more. Shots, predictions, quality records and dead letters never
        go. What went is counted under the state ``THINNED``. Returns how many frames went.
        """
        with self._transaction() as db:
            rows = db.execute(
                "SELECT id, created_at, kind, document FROM forward WHERE kind = 'telemetry'"
                " ORDER BY id LIMIT ?",
                (THIN_AT_ONCE,),
            ).fetchall()
            # written anew: taking single rows out of a page would not free it
            db.executemany("DELETE FROM forward WHERE id = ?", [(row[0],) for row in rows])
            db.executemany("INSERT INTO forward VALUES (?,?,?,?)", rows[::2])
            gone = len(rows) // 2
            if gone:
                row = db.execute("SELECT value FROM state WHERE scope = ? AND key = ?", THINNED)
                before = json.loads((row.fetchone() or ("{}",))[0])
                at = format_timestamp(now)
                counted = {
                    "count": before.get("count", 0) + gone,
                    "first_at": before.get("first_at", at),
                    "last_at": at,
                }
                db.execute(
                    "INSERT OR REPLACE INTO state (scope, key, value) VALUES (?,?,?)",
                    (*THINNED, json.dumps(counted)),
                )
        return gone

    def depth(self) -> Depth:
        """How much waits."""
        with self._reading() as db:
            counts = [
                db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("inbox", "publish", "forward")
            ]
        return Depth(*counts)

    def tidy(self) -> None:
        """Call ``checkpoint`` when the log has grown by ``LOG_BYTES``; to be called every second.

        Otherwise a commit does it now and then, and takes long. A log that was deleted or moved is
        emptied at once: who opens the file after a crash finds only what is in it.
        """
        if self._log_bytes >= LOG_BYTES or self.problem() is not None:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Move what is committed from the log into the file, beside the writer; from any thread."""
        with self._tidying, self._reading():
            self._log_bytes = 0
            self._tidier.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Close the file, and let others have it."""
        with self._tidying:
            self._opened.close()
            if self._file is not None:
                self._file.close()

    def _new_ids(self, count: int) -> int:
        """Take ids for rows for the history, and give the first; a counter of SQLite's own would
        be one more page in every commit."""
        if self._forward_id is None:
            (newest,) = self._db.execute("SELECT max(id) FROM forward").fetchone()
            self._forward_id = newest or 0
        self._forward_id += count
        return self._forward_id - count + 1

    def _check_files(self) -> None:
        if self._files is not None:
            self._files.check()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                check_version(self._db, SCHEMA_VERSION, f"{self.path}: spool")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the spool cannot be written: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the spool cannot be read: {error}") from error

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: spool of version {version}, this program knows {SCHEMA_VERSION}: "
                "update the program"
            )
        if version == 1:
            self._db.executescript(f"BEGIN; {_TO_VERSION_2} PRAGMA user_version=2; COMMIT")
        if version == 0:
            self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT")


def pack_state(value: dict[str, Any]) -> str | bytes:
    """A state as it is stored: JSON, compressed when it is long."""
    text = json.dumps(value, separators=(",", ":"))
    return text if len(text) < PACKED_FROM else zlib.compress(text.encode(), 1)


def unpack_state(stored: str | bytes) -> dict[str, Any]:
    """A state from ``pack_state``, or of an older spool.

    Raises:
        ValueError, TypeError: it is damaged.
    """
    try:
        text = zlib.decompress(stored) if isinstance(stored, bytes) else stored
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return dict(json.loads(text))


def _time(text: str) -> datetime:
    """A time of the spool; the epoch where damage that SQLite does not notice left none."""
    try:
        time = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return EPOCH
    return time if time.tzinfo is not None else EPOCH


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that has its files open: SQLite opens the log when something is read."""
    with closing(connect(path, "rw")) as db:
        db.execute("PRAGMA user_version").fetchone()
        yield db


class SpoolThread:
    """One thread that makes all calls to the spool, in order, off the event loop."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spool")

    async def call(self, method: Callable[..., T], *arguments: Any) -> T:
        """Run one method of the spool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, method, *arguments)

    def close(self) -> None:
        """Finish what is running and close the file."""
        self._pool.shutdown(wait=True)
        self.spool.close()


def new_key(kind: str) -> str:
    """A key for a message that has no natural one; it is made once, before it is committed."""
    return f"{kind}/{uuid.uuid4().hex}"
