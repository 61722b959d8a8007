"""Requests of people: who asks, and which mold they mean."""

from __future__ import annotations

from fastapi import Request

from broker.ids import is_identifier
from edge_agent.web.live.state import MoldKey


def who(request: Request) -> str | None:
    """Name of who is logged in; None for somebody of whom nothing is known."""
    principal = getattr(request.state, "principal", None)
    kind, name = getattr(principal, "kind", ""), getattr(principal, "name", "")
    return None if kind in {"", "anonymous"} or not name else str(name)


def mold_of(text: str) -> MoldKey | None:
    """The mold of ``site/press/mold_id``; None for any other text."""
    parts = text.split("/")
    if len(parts) != 3 or not all(map(is_identifier, parts)):
        return None
    return MoldKey(*parts)
