"""Spool: results and state of an agent that others have not got yet, in one SQLite file.

Rows for the history, messages that the broker has not accepted, open shots: a batch of work is one
transaction. WAL with ``synchronous=FULL``: a committed transaction survives a crash of the machine.
Calls of ``Spool`` block; the agent makes them through ``SpoolThread``, on one thread.

A file that was deleted or exchanged takes nothing more. What it holds can still be read: what was
acknowledged before gets to the history while the agent runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.ports import HistoryRow, Outgoing, Retained, Stored
from edge_agent.spool.changes import Changes, Depth
from edge_agent.spool.packed_state import pack_state, unpack_state
from edge_agent.spool.spool_file import SpoolFile
from edge_agent.spool.sqlite_files import OpenFiles, connect, reading, transaction
from edge_agent.spool.tables import (
    INBOX,
    INBOX_TABLE,
    ON_PLAIN_TOPICS,
    SCHEMA_VERSION,
    has_inbox,
    migrate,
)

NOTHING = {"results": 0, "telemetry": 0}
"""No row was had yet."""
EPOCH = datetime.fromtimestamp(0, UTC)
PAGE_BYTES = 2048
"""Of a new file. A commit writes whole pages, most of them partly filled: see decision 0019."""
WAL_PAGES_MAX = 16_384
"""32 MB: a commit tidies up the log itself only if ``checkpoint`` did not get to it."""
LOG_BYTES, COMMIT_BYTES, ROW_BYTES = 4_000_000, 12_000, 100
"""``tidy`` moves the log into the file when it has grown by so much: a page that every commit
writes again then goes into the file once in that time. Estimated, by commit and by row beside its
content."""
THIN_AT_ONCE = 10_000
"""Frames looked at in one transaction: it must stay short."""
THINNED = ("spool", "thinned")
"""State that counts the raw frames given up for lack of room."""
WAY_OUT = (
    "nothing is acknowledged until the right file is back (moved, not copied) or the agent is "
    "restarted: it then begins with what lies there, and what is only in its own file is lost"
)


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
                    self._db = self._tidier = opened.enter_context(closing(db))
                    migrate(self._db, self.path)
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
        migrate(self._db, self.path)
        self._tidier = opened.enter_context(_connected(self.path))
        self._files = OpenFiles(self.path, WAY_OUT)
        if not file.is_at(self._files.file):
            raise StoreError(f"{self.path}: exchanged while it was opened: start again")

    def problem(self) -> str | None:
        """Problem of the file, in words, when it is not the one that was opened; from any thread.

        A stat of three files: some microseconds.
        """
        return self._files.problem() if self._files is not None else None

    def commit(self, changes: Changes, now: datetime) -> None:
        """All changes or none; only after this may be acknowledged what led to them.

        Raises:
            StoreError: the disk cannot be written, there is no room (``full``), or there is a
                ``problem`` before or after it is written.
        """
        if self.full and changes.adds:
            raise StoreError(f"{self.path}: the spool is full and nothing in it may be thinned")
        at = format_timestamp(now)
        self._check_files()
        with self._transaction() as db:
            first = self._new_ids(len(changes.forward))  # before the newest rows may go
            db.executemany("DELETE FROM publish WHERE key = ?", [(k,) for k in changes.settled])
            db.executemany("DELETE FROM forward WHERE id = ?", [(i,) for i in changes.forwarded])
            if changes.drained:
                db.executemany("DELETE FROM inbox WHERE id = ?", [(i,) for i in changes.drained])
            db.executemany(
                "INSERT OR IGNORE INTO publish (created_at, press, key, topic, payload, retain)"
                " VALUES (?,?,?,?,?,?)",
                [
                    (_at(m, at), m.press, m.key, m.topic, m.payload, m.retain)
                    for m in changes.publish
                ],
            )
            db.executemany(
                "INSERT INTO retained (topic, press, payload, at) VALUES (?,?,?,?)"
                " ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload, at = excluded.at",
                [(m.topic, m.press, m.payload, _at(m, at)) for m in changes.retained.values()],
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
        self._check_files()

    def inbox(self, after: int, limit: int) -> list[tuple[int, str, bytes, str | None]]:
        """Id, topic, payload and content type of messages that an older program left."""
        with self._reading() as db:
            if not has_inbox(db):
                return []
            rows = db.execute(INBOX, (after, limit)).fetchall()
        return [
            (row, topic, payload, content_type)
            if type(topic) is str and type(payload) is bytes
            else (row, str(topic), str(payload).encode(), None)
            for row, topic, payload, content_type in rows
        ]

    def state(self, scope: str) -> dict[str, dict[str, Any]]:
        """State kept under a scope, by key; what cannot be read is left out and logged."""
        with self._reading() as db:
            rows = db.execute("SELECT key, value FROM state WHERE scope = ?", (scope,)).fetchall()
        kept = {}
        for key, value in rows:
            try:
                kept[str(key)] = unpack_state(value)
            except (ValueError, TypeError, RecursionError) as error:  # damaged, yet not noticed
                get_logger().error("state_unreadable", detail=f"{scope} {key}", error=str(error))
        return kept

    def retained(self, press: str, since: datetime, after: str, limit: int) -> list[Retained]:
        """The last retained messages of the topics of a press, by topic.

        Args:
            since: older ones are left out.
            after: topic of the last one that was had already.
        """
        with self._reading() as db:
            rows = db.execute(
                "SELECT topic, payload, at FROM retained WHERE press = ? AND topic > ? AND at >= ?"
                " ORDER BY topic LIMIT ?",
                (press, after, format_timestamp(since), limit),
            ).fetchall()
        return [Retained(topic, payload, _time(at)) for topic, payload, at in rows]

    def trim_retained(self, before: datetime) -> None:
        """Forget retained messages that are older: they speak of no mold any more."""
        with self._transaction() as db:
            db.execute("DELETE FROM retained WHERE at < ?", (format_timestamp(before),))

    def to_publish(self, press: str, limit: int, after: int = 0) -> list[Stored[Outgoing]]:
        """The oldest messages, with an id above ``after``, that the broker has not accepted."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, created_at, press, key, topic, payload, retain FROM publish"
                " WHERE press = ? AND id > ? ORDER BY id LIMIT ?",
                (press, after, limit),
            ).fetchall()
        return [
            Stored(r[0], _time(r[1]), Outgoing(r[2], r[3], r[4], r[5], bool(r[6]))) for r in rows
        ]

    def to_forward(
        self, limit: int, after: Mapping[str, int] = NOTHING
    ) -> list[Stored[HistoryRow]]:
        """Rows that the history has not taken: results first, then raw telemetry, each in order.

        Args:
            after: ids of the last ones that were had already, of ``results`` and ``telemetry``.
        """
        with self._reading() as db:
            rows: list[tuple[Any, ...]] = []
            for which, compared in (("results", "<>"), ("telemetry", "=")):
                rows += db.execute(
                    "SELECT id, created_at, kind, document FROM forward"
                    f" WHERE kind {compared} 'telemetry' AND id > ? ORDER BY id LIMIT ?",
                    (after[which], limit - len(rows)),
                ).fetchall()
        return [Stored(r[0], _time(r[1]), HistoryRow(r[2], r[3])) for r in rows]

    def exchange(self, press: str, retained: Mapping[str, bytes], now: datetime) -> None:
        """Exchange what is retained of a press; nothing more waits to be published for it."""
        at = format_timestamp(now)
        with self._transaction() as db:
            db.execute("DELETE FROM publish WHERE press = ?", (press,))
            db.execute("DELETE FROM retained WHERE press = ?", (press,))
            rows = [(topic, press, payload, at) for topic, payload in retained.items()]
            db.executemany(
                "INSERT INTO retained (topic, press, payload, at) VALUES (?,?,?,?)", rows
            )

    def restore(self, rows: dict[str, list[tuple[object, ...]]]) -> dict[str, int]:
        """Take rows saved from a damaged spool, in one transaction; returns how many by table.

        A row that does not fit (a damaged value) is left out.
        """
        saved = dict.fromkeys(rows, 0)
        with self._transaction() as db:
            if rows.get("inbox"):
                db.execute(INBOX_TABLE)
            for table, found in rows.items():
                for row in found:
                    marks = ",".join("?" * len(row))
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

    def waiting(self, press: str) -> tuple[int, int]:
        """Number and bytes of the messages that wait for a press."""
        with self._reading() as db:
            found = db.execute(
                "SELECT count(*), coalesce(sum(length(payload)), 0) FROM publish WHERE press = ?",
                (press,),
            ).fetchone()
        return int(found[0]), int(found[1])

    def drop_oldest(self, press: str, size: int, row_bytes: int) -> tuple[int, int]:
        """Give up the oldest messages of a press; how many that were, and their bytes.

        Args:
            press: the press.
            size: at least so many bytes.
            row_bytes: what a message counts beside its payload.
        """
        count = gone = newest = 0
        with self._transaction() as db:
            rows = db.execute(
                "SELECT id, length(payload) FROM publish WHERE press = ? ORDER BY id", (press,)
            )
            for newest, length in rows:  # noqa: B007 (the last one is the boundary)
                count, gone = count + 1, gone + length + row_bytes
                if gone >= size:
                    break
            rows.close()
            db.execute("DELETE FROM publish WHERE press = ? AND id <= ?", (press, newest))
        return count, gone

    def depth(self) -> Depth:
        """Numbers of messages and rows that wait."""
        with self._reading() as db:
            counts = [
                db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in (f"publish WHERE {ON_PLAIN_TOPICS}", "forward")
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

    def _transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return transaction(self._db, SCHEMA_VERSION, f"{self.path}: the spool")

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        return reading(self._db, f"{self.path}: the spool")


def _at(message: Outgoing, stored_at: str) -> str:
    return stored_at if message.at is None else format_timestamp(message.at)


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
