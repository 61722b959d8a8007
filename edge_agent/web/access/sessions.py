"""Sessions of people who are logged in: a random cookie, kept as SHA-256, that ends by itself."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from broker.timestamps import format_timestamp, parse_timestamp
from edge_agent.web.access.audit import AuditLog
from edge_agent.web.access.database import AccessDatabase
from edge_agent.web.access.roles import SCOPES, Principal, role_named

LONGEST = timedelta(days=30)
"""Nobody stays logged in longer, however busy."""
SEEN_EVERY = timedelta(minutes=1)
"""The time of the last request is noted no more often: it is a write to the disk."""


class Sessions:
    """The sessions in a database."""

    def __init__(
        self,
        database: AccessDatabase,
        audit: AuditLog,
        now: Callable[[], datetime],
        idle: timedelta,
    ) -> None:
        """Look at nothing yet.

        Args:
            database: where they are.
            audit: the log, which every login and logout is in.
            now: the clock.
            idle: a session without a request for so long has ended.
        """
        self._database, self._audit, self._now, self._idle = database, audit, now, idle

    def start(self, name: str, address: str) -> str:
        """Start a session; returns the value of its cookie: always a new one.

        Raises:
            StoreError: the file cannot be written.
        """
        secret = secrets.token_urlsafe(32)
        now = self._now()
        with self._database.transaction() as db:
            db.execute(
                "DELETE FROM session WHERE seen_at < ? OR started_at < ?",
                (format_timestamp(now - self._idle), format_timestamp(now - LONGEST)),
            )
            text = format_timestamp(now)
            db.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?)", (_digest(secret), name, text, text)
            )
            self._audit.add(db, name, "login", "done", address)
        return secret

    def end(self, secret: str, address: str) -> None:
        """End a session for good; nothing happens if it has ended.

        Raises:
            StoreError: the file cannot be written.
        """
        with self._database.transaction() as db:
            row = db.execute(
                "DELETE FROM session WHERE digest = ? RETURNING name", (_digest(secret),)
            ).fetchone()
            if row is not None:
                self._audit.add(db, row[0], "logout", "done", address)

    def principal(self, secret: str) -> Principal | None:
        """Who shows this cookie; None when the session has ended or never was."""
        return self._principal(_digest(secret))

    def holds(self, digest: str) -> bool:
        """True while a session has not ended."""
        return self._principal(digest) is not None

    def seen(self, digest: str) -> None:
        """Note that a session is in use.

        Raises:
            StoreError: the file cannot be written.
        """
        now = self._now()
        before = format_timestamp(now - SEEN_EVERY)
        if self._database.rows(
            "SELECT 1 FROM session WHERE digest = ? AND seen_at < ?", (digest, before)
        ):
            with self._database.transaction() as db:
                db.execute(
                    "UPDATE session SET seen_at = ? WHERE digest = ?",
                    (format_timestamp(now), digest),
                )

    def _principal(self, digest: str) -> Principal | None:
        rows = self._database.rows(
            "SELECT name, role, started_at, seen_at FROM session JOIN user USING (name)"
            " WHERE digest = ?",
            (digest,),
        )
        if not rows:
            return None
        name, role, started_at, seen_at = rows[0]
        now = self._now()
        if (
            now >= parse_timestamp(seen_at) + self._idle
            or now >= parse_timestamp(started_at) + LONGEST
        ):
            return None
        return Principal(name, role_named(role), frozenset(SCOPES), "user", digest)


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()
