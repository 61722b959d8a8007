"""The web application: routers put together, and what lives as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles

from edge_agent import __version__
from edge_agent.clock import Clock, SystemClock
from edge_agent.config.settings import Settings
from edge_agent.web.access.audit_head import publish_heads
from edge_agent.web.access.control import Access, options_of
from edge_agent.web.access.gate import Gate
from edge_agent.web.api import routes as api
from edge_agent.web.history import WebHistory
from edge_agent.web.jobs.runner import Jobs
from edge_agent.web.jobs.store import JobStore
from edge_agent.web.live.feed import Feed
from edge_agent.web.live.listener import Listener
from edge_agent.web.live.state import LiveState
from edge_agent.web.live.watch import watch
from edge_agent.web.pages import (
    advice,
    alerts,
    events,
    login,
    mold,
    operator,
    optimize,
    results,
    what_if,
)
from edge_agent.web.pages.fragments import Fragments
from edge_agent.web.pages.rendering import Renderer
from edge_agent.web.pages.whole_shot import WholeShots
from edge_agent.web.parts import Web
from edge_agent.web.security_headers import SecurityHeaders
from edge_agent.web.to_twin import ToTwin
from edge_agent.what_if.worker import Worker

STATIC = Path(__file__).parent / "pages" / "static"


def create_app(settings: Settings, clock: Clock) -> FastAPI:
    """The application; nothing is connected before it starts.

    Its lifespan closes what is opened here: the database of users, by the wall's clock.

    Args:
        clock: the twin's clock, in whose time the pages count.

    Raises:
        SettingsError, StoreError: the database of users or its key cannot be used.
    """
    feed = Feed()
    live = LiveState(feed, clock)
    access = Access(options_of(settings.web), SystemClock().now)
    listener, renderer = Listener(settings, live), Renderer(settings, clock)
    web = Web(
        settings,
        clock,
        feed,
        live,
        listener,
        renderer,
        Fragments(),
        access,
        WebHistory(settings.history),
        Worker(settings),
        Jobs(settings, JobStore(access.database, access.audit, SystemClock().now)),
        ToTwin(settings, listener),
        WholeShots(),
    )
    renderer.add(open_alerts=lambda: alerts.open_alerts(live), meaning=alerts.meaning)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.openapi()  # a third of a second, which the first request would wait
        living = [
            asyncio.create_task(web.listener.run()),
            asyncio.create_task(watch(settings, live)),
            asyncio.create_task(publish_heads(settings, access)),
            asyncio.create_task(web.jobs.run()),
        ]
        try:
            yield
        finally:
            feed.close()
            await web.jobs.stop()
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
            await web.whole_shots.stop()
            await web.worker.stop()
            await web.history.close()
            access.close()

    app = FastAPI(
        title="PUR-MOLD-TWIN",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # `api` answers it, with an ETag
    )
    app.state.web = web
    api.install(app)
    app.add_middleware(Gate, access=access)
    if settings.web.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.web.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["ETag", "Link", "Retry-After"],
        )
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    live_pages = operator.router, mold.router, events.router
    more_pages = (
        results.router,
        what_if.router,
        optimize.router,
        alerts.router,
        advice.router,
        login.router,
    )
    for router in (*live_pages, *more_pages):
        app.include_router(router)
    return app
