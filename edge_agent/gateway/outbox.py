"""Outbox of a gateway: what it has read, on disk until the agent says that it is committed.

One SQLite file, WAL with ``synchronous=FULL``: a committed transaction survives a crash of the
machine. Calls block; the gateway makes them through ``OutboxThread``, on one thread.

A transaction holds all that batches of samples led to: the messages with their numbers, where the
stations stand, and where the sources stand. So whatever is done again after a kill gives the same
messages with the same numbers.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from broker.codec import Format
from broker.messages import Received
from broker.timestamps import format_timestamp, parse_timestamp
from edge_agent.errors import StoreError
from edge_agent.gateway.device_counts import Count, DeviceCounts, Key, new_suffix, rows_of
from edge_agent.gateway.numbered import document_of, pack_payload, payload_of, unpack_payload
from edge_agent.gateway.outbox_entry import Draft, Kind, Step
from edge_agent.gateway.outbox_tables import OUTBOX, OUTBOX_TABLES, SCHEMA_VERSION, migrate
from edge_agent.gateway.received_ranges import confirmed_ranges
from edge_agent.logs import get_logger
from edge_agent.spool.packed_state import pack_state, unpack_state
from edge_agent.spool.spool_file import SpoolFile
from edge_agent.spool.sqlite_files import OpenFiles, connect, reading, transaction

PAGE_BYTES = 1024
"""A commit writes whole pages: with 500 tags at 10 Hz 20 kB, with pages of 4096 bytes 33."""
WAL_PAGES_MAX = 4096
STATION, SOURCE, OUTBOX_SCOPE, HEARD = "station", "source", "outbox", "heard"
"""Scopes of the state: of stations, positions of sources, the outbox itself, presses whose agent
says what it has."""
DROP_AT_ONCE = 2_000
"""Readings given up in one transaction: it must stay short."""
TRACE_LINES = 2_000
"""The newest lines of the trace are kept."""
WAY_OUT = (
    "nothing that is read is acknowledged until the right file is back (moved, not copied) or the "
    "gateway is restarted: it then begins with what lies there"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that waits."""

    id: int
    press: str
    """``site/press``."""
    device_id: str
    seq: int
    kind: Kind
    created_at: datetime
    historical: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that the broker does not take."""

    press: str
    device_id: str
    seq: int
    kind: str
    ts: str
    reason: str


class Outbox:
    """The file. Every method is one transaction; sqlite errors become ``StoreError``."""

    def __init__(
        self, path: Path, file: SpoolFile | None = None, payload_format: Format = "json"
    ) -> None:
        """Open an outbox, and make its tables when the file is empty.

        Args:
            path: the file.
            file: the file as held already; it is closed with the outbox.
            payload_format: of the messages.

        Raises:
            SpoolInUse: another process has it.
            StoreError: it is no outbox, of a newer version, or the disk refuses.
        """
        self.path = path
        self.full = False
        """Set by who watches the limit: nothing more is taken in."""
        self.waiting = {"telemetry": 0, "shot": 0, "refused": 0}
        """Messages that are not confirmed, by kind, and how many of them the broker refuses."""
        self._format = payload_format
        with ExitStack() as opened:
            try:
                if file is None:
                    file = SpoolFile(path, words=OUTBOX)
                    opened.callback(file.close)
                self._open(file, opened)
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{path}: the outbox cannot be opened: {error}") from error
            self._opened = opened.pop_all()
        self._file = file

    def _open(self, file: SpoolFile, opened: ExitStack) -> None:
        self._db = opened.enter_context(closing(connect(self.path, "rw")))
        self._db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
        migrate(self._db, self.path)
        self._files = OpenFiles(self.path, WAY_OUT)
        if not file.is_at(self._files.file):
            raise StoreError(f"{self.path}: exchanged while it was opened: start again")
        self._read_counts()
        own = self.state(OUTBOX_SCOPE).get("own")
        if own is None:
            own = {"suffix": new_suffix(), "secret": secrets.token_hex(16)}
            with self._transaction() as db:
                _put(db, OUTBOX_SCOPE, "own", own)
        self.suffix, self.secret = str(own["suffix"]), str(own["secret"])
        self._heard = set(self.state(HEARD))
        self._counts = DeviceCounts(self._db, self.suffix)

    def _read_counts(self) -> None:
        db = self._db
        (newest,) = db.execute("SELECT max(id) FROM message").fetchone()
        self._next_id = self._first_id = (newest or 0) + 1
        for kind, count in db.execute("SELECT kind, count(*) FROM message GROUP BY kind"):
            self.waiting[kind] = count
        query = "SELECT count(*) FROM message WHERE refused IS NOT NULL"
        (self.waiting["refused"],) = db.execute(query).fetchone()

    def problem(self) -> str | None:
        """Problem of the file, in words, when it is not the one that was opened. Any thread."""
        return self._files.problem()

    def device_id(self, press: str, device: str) -> str:
        """The id of a device on the wire, or what it will be."""
        return self._counts.device_id(press, device)

    def hears(self, press: str) -> bool:
        """True if the agent of a press has said what it has, once at least."""
        return press in self._heard

    def commit(self, steps: Sequence[Step], now: datetime) -> int:
        """Number the drafts of steps, and keep all or nothing; returns how many messages there are.

        Only after this may a source let the machine forget.

        Raises:
            StoreError: the disk cannot be written, there is no room (``full``), or there is a
                ``problem`` before or after it is written.
        """
        drafts = [draft for step in steps for draft in step.drafts]
        if self.full and drafts:
            raise StoreError(
                f"{self.path}: the outbox is full of what may not be given up",
                hint="bring agent and broker back, or raise outbox.limit_mb",
            )
        self._files.check()
        at, next_id = format_timestamp(now), self._next_id
        counts: dict[Key, Count] = {}
        rows = []
        for id, draft in enumerate(drafts, next_id):
            count = self._counts.copy(draft, counts)
            rows.append(self._row(id, at, draft, count.device_id, count.number(draft.ts)))
        states = {(STATION, name): value for step in steps for name, value in step.states.items()}
        states |= {
            (SOURCE, name): value for step in steps for name, value in step.positions.items()
        }
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO message (id, created_at, press, device_id, seq, kind, ts,"
                " historical, payload) VALUES (?,?,?,?,?,?,?,?,?)",
                rows,
            )
            _keep_counts(db, counts)
            for (scope, key), value in states.items():
                _put(db, scope, key, dict(value))
            _keep_trace(db, [line for step in steps for line in step.trace])
        self._files.check()
        self._next_id = next_id + len(rows)
        self._counts.keep(counts)
        for draft in drafts:
            self.waiting[draft.kind] += 1
        return len(rows)

    def _row(self, id: int, at: str, draft: Draft, device_id: str, seq: int) -> tuple[Any, ...]:
        payload = payload_of(draft.document, device_id, seq, self._format)
        ts, press = format_timestamp(draft.ts), str(draft.press)
        packed = pack_payload(payload)
        return id, at, press, device_id, seq, draft.kind, ts, draft.historical, packed

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

    def pending(self, press: str, limit: int, after: int = 0) -> list[Entry]:
        """The oldest messages of a press, with an id above ``after``, that are to be sent."""
        with self._reading() as db:
            rows: list[Any] = db.execute(
                "SELECT id, press, device_id, seq, kind, created_at, historical, payload"
                " FROM message WHERE id > ? AND press = ? AND refused IS NULL ORDER BY id LIMIT ?",
                (after, press, limit),
            ).fetchall()
        return [
            Entry(
                *(id, of, device_id, seq, kind),
                created_at=parse_timestamp(at),
                historical=bool(historical),
                payload=unpack_payload(payload),
            )
            for id, of, device_id, seq, kind, at, historical, payload in rows
        ]

    def presses(self) -> list[str]:
        """Presses that messages wait for."""
        with self._reading() as db:
            return [press for (press,) in db.execute("SELECT DISTINCT press FROM message")]

    def oldest(self, press: str) -> int | None:
        """Id of the oldest message of a press that is to be sent or to be confirmed."""
        query = "SELECT id FROM message WHERE press = ? AND refused IS NULL ORDER BY id LIMIT 1"
        with self._reading() as db:
            row = db.execute(query, (press,)).fetchone()
        return None if row is None else int(row[0])

    def taken(self, press: str, ids: Iterable[int], now: datetime) -> None:
        """Note that the broker took messages; not where the agent says what it has itself."""
        if press in self._heard:
            return
        at = format_timestamp(now)
        with self._transaction() as db:
            db.executemany(
                "UPDATE message SET taken_at = ? WHERE id = ? AND taken_at IS NULL",
                [(at, id) for id in ids],
            )

    def confirm(self, press: str, received: Received) -> int:
        """Forget what the agent has committed; returns how many messages that were."""
        ranges: list[tuple[str, str, int, int]] = []
        beyond: list[tuple[Key, Count]] = []
        for device_id, of in received.devices.items():
            if not self._counts.is_own(press, device_id):
                continue
            running = self._counts.of_id(press, device_id)
            if running is not None:
                _, count = running
                if count.earliest is None or of.ts < count.earliest:
                    continue  # it is about no message of this count
                if of.seq >= count.next_seq:
                    beyond.append(running)
            ranges += [(press, device_id, *one) for one in confirmed_ranges(of)]
        news = press not in self._heard
        if not (ranges or beyond or news):
            return 0
        gone = 0
        with self._transaction() as db:
            if news:
                _put(db, HEARD, press, {})
            for key, count in beyond:
                self._count_anew(db, key, count)
            for one in ranges:
                gone += self._delete(db, "press = ? AND device_id = ? AND seq BETWEEN ? AND ?", one)
        self._heard.add(press)
        return gone

    def _count_anew(self, db: sqlite3.Connection, key: Key, before: Count) -> None:
        """Begin another count: the agent has numbers that this file has not given yet.

        So it is an older copy. What was numbered since it was opened gets new numbers; the agent
        has others under the old ones.
        """
        count, (press, _) = self._counts.anew(key), key
        query = "SELECT id, ts, payload FROM message WHERE press = ? AND device_id = ? AND id >= ?"
        found = db.execute(f"{query} ORDER BY id", (press, before.device_id, self._first_id))
        for id, ts, payload in found.fetchall():
            seq = count.number(parse_timestamp(ts))
            document = document_of(unpack_payload(payload), self._format)
            new = pack_payload(payload_of(document, count.device_id, seq, self._format))
            db.execute(
                "UPDATE message SET device_id = ?, seq = ?, payload = ? WHERE id = ?",
                (count.device_id, seq, new, id),
            )
        _keep_counts(db, {key: count})
        self._counts.keep({key: count})
        get_logger().error(
            "outbox_is_older",
            path=str(self.path),
            press=press.partition("/")[2],
            detail=f"{before.device_id} goes on as {count.device_id}",
            reason="the agent has numbers that this file has not given: an older copy was put back",
        )

    def refuse(self, entry: Entry, reason: str, *, may_try_again: bool) -> None:
        """Set a message aside that the broker does not take; it is in no one's way any more."""
        with self._transaction() as db:
            db.execute(
                "UPDATE message SET refused = ?, may_try_again = ? WHERE id = ?",
                (reason[:500], may_try_again, entry.id),
            )
        self.waiting["refused"] += 1

    def try_again(self, press: str) -> int:
        """Let what the broker's rules forbade be sent again: they may have been changed."""
        if not self.waiting["refused"]:
            return 0
        with self._transaction() as db:
            count = db.execute(
                "UPDATE message SET refused = NULL, may_try_again = 0"
                " WHERE press = ? AND refused IS NOT NULL AND may_try_again",
                (press,),
            ).rowcount
        self.waiting["refused"] -= count
        return count

    def refused(self, limit: int) -> list[Refused]:
        """The newest messages that the broker does not take, with the reasons."""
        with self._reading() as db:
            rows: list[Any] = db.execute(
                "SELECT press, device_id, seq, kind, ts, refused FROM message"
                " WHERE refused IS NOT NULL ORDER BY id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [Refused(*row) for row in rows]

    def expire(self, unconfirmed_h: float, now: datetime) -> int:
        """Forget what the broker took so long ago, where the agent never says what it has."""
        before = format_timestamp(now - timedelta(hours=unconfirmed_h))
        silent = "press NOT IN (SELECT key FROM state WHERE scope = ?)"
        with self._transaction() as db:
            gone = self._delete(db, f"taken_at < ? AND {silent}", (before, HEARD))
            refused = "refused IS NOT NULL AND NOT may_try_again AND created_at < ?"
            gone += self._delete(db, refused, (before,))
            if gone:
                _count(db, "expired", gone, now)
        return gone

    def drop_readings(self, now: datetime) -> int:
        """Give up the oldest readings, for want of room; events of shots never go."""
        query = "SELECT id FROM message WHERE kind = 'telemetry' ORDER BY id LIMIT 1 OFFSET ?"
        with self._transaction() as db:
            last = db.execute(query, (DROP_AT_ONCE,)).fetchone()
            which = "kind = 'telemetry'" + (f" AND id < {int(last[0])}" if last else "")
            gone = self._delete(db, which, ())
            if gone:
                _count(db, "dropped", gone, now)
        return gone

    def counted(self, what: str) -> int:
        """Messages that were ``dropped`` or ``expired`` since the outbox was made."""
        return int(self.state(OUTBOX_SCOPE).get(what, {}).get("count", 0))

    def oldest_at(self) -> datetime | None:
        """When the oldest message came; None where nothing waits."""
        with self._reading() as db:
            row = db.execute("SELECT created_at FROM message ORDER BY id LIMIT 1").fetchone()
        return None if row is None else parse_timestamp(row[0])

    def used_bytes(self) -> int:
        """Size of what is in the file; freed pages are used again before it grows."""
        with self._reading() as db:
            pages, free, size = (
                db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def restore(self, rows: dict[str, list[tuple[object, ...]]]) -> dict[str, int]:
        """Take rows saved from a damaged outbox, in one transaction; returns how many by table.

        Messages keep their numbers: the agent tells repeats by them. The counts begin anew under
        other device ids.
        """
        saved = dict.fromkeys(rows, 0)
        own = (OUTBOX_SCOPE, "own")
        with self._transaction() as db:
            for table in ("message", "state"):
                marks = ",".join("?" * len(OUTBOX_TABLES[table]))
                for row in rows.get(table, []):
                    if table == "state" and row[:2] == own:
                        continue
                    try:
                        db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
                    except sqlite3.IntegrityError:
                        continue
                    saved[table] += 1
        self._read_counts()
        self._heard = set(self.state(HEARD))
        self._counts = DeviceCounts(self._db, self.suffix)
        return saved

    def close(self) -> None:
        """Close the file, and let others have it."""
        self._opened.close()
        self._file.close()

    def _delete(self, db: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> int:
        """Delete messages and keep the numbers of those that wait right."""
        gone = 0
        query = f"DELETE FROM message WHERE {where} RETURNING kind, refused IS NOT NULL"
        for kind, refused in db.execute(query, values).fetchall():
            self.waiting[kind] -= 1
            self.waiting["refused"] -= refused
            gone += 1
        return gone

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        counted = dict(self.waiting)
        try:
            with transaction(self._db, SCHEMA_VERSION, f"{self.path}: the outbox") as db:
                yield db
        except BaseException:
            self.waiting = counted
            raise

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        return reading(self._db, f"{self.path}: the outbox")


def _keep_trace(db: sqlite3.Connection, lines: list[tuple[str, Mapping[str, Any]]]) -> None:
    if lines:
        texts = [(station, json.dumps(document)) for station, document in lines]
        db.executemany("INSERT INTO trace (station, document) VALUES (?,?)", texts)
        db.execute("DELETE FROM trace WHERE id <= (SELECT max(id) FROM trace) - ?", (TRACE_LINES,))


def _put(db: sqlite3.Connection, scope: str, key: str, value: dict[str, Any]) -> None:
    db.execute(
        "INSERT INTO state (scope, key, value) VALUES (?,?,?)"
        " ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
        (scope, key, pack_state(value)),
    )


def _count(db: sqlite3.Connection, what: str, count: int, now: datetime) -> None:
    """Add to a figure that survives restarts."""
    query = "SELECT value FROM state WHERE scope = ? AND key = ?"
    row = db.execute(query, (OUTBOX_SCOPE, what)).fetchone()
    before = unpack_state(row[0]) if row is not None else {}
    at = format_timestamp(now)
    figures = {
        "count": before.get("count", 0) + count,
        "first_at": before.get("first_at", at),
        "last_at": at,
    }
    _put(db, OUTBOX_SCOPE, what, figures)


def _keep_counts(db: sqlite3.Connection, counts: dict[Key, Count]) -> None:
    db.executemany(
        "INSERT INTO device VALUES (?,?,?,?,?) ON CONFLICT (press, device) DO UPDATE SET"
        " device_id = excluded.device_id, next_seq = excluded.next_seq,"
        " earliest_ts = excluded.earliest_ts",
        rows_of(counts),
    )
