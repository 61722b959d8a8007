"""The web application in this process: requests through ASGI, or a real server in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from edge_agent.clock import SystemClock
from edge_agent.config.settings import Settings
from edge_agent.web.app import create_app
from edge_agent.web.parts import Web
from edge_agent.web.server import serve


@asynccontextmanager
async def pages(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, Web]]:
    """A client of the application, and its parts."""
    app = create_app(settings, SystemClock())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client, app.state.web


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
