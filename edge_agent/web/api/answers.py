"""Answers with an ETag, and cursors between pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Header, Request, Response
from pydantic import BaseModel

from edge_agent.web.problems import FieldProblem, Refused, as_json

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
LIMIT_MAX = 10_000
"""Rows of a page: it is in memory."""


class Page(BaseModel):
    """Some rows, and the cursor of those behind them."""

    items: list[dict[str, Any]]
    next: str | None
    """Give it as ``cursor``; null: there are no more now."""


def answer(
    request: Request, document: Any, media_type: str = "application/json", next_: str | None = None
) -> Response:
    """The answer to a GET: not again if the client has it.

    Args:
        request: with If-None-Match, if the client has something.
        document: plain data, or the whole body.
        media_type: of the body.
        next_: cursor of the next page.
    """
    body = document if isinstance(document, bytes) else as_json(document)
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "accept, cookie"}
    if next_ is not None:
        url = request.url.include_query_params(cursor=next_)
        headers["link"] = f'<{url.path}?{url.query}>; rel="next"'
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _has(known: str, tag: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    return known.strip() == "*" or tag in tags


def cursor_of(position: tuple[Any, ...], asked: Mapping[str, Any]) -> str:
    """The cursor behind a row.

    Args:
        position: of the row.
        asked: what the cursor is good for: the other parameters of the question.
    """
    content = json.dumps([_mark(asked), *position], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def position_in(cursor: str | None, asked: Mapping[str, Any], length: int) -> Any:
    """The position in a cursor; None without one.

    Args:
        cursor: as it was given.
        asked: as for ``cursor_of``.
        length: of the position.

    Raises:
        Refused: it is none, or one of another question.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        mark, *position = json.loads(base64.b64decode(padded, b"-_", validate=True))
        usable = (
            mark == _mark(asked)
            and len(position) == length
            and isinstance(position[0], str)
            and all(one is None or type(one) in {str, int} for one in position)
            and all("\0" not in one for one in position if isinstance(one, str))
            and all(abs(one) < 2**63 for one in position if type(one) is int)
        )
    except (ValueError, TypeError, RecursionError):
        usable = False
    if not usable:
        raise wrong("cursor", "is none of this question: give `next` of its page, unchanged")
    return tuple(position)


def wrong(parameter: str, detail: str) -> Refused:
    """The refusal of a parameter."""
    problem = FieldProblem(parameter=parameter, detail=detail)
    return Refused(422, "INVALID_INPUT", f"{parameter}: {detail}", errors=[problem])


def _mark(asked: Mapping[str, Any]) -> str:
    return sha256(json.dumps(asked, default=str, sort_keys=True).encode()).hexdigest()[:12]
