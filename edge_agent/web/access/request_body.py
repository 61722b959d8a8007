"""The body of a request, read before the app sees it: limited in size and time, then replayed."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from edge_agent.web.access import csrf
from edge_agent.web.problems import Refused

BODY_MAX_BYTES = 1_000_000
BODY_TIMEOUT_S = 30.0


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """The whole body.

    Raises:
        Refused: it is too large, or does not come.
    """
    too_large = Refused(
        413, "TOO_LARGE", f"the body has more than {BODY_MAX_BYTES} bytes", "send less at once"
    )
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal() or int(length[:20]) > BODY_MAX_BYTES:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "BROKEN_OFF", "the request broke off")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_MAX_BYTES:
                    raise too_large
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise Refused(
            408, "TIMEOUT", f"the body was not there after {BODY_TIMEOUT_S:g} s"
        ) from None


def replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to the app, then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def form_token(scope: Scope, body: bytes) -> str:
    """The token in a form."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip()
    if kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return ""
    try:
        async with Request(dict(scope), receive).form() as form:
            value: Any = form.get(csrf.FIELD)
            return value if isinstance(value, str) else ""
    except (MultiPartException, ValueError, KeyError):
        return ""
