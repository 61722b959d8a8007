"""The event stream of the pages: what changed, as rendered HTML, and a heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from edge_agent.web.live.state import LAMPS
from edge_agent.web.pages.rendering import ASSETS
from edge_agent.web.parts import Web, web_of

router = APIRouter(include_in_schema=False)
HEARTBEAT_S = 2.0
"""A page that hears nothing for twice as long says that it is cut off."""
GATHER_S = 0.1
"""Changes that come within this time go out together."""


@router.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request, web: Annotated[Web, Depends(web_of)]
) -> AsyncIterator[ServerSentEvent]:
    """All that the operator's page shows, then changes as they come; a heartbeat in any case.

    Each event carries the time of the twin's clock and its speed, by which the page counts.
    """
    language = web.renderer.language_of(request)
    yield _event(web, "hello", {"assets": ASSETS, "parts": _parts(web, language, 0)})
    seen = web.feed.number
    while not web.feed.closed:
        changed = await web.feed.wait(seen, HEARTBEAT_S)
        parts = _parts(web, language, seen) if changed else []
        seen = web.feed.number
        yield _event(web, "parts" if parts else "beat", {"parts": parts} if parts else {})
        await asyncio.sleep(GATHER_S)


def _parts(web: Web, language: str, seen: int) -> list[tuple[str, str]]:
    """Key and HTML of what changed; at first of everything, in the order of the page."""
    keys = web.feed.since(seen) if seen else [LAMPS, *sorted(web.live.molds)]
    shown = ((key, web.fragments.html(web, language, key)) for key in keys)
    return [(str(key), html) for key, html in shown if html is not None]


def _event(web: Web, kind: str, content: dict[str, Any]) -> ServerSentEvent:
    clock = {"now": web.clock.now().timestamp(), "speed": web.clock.speed}
    return ServerSentEvent(event=kind, data=clock | content)
