"""The web application in this process: requests through ASGI, or a real server in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import httpx

from edge_agent.clock import SystemClock
from edge_agent.config.settings import Settings
from edge_agent.web.access.control import Access, options_of
from edge_agent.web.access.csrf import form_token
from edge_agent.web.access.roles import Role
from edge_agent.web.app import create_app
from edge_agent.web.parts import Web
from edge_agent.web.server import serve
from tests.support.web_access import ORIGIN, PASSWORD


@asynccontextmanager
async def pages(
    settings: Settings, user: str | None = "anna"
) -> AsyncIterator[tuple[httpx.AsyncClient, Web]]:
    """A client of the application, and its parts.

    Args:
        settings: of the server.
        user: an operator who is logged in; None: nobody is.
    """
    app = create_app(settings, SystemClock())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            web = app.state.web
            if user is not None:
                web.access.users.add(user, PASSWORD, Role.OPERATOR, "test")
                session = web.access.sessions.start(user, "")
                client.cookies.set("session", session)
                client.headers["X-CSRF-Token"] = form_token(web.access.key, session)
                client.headers["Origin"] = ORIGIN
            yield client, web


def session_of(settings: Settings, name: str, role: Role = Role.OPERATOR) -> str:
    """The cookie of somebody who is logged in at the server of these settings."""
    with closing(Access(options_of(settings.web), SystemClock().now)) as access:
        if name not in {user.name for user in access.users.all()}:
            access.users.add(name, PASSWORD, role, "test")
        return access.sessions.start(name, "")


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """A server on a free port: its address."""
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, SystemClock(), stop, address.set_result))
    done, _ = await asyncio.wait({task, address}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if task in done:
            task.result()
        yield address.result().rstrip("/")
    finally:
        stop.set()
        await task
