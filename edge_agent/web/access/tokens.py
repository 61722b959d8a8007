"""Tokens of machines and kiosks: shown once, kept as SHA-256, limited in scope and time.

``pmt_ID_SECRET``: the id finds the row, the secret is compared in constant time.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from broker.ids import identifier_fault, is_identifier
from broker.timestamps import format_timestamp, parse_timestamp
from edge_agent.web.access.audit import AuditLog
from edge_agent.web.access.database import AccessDatabase
from edge_agent.web.access.roles import SCOPES, Principal, Role, Scope, role_named
from twin_core.errors import InputError

PREFIX = "pmt"
_FORM = re.compile(r"pmt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
PAIRING_FOR = timedelta(hours=24)
"""How long the code of a kiosk may be typed in."""
TokenKind = Literal["machine", "pairing", "kiosk"]
"""``pairing``: a kiosk whose device has not come yet; its code is good for that once."""


@dataclass(frozen=True)
class Token:
    """A token as the commands list it."""

    name: str
    kind: TokenKind
    role: Role
    scopes: tuple[Scope, ...]
    created_at: str
    created_by: str
    expires_at: str | None


class Tokens:
    """The tokens in a database; every change is in the audit log with it, or is not done."""

    def __init__(
        self, database: AccessDatabase, audit: AuditLog, now: Callable[[], datetime]
    ) -> None:
        self._database, self._audit, self._now = database, audit, now

    def all(self) -> list[Token]:
        """Tokens by name."""
        rows = self._database.rows(
            "SELECT name, kind, role, scopes, created_at, created_by, expires_at FROM token"
            " ORDER BY name"
        )
        return [
            Token(name, kind, role_named(role), _scopes(scopes), *times)
            for name, kind, role, scopes, *times in rows
        ]

    def add(self, name: str, role: Role, scopes: Iterable[Scope], lasts: timedelta, by: str) -> str:
        """Make a token of a machine; returns it: it is kept nowhere.

        Args:
            name: what the audit log calls it, an identifier.
            role: what it may do at most.
            scopes: areas that it is limited to.
            lasts: for so long.
            by: who makes it.

        Raises:
            InputError: the name is taken or none, or a scope is unknown.
            StoreError: the file cannot be written.
        """
        return self._add(name, "machine", role, scopes, lasts, by)

    def add_kiosk(self, name: str, by: str) -> str:
        """Announce a kiosk; returns the code that its device is paired with, once.

        Args:
            name: of the device, an identifier.
            by: who announces it.

        Raises:
            InputError: the name is taken or none.
            StoreError: the file cannot be written.
        """
        return self._add(name, "pairing", Role.VIEWER, ("read",), PAIRING_FOR, by)

    def pair(self, code: str, address: str) -> tuple[str, str] | None:
        """Pair the device that shows the code of a kiosk; the code is used up.

        Args:
            code: as it was typed in.
            address: of the device.

        Returns:
            The name of the kiosk and its token, without an end; None for a wrong code.
        """
        row = self._row(code.strip())
        if row is None or row["kind"] != "pairing":
            return None
        token, token_id, digest = _new()
        with self._database.transaction() as db:
            changed = db.execute(
                "UPDATE token SET id = ?, digest = ?, kind = 'kiosk', expires_at = NULL"
                " WHERE id = ? AND kind = 'pairing'",
                (token_id, digest, row["id"]),
            ).rowcount
            if not changed:
                return None
            self._audit.add(
                db, f"kiosk:{row['name']}", "kiosk_paired", "done", address, token=row["name"]
            )
        return row["name"], token

    def revoke(self, name: str, by: str) -> None:
        """Make a token worthless.

        Raises:
            InputError: there is none of this name.
            StoreError: the file cannot be written.
        """
        with self._database.transaction() as db:
            if not db.execute("DELETE FROM token WHERE name = ?", (name,)).rowcount:
                raise InputError(
                    f"token {name[:80]}: there is none of this name; `web token list` has them"
                )
            self._audit.add(db, by, "token_revoked", "done", token=name)

    def principal(self, token: str, kind: TokenKind) -> Principal | None:
        """Who shows a token; None when it is not, or no longer, one of this kind."""
        row = self._row(token)
        if row is None or row["kind"] != kind:
            return None
        words = "token" if kind == "machine" else "kiosk"
        return Principal(
            f"{words}:{row['name']}",
            role_named(row["role"]),
            frozenset(_scopes(row["scopes"])),
            "token" if kind == "machine" else "kiosk",
            row["id"],
        )

    def holds(self, token_id: str) -> bool:
        """True while a token that was shown is neither revoked nor at its end."""
        rows = self._database.rows("SELECT expires_at FROM token WHERE id = ?", (token_id,))
        return bool(rows) and not self._is_over(rows[0][0])

    def _row(self, token: str) -> dict[str, Any] | None:
        form = _FORM.fullmatch(token)
        if form is None:
            return None
        names = ("id", "digest", "name", "kind", "role", "scopes", "expires_at")
        rows = self._database.rows(f"SELECT {', '.join(names)} FROM token WHERE id = ?", (form[1],))
        row = dict(zip(names, rows[0], strict=True)) if rows else None
        kept = row["digest"] if row is not None else _digest("")
        if not hmac.compare_digest(kept, _digest(form[2])):
            return None
        return None if row is None or self._is_over(row["expires_at"]) else row

    def _is_over(self, expires_at: str | None) -> bool:
        return expires_at is not None and parse_timestamp(expires_at) <= self._now()

    def _add(
        self,
        name: str,
        kind: TokenKind,
        role: Role,
        scopes: Iterable[Scope],
        lasts: timedelta,
        by: str,
    ) -> str:
        if not is_identifier(name):
            raise InputError(f"token: {identifier_fault(name)}")
        chosen = sorted(set(scopes))
        if not chosen or not set(chosen) <= set(SCOPES):
            raise InputError(f"token {name}: scope: one or more of {', '.join(SCOPES)}")
        token, token_id, digest = _new()
        now = self._now()
        expires_at = format_timestamp(now + lasts)
        with self._database.transaction() as db:
            if db.execute("SELECT 1 FROM token WHERE name = ?", (name,)).fetchone():
                raise InputError(f"token {name}: is there already; `web token revoke` ends it")
            db.execute(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(token_id, digest, name, kind, str(role), " ".join(chosen)),
                    *(format_timestamp(now), by, expires_at),
                ),
            )
            self._audit.add(
                db, by, "token_added", "done",
                token=name, kind=kind, role=str(role), scopes=chosen, expires_at=expires_at,
            )  # fmt: skip
        return token


def _new() -> tuple[str, str, str]:
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return f"{PREFIX}_{token_id}_{secret}", token_id, _digest(secret)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _scopes(text: str) -> tuple[Scope, ...]:
    return tuple(scope for scope in SCOPES if scope in text.split())
