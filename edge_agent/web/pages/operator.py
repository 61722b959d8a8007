"""The operator's page: a tile for each mold, lamps for what the twin stands on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from edge_agent.web.live.lamps import lamps_of
from edge_agent.web.pages.tiles import tile_of
from edge_agent.web.parts import Web, web_of

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
async def operator(request: Request, web: Annotated[Web, Depends(web_of)]) -> HTMLResponse:
    """Every mold."""
    words = web.renderer.words[web.renderer.language_of(request)]
    now = web.clock.now()
    return web.renderer.page(
        request,
        "operator.html",
        stream="/events",
        tiles=[tile_of(web.live, mold.key, words, now) for mold in web.live.molds_in_order()],
        lamps=lamps_of(web.live),
        broker_away=web.live.broker is not None,
    )
