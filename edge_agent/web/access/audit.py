"""The audit log: every login, refusal, command and change, each entry chained to the one before.

The HMAC of an entry covers its content and the HMAC of the entry before it, under a key that is not
in the database. Who changes, cuts out, adds or reorders entries breaks the chain; who cuts off the
end leaves a head that says so; who puts back an older copy of the file has only the head that was
published on MQTT against him.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from broker.timestamps import format_timestamp
from edge_agent.web.access.database import AccessDatabase
from edge_agent.web.access.secret_key import SecretKey

FIRST = "0" * 64
"""In place of an entry before the first one."""
_ENTRY, _HEAD = "audit-entry", "audit-head"
DETAIL_CHARACTERS = 2000


class Entry(NamedTuple):
    """An entry of the log."""

    seq: int
    ts: str
    who: str
    action: str
    outcome: str
    address: str
    detail: str
    mac: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data; ``detail`` is an object."""
        return {**self._asdict(), "detail": json.loads(self.detail)}


_COLUMNS = ", ".join(Entry._fields)


@dataclass(frozen=True)
class Head:
    """The newest entry: its number and its HMAC."""

    seq: int
    mac: str


@dataclass(frozen=True)
class Verdict:
    """Result of looking through the log."""

    entries_count: int
    head: Head
    problems: list[str]
    """Empty when the chain is whole."""


class AuditLog:
    """The log in a database."""

    def __init__(
        self, database: AccessDatabase, key: SecretKey, now: Callable[[], datetime]
    ) -> None:
        self._database, self._key, self._now = database, key, now

    def write(self, who: str, action: str, outcome: str, address: str = "", **detail: Any) -> Head:
        """Write an entry in a transaction of its own.

        Args:
            who: name of the person or machine; empty when nobody knows.
            action: ``login``, ``logout``, ``request``, ``user_added``, ``token_revoked`` …
            outcome: ``done`` or ``refused``.
            address: where it came from; empty for a command on this machine.
            detail: more, without any secret.

        Raises:
            StoreError: the file cannot be written; then what was to be done is not done.
        """
        with self._database.transaction() as db:
            return self.add(db, who, action, outcome, address, **detail)

    def add(
        self,
        db: sqlite3.Connection,
        who: str,
        action: str,
        outcome: str,
        address: str = "",
        **detail: Any,
    ) -> Head:
        """Write an entry within the transaction of what it tells of; arguments as ``write``."""
        head = _head(db) or Head(0, FIRST)
        text = json.dumps(detail, sort_keys=True)
        if len(text) > DETAIL_CHARACTERS:
            text = json.dumps({"cut": text[:DETAIL_CHARACTERS]})
        who, action, outcome, address = map(_plain, (who, action, outcome, address))
        ts = format_timestamp(self._now())
        fields = (head.seq + 1, ts, who, action, outcome, address, text)
        mac = self._key.mac(_ENTRY, _message(head.mac, fields))
        db.execute(
            f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*fields, mac)
        )
        new = Head(head.seq + 1, mac)
        db.execute(
            "INSERT INTO audit_head VALUES (1, ?1, ?2)"
            " ON CONFLICT DO UPDATE SET seq = ?1, mac = ?2",
            (new.seq, new.mac),
        )
        return new

    def head(self) -> Head:
        """The newest entry; number 0 where there is none."""
        rows = self._database.rows("SELECT seq, mac FROM audit_head")
        return Head(*rows[0]) if rows else Head(0, FIRST)

    def newest(self, limit: int, before: int | None = None) -> list[Entry]:
        """Entries, newest first.

        Args:
            limit: so many at most.
            before: only those with a smaller number.
        """
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?",
            (2**62 if before is None else before, limit),
        )
        return [Entry(*row) for row in rows]

    def verify(self, witness: Head | None = None) -> Verdict:
        """Look through the whole chain.

        Args:
            witness: a head that was published earlier, which must be part of the chain.
        """
        with self._database.snapshot() as db:
            return self._verdict(db, witness)

    def _verdict(self, db: sqlite3.Connection, witness: Head | None) -> Verdict:
        problems, seq, mac = [], 0, FIRST
        for entry in map(Entry._make, db.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY seq")):
            if entry.seq != seq + 1:
                problems.append(f"entries {seq + 1} to {entry.seq - 1} are missing: cut out")
            elif not self._key.is_mac(_ENTRY, _message(mac, entry[:-1]), entry.mac):
                problems.append(
                    f"entry {entry.seq} does not follow from entry {seq}: changed, exchanged, or "
                    "written with another key"
                )
            if witness is not None and witness.seq == entry.seq and witness.mac != entry.mac:
                problems.append(f"entry {entry.seq} is not the one whose head was published")
            seq, mac = entry.seq, entry.mac
        head = _head(db) or Head(0, FIRST)
        if head.seq > seq:
            problems.append(f"entries {seq + 1} to {head.seq} are missing: the end was cut off")
        elif head != Head(seq, mac):
            problems.append(f"the head of the log is not entry {seq}: exchanged or removed")
        if witness is not None and witness.seq > seq:
            problems.append(
                f"a head with {witness.seq} entries was published, the log has {seq}: its end was "
                "cut off, or an older copy of the file was put back"
            )
        return Verdict(seq, Head(seq, mac), problems)


def _head(db: sqlite3.Connection) -> Head | None:
    row = db.execute("SELECT seq, mac FROM audit_head").fetchone()
    return None if row is None else Head(*row)


def _message(before: str, fields: tuple[Any, ...]) -> str:
    return json.dumps([before, *fields], ensure_ascii=False, separators=(",", ":"))


def _plain(text: str) -> str:
    """Short text without anything that does not print: it comes from the network."""
    return "".join(c if c.isprintable() else "?" for c in text[:200])
