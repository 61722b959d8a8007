"""Decisions of people about an advice, from the page of its mold."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from edge_agent.errors import LinkError
from edge_agent.web.advice import advice_of, decide
from edge_agent.web.pages.alerts import remember
from edge_agent.web.pages.asking import who
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import Refused

router = APIRouter(include_in_schema=False)


@router.post("/advice/decision")
async def decision(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    advice_id: Annotated[str, Form(max_length=64)],
    said: Annotated[Literal["accepted", "refused"], Form()],
    by: Annotated[str, Form(max_length=256)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Send a decision, and go back to the page of the mold."""
    by, note = who(request) or by.strip(), note.strip()
    if not by:
        raise Refused(422, "INVALID_INPUT", "by: who decides? Give a name")
    advice = advice_of(web.live, advice_id)
    place = f"/molds/{advice.site}/{advice.press}/{advice.mold_id}"
    try:
        await decide(web, advice_id, said, by, note or None)
    except (Refused, LinkError) as error:
        late = isinstance(error, Refused)
        return RedirectResponse(f"{place}?sent={'late' if late else 'away'}#advice", 303)
    response = RedirectResponse(f"{place}?sent={said}#advice", 303)
    remember(response, request, by)
    return response
