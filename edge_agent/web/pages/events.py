"""The event stream of the pages: what changed, as rendered HTML, and a heartbeat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from edge_agent.web.parts import Web, web_of

router = APIRouter(include_in_schema=False)
HEARTBEAT_S = 2.0


@router.get("/events", response_class=EventSourceResponse)
async def events(web: Annotated[Web, Depends(web_of)]) -> AsyncIterator[ServerSentEvent]:
    """Changes as they come; a heartbeat in any case."""
    seen = 0
    while not web.feed.closed:
        changed = [str(key) for key in web.feed.since(seen)]
        seen = web.feed.number
        now = web.clock.now().timestamp()
        yield ServerSentEvent(event="changed", data={"now": now, "changed": changed})
        await web.feed.wait(seen, HEARTBEAT_S)
