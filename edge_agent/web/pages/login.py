"""Login and logout of people, and the pairing of a kiosk."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from edge_agent.web.access.control import KIOSK, SESSION
from edge_agent.web.access.gate import set_cookie
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import Refused

router = APIRouter(include_in_schema=False)
Parts = Annotated[Web, Depends(web_of)]
Field = Annotated[str, Form(max_length=1024)]


@router.get("/login", response_class=HTMLResponse)
async def login_page(request: Request, web: Parts, next: str = "/") -> HTMLResponse:
    """Ask for name and password."""
    return web.renderer.page(request, "login.html", next=_inside(next), failed=False)


@router.post("/login", response_class=HTMLResponse)
async def login(
    request: Request, web: Parts, name: Field = "", password: Field = "", next: Field = "/"
) -> Response:
    """Begin a session, always a new one; one that the browser had ends."""
    address = request.state.address
    _within_rate(web, address, f"user:{name[:64]}")
    session = await web.access.login(name, password, address)
    if session is None:
        return web.renderer.page(request, "login.html", status=401, next=_inside(next), failed=True)
    await _end(request, web)
    return _to(_inside(next), request, SESSION, session)


@router.post("/logout")
async def logout(request: Request, web: Parts) -> Response:
    """End the session; its cookie is worth nothing from then on."""
    await _end(request, web)
    return _to("/", request, SESSION, "")


@router.get("/kiosk", response_class=HTMLResponse)
async def kiosk_page(request: Request, web: Parts) -> HTMLResponse:
    """Ask for the code of a kiosk."""
    return web.renderer.page(request, "kiosk.html", failed=False)


@router.post("/kiosk", response_class=HTMLResponse)
async def kiosk(request: Request, web: Parts, code: Field = "") -> Response:
    """Pair this device: the code is used up, and the cookie outlives a reboot."""
    address = request.state.address
    _within_rate(web, address, "kiosk")
    paired = await asyncio.to_thread(web.access.tokens.pair, code, address)
    if paired is None:
        await asyncio.to_thread(web.access.audit.write, "", "kiosk_paired", "refused", address)
        return web.renderer.page(request, "kiosk.html", status=401, failed=True)
    return _to("/", request, KIOSK, paired[1])


async def _end(request: Request, web: Web) -> None:
    session = request.state.cookies.get(SESSION)
    if session is not None:
        await asyncio.to_thread(web.access.sessions.end, session, request.state.address)


def _within_rate(web: Web, *who: str) -> None:
    wait_s = max(web.access.rates.wait_s("login", one) for one in who)
    if wait_s:
        raise Refused(
            429,
            "TOO_MANY_REQUESTS",
            f"too many attempts: the next is taken in {wait_s} s",
            headers={"retry-after": str(wait_s)},
        )


def _to(path: str, request: Request, cookie: str, value: str) -> Response:
    secure = request.url.scheme == "https"
    response = RedirectResponse(path, 303)
    response.headers.append(
        "set-cookie", set_cookie(cookie, value, secure, lasting=cookie == KIOSK)
    )
    return response


def _inside(path: str) -> str:
    """A path of this server; the first page for anything else."""
    is_path = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_path and path.isascii() and path.isprintable() else "/"
