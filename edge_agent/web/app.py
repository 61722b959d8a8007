"""The web application: routers put together, and what lives as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.web.live.feed import Feed
from edge_agent.web.live.listener import Listener
from edge_agent.web.live.state import LiveState
from edge_agent.web.live.watch import watch
from edge_agent.web.pages import alerts, events, mold, operator, results, what_if
from edge_agent.web.pages.fragments import Fragments
from edge_agent.web.pages.rendering import Renderer
from edge_agent.web.pages.whole_shot import WholeShots
from edge_agent.web.parts import Web
from edge_agent.web.security_headers import SecurityHeaders
from edge_agent.web.to_twin import ToTwin
from edge_agent.web.what_if.worker import Worker

STATIC = Path(__file__).parent / "pages" / "static"


def create_app(settings: Settings, clock: Clock) -> FastAPI:
    """The application; nothing is connected before it starts.

    Args:
        clock: the twin's clock, in whose time the pages count.
    """
    feed = Feed()
    live = LiveState(feed, clock)
    listener, renderer = Listener(settings, live), Renderer(settings, clock)
    worker, to_twin = Worker(settings), ToTwin(settings, listener)
    whole = WholeShots()
    web = Web(settings, clock, feed, live, listener, renderer, Fragments(), worker, to_twin, whole)
    renderer.add(open_alerts=lambda: alerts.open_alerts(live), meaning=alerts.meaning)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        living = [
            asyncio.create_task(web.listener.run()),
            asyncio.create_task(watch(settings, live)),
        ]
        try:
            yield
        finally:
            feed.close()
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
            await whole.stop()
            await worker.stop()

    app = FastAPI(
        title="PUR-MOLD-TWIN",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.web = web
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    live_pages = operator.router, mold.router, events.router
    for router in (*live_pages, results.router, what_if.router, alerts.router):
        app.include_router(router)
    return app
