"""The event stream of the pages: what changed, as rendered HTML, and a heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from edge_agent.web.live.state import LAMPS, MoldKey
from edge_agent.web.pages.fragments import PartOfMold
from edge_agent.web.pages.rendering import ASSETS
from edge_agent.web.parts import Web, web_of

router = APIRouter(include_in_schema=False)
HEARTBEAT_S = 2.0
"""A page that hears nothing for twice as long says that it is cut off."""
GATHER_S = 0.1
"""Changes that come within this time go out together."""
GATHER_MOLD_S = 1.0
"""The same for a mold's page, whose curves are drawn anew."""


@router.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request, web: Annotated[Web, Depends(web_of)], mold: str | None = None
) -> AsyncIterator[ServerSentEvent]:
    """All that a page shows, then changes as they come; a heartbeat in any case.

    Each event carries the time of the twin's clock and its speed, by which the page counts.

    Args:
        mold: ``site/press/mold``: of its page; None: of the operator's page.
    """
    language = web.renderer.language_of(request)
    only = None if mold is None else MoldKey(*[*mold.split("/"), "", "", ""][:3])
    gather_s = GATHER_S if only is None else GATHER_MOLD_S
    yield _event(web, "hello", {"assets": ASSETS, "parts": _parts(web, language, 0, only)})
    seen = web.feed.number
    while not web.feed.closed:
        if only is not None:
            web.whole_shots.want(web, only)
        changed = await web.feed.wait(seen, HEARTBEAT_S)
        parts = _parts(web, language, seen, only) if changed else []
        seen = web.feed.number
        yield _event(web, "parts" if parts else "beat", {"parts": parts} if parts else {})
        await asyncio.sleep(gather_s)


def _parts(web: Web, language: str, seen: int, only: MoldKey | None) -> list[tuple[str, str]]:
    """Key and HTML of what changed; at first of everything, in the order of the page."""
    keys: list[Hashable] = [LAMPS, *sorted(web.live.molds)]
    if seen:
        keys = web.feed.since(seen)
    if only is not None:
        keys = [key for key in keys if key in (LAMPS, only)]
        keys += [PartOfMold(name, only) for name in ("curves", "advice", "alerts") if only in keys]
    shown = ((key, web.fragments.html(web, language, key)) for key in keys)
    return [(str(key), html) for key, html in shown if html is not None]


def _event(web: Web, kind: str, content: dict[str, Any]) -> ServerSentEvent:
    clock = {"now": web.clock.now().timestamp(), "speed": web.clock.speed}
    return ServerSentEvent(event=kind, data=clock | content)
