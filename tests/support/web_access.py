"""Access control for tests: a clock that is set, and an app that answers every rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from edge_agent.web.access.control import Access, AccessOptions
from edge_agent.web.access.gate import Gate
from edge_agent.web.access.roles import Role
from edge_agent.web.access.who_may import RULES

PASSWORD = "four plain words together"
ORIGIN = "http://127.0.0.1:8080"


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


@contextmanager
def access_in(folder: Path, clock: SetClock | None = None, **options: Any) -> Iterator[Access]:
    """Access control with a database in a folder."""
    access = Access(AccessOptions(folder / "web.db", **options), (clock or SetClock()).now)
    try:
        yield access
    finally:
        access.close()


async def answer(request: Request) -> JSONResponse:
    """An answer that tells who asks."""
    principal = request.state.principal
    return JSONResponse({"who": principal and principal.name, "csrf": request.state.csrf_token})


def gated(access: Access) -> Gate:
    """An app with every route of the table behind the gate."""
    routes = [Route(rule.path, answer, methods=[rule.method]) for rule in RULES]
    return Gate(Starlette(routes=routes), access)


def client_of(app: Any, address: str = "127.0.0.1", origin: str = ORIGIN) -> httpx.AsyncClient:
    """A client of an app, without a network."""
    transport = httpx.ASGITransport(app, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url=origin)


def token_of(access: Access, role: Role, name: str = "machine", **more: Any) -> str:
    """A token of a machine for an hour."""
    scopes = more.get("scopes", ("read", "simulate", "quality", "alerts", "advice", "admin"))
    return access.tokens.add(name, role, scopes, timedelta(hours=1), "test")


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}
