"""The operator's page: a tile for each mold, lamps for what the twin stands on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from edge_agent.web.live.opening import opening_of
from edge_agent.web.parts import Web, web_of

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
async def operator(request: Request, web: Annotated[Web, Depends(web_of)]) -> HTMLResponse:
    """Every mold."""
    molds = [
        (mold, opening_of(mold.prediction) if mold.prediction else None)
        for mold in web.live.molds_in_order()
    ]
    return web.renderer.page(request, "operator.html", molds=molds, live=web.live)
