"""Local users: names, roles, passwords."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.ids import identifier_fault, is_identifier
from broker.timestamps import format_timestamp
from edge_agent.web.access.audit import AuditLog
from edge_agent.web.access.database import AccessDatabase
from edge_agent.web.access.passwords import hash_password, is_password
from edge_agent.web.access.roles import Role, role_named
from twin_core.errors import InputError


@dataclass(frozen=True)
class User:
    """A user as the commands list it."""

    name: str
    role: Role
    created_at: str


class Users:
    """The users in a database; every change is in the audit log with it, or is not done."""

    def __init__(
        self, database: AccessDatabase, audit: AuditLog, now: Callable[[], datetime]
    ) -> None:
        self._database, self._audit, self._now = database, audit, now

    def all(self) -> list[User]:
        """Users by name."""
        rows = self._database.rows("SELECT name, role, created_at FROM user ORDER BY name")
        return [User(name, role_named(role), created_at) for name, role, created_at in rows]

    def add(self, name: str, password: str, role: Role | None, by: str) -> Role:
        """Add a user; returns the role.

        Args:
            name: of the user, an identifier.
            password: in clear.
            role: None makes the first user an admin, the others viewers.
            by: who adds.

        Raises:
            InputError: the name is taken or none, or the password is none.
            StoreError: the file cannot be written.
        """
        if not is_identifier(name):
            raise InputError(f"user: {identifier_fault(name)}")
        kept = hash_password(password, name)
        with self._database.transaction() as db:
            if db.execute("SELECT 1 FROM user WHERE name = ?", (name,)).fetchone():
                raise InputError(f"user {name}: is there already; `web user password` changes it")
            first = db.execute("SELECT 1 FROM user LIMIT 1").fetchone() is None
            given = role or (Role.ADMIN if first else Role.VIEWER)
            db.execute(
                "INSERT INTO user VALUES (?, ?, ?, ?)",
                (name, str(given), kept, format_timestamp(self._now())),
            )
            self._audit.add(db, by, "user_added", "done", user=name, role=str(given))
        return given

    def remove(self, name: str, by: str) -> None:
        """Remove a user and end all that the user has open.

        Raises:
            InputError: there is no such user.
            StoreError: the file cannot be written.
        """
        with self._database.transaction() as db:
            if not db.execute("DELETE FROM user WHERE name = ?", (name,)).rowcount:
                raise _unknown(name)
            self._audit.add(db, by, "user_removed", "done", user=name)

    def set_password(self, name: str, password: str, by: str) -> None:
        """Give a user another password and end all that the user has open.

        Raises:
            InputError: there is no such user, or the password is none.
            StoreError: the file cannot be written.
        """
        kept = hash_password(password, name)
        with self._database.transaction() as db:
            if not db.execute("UPDATE user SET password = ? WHERE name = ?", (kept, name)).rowcount:
                raise _unknown(name)
            db.execute("DELETE FROM session WHERE name = ?", (name,))
            self._audit.add(db, by, "password_changed", "done", user=name)

    def has_password(self, name: str, password: str) -> bool:
        """True if there is such a user with this password; takes as long if there is not."""
        rows = self._database.rows("SELECT password FROM user WHERE name = ?", (name,))
        return is_password(password, rows[0][0] if rows else None)


def _unknown(name: str) -> InputError:
    return InputError(f"user {name[:80]}: there is none of this name; `web user list` has them")
