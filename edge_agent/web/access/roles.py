"""Roles, scopes, and who makes a request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, get_args

Scope = Literal["read", "simulate", "quality", "alerts", "advice", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Areas that a token may be limited to; a person who is logged in has all that the role has."""
Kind = Literal["user", "token", "kiosk", "anonymous"]


class Role(IntEnum):
    """Role of a person or a machine; each may do all that the ones before it may."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3
    ADMIN = 4

    def __str__(self) -> str:
        return self.name.lower()


ROLE_NAMES = tuple(str(role) for role in Role)


def role_named(name: str) -> Role:
    """The role of a name; KeyError for another."""
    return Role[name.upper()]


@dataclass(frozen=True)
class Principal:
    """Who makes a request, and how that is known."""

    name: str
    """Of the user; of a token or a kiosk ``token:NAME``, ``kiosk:NAME``; empty for nobody."""
    role: Role
    scopes: frozenset[Scope]
    kind: Kind
    key: str = ""
    """Identity of the session or token, to look whether it still holds; no secret."""

    @property
    def by_cookie(self) -> bool:
        """True if a browser sends the proof by itself: requests of other pages carry it, too."""
        return self.kind in {"user", "kiosk"}


ANONYMOUS = Principal("", Role.VIEWER, frozenset(SCOPES), "anonymous")
"""Who reads on this machine without a login."""
