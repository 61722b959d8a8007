"""The alerts page: what is open, who has seen it, and what was closed last."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from broker.alert_codes import ALERT_CODES
from broker.ids import is_identifier
from broker.messages import AlertAck, LiveAlert
from broker.topics import PressAddress
from edge_agent.errors import LinkError
from edge_agent.web.live.state import LiveState
from edge_agent.web.pages.asking import who
from edge_agent.web.pages.form_words import CLOSED_BY, SEVERITIES
from edge_agent.web.parts import Web, web_of

router = APIRouter(include_in_schema=False)
Parts = Annotated[Web, Depends(web_of)]
COOKIE = "operator"
"""Who acknowledged or sent last in this browser: typed once where nobody logs in."""
COOKIE_S = 31_536_000


class Shown(NamedTuple):
    """An alert with its press."""

    press: PressAddress
    alert: LiveAlert


def meaning(code: str) -> str:
    """Words for a code, as they stand in the catalogues; the code itself for an unknown one."""
    return ALERT_CODES.get(code, code)


def open_alerts(live: LiveState) -> list[Shown]:
    """Open alerts of all presses: worst first, of these the newest."""
    found = [
        Shown(p.address, one) for p in live.presses.values() if p.alerts for one in p.alerts.open
    ]
    found.sort(key=lambda one: one.alert.raised_at, reverse=True)
    return sorted(found, key=lambda one: SEVERITIES.index(one.alert.severity))


def closed_alerts(live: LiveState) -> list[Shown]:
    """Alerts that were closed last, of all presses, the newest first."""
    found = [
        Shown(p.address, one) for p in live.presses.values() if p.alerts for one in p.alerts.closed
    ]
    return sorted(found, key=lambda one: one.alert.closed_at or one.alert.raised_at, reverse=True)


def operator_of(request: Request) -> str:
    """Name for forms: who is logged in, else who was named here last."""
    return who(request) or request.cookies.get(COOKIE, "")[:256]


def remember(response: Response, request: Request, name: str) -> None:
    """Keep a typed name for the next form."""
    if who(request) is None:
        response.set_cookie(COOKIE, name, max_age=COOKIE_S, samesite="lax", httponly=True)


@router.get("/alerts", response_class=HTMLResponse)
async def alerts(request: Request, web: Parts) -> HTMLResponse:
    """Show them."""
    return _page(request, web)


@router.get("/alerts/strip", response_class=HTMLResponse)
async def strip(request: Request, web: Parts) -> HTMLResponse:
    """The strip that every page has."""
    return web.renderer.page(request, "alert_strip.html")


@router.post("/alerts/acknowledgement", response_class=HTMLResponse)
async def acknowledge(
    request: Request,
    web: Parts,
    site: Annotated[str, Form(max_length=64)],
    press: Annotated[str, Form(max_length=64)],
    alert_id: Annotated[str, Form(max_length=64)],
    by: Annotated[str, Form(max_length=256)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Send an acknowledgement; what was typed stays when it cannot be sent."""
    by, note = who(request) or by.strip(), note.strip()
    say = web.renderer.words[web.renderer.language_of(request)].say
    known = [s for s in open_alerts(web.live) if s.alert.alert_id == alert_id]
    if not known or not all(map(is_identifier, (site, press, alert_id))):
        return _page(request, web, problem=say("This alert is not open any more."), status=409)
    if not by:
        return _page(request, web, alert_id, note, say("Who has seen it? Give a name."), 422)
    ack = AlertAck(ts=web.clock.now(), alert_id=alert_id, by=by, note=note or None)
    try:
        await web.to_twin.acknowledge(PressAddress(site, press), ack)
    except LinkError as error:
        words = f"{say('Not sent: the broker is away. What you typed is still here.')} ({error})"
        return _page(request, web, alert_id, note, words, 503)
    response = RedirectResponse(f"/alerts?sent={alert_id}", 303)
    remember(response, request, by)
    return response


def _page(
    request: Request,
    web: Web,
    alert_id: str = "",
    note: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    return web.renderer.page(
        request,
        "alerts.html",
        status=status,
        open=open_alerts(web.live),
        closed=closed_alerts(web.live),
        meanings=ALERT_CODES,
        closed_by=CLOSED_BY,
        who=who(request),
        operator=operator_of(request),
        typed_for=alert_id,
        note=note,
        problem=problem,
        sent=request.query_params.get("sent", ""),
    )
