"""The parts of the web server that requests are answered from."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.web.access.control import Access
from edge_agent.web.history import WebHistory
from edge_agent.web.jobs.runner import Jobs
from edge_agent.web.live.feed import Feed
from edge_agent.web.live.listener import Listener
from edge_agent.web.live.state import LiveState
from edge_agent.web.pages.fragments import Fragments
from edge_agent.web.pages.rendering import Renderer
from edge_agent.web.pages.whole_shot import WholeShots
from edge_agent.web.to_twin import ToTwin
from edge_agent.what_if.worker import Worker


@dataclass(frozen=True)
class Web:
    """All that lives as long as the server does; in ``app.state.web``."""

    settings: Settings
    clock: Clock
    feed: Feed
    live: LiveState
    listener: Listener
    renderer: Renderer
    fragments: Fragments
    access: Access
    history: WebHistory
    worker: Worker
    jobs: Jobs
    to_twin: ToTwin
    whole_shots: WholeShots


async def web_of(request: Request) -> Web:
    """The parts, as a dependency of a path operation."""
    web = request.app.state.web
    assert isinstance(web, Web)
    return web
