"""Telemetry of the history: pages by cursor, or all of it as a stream in bounded memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from broker.messages.base import NAME_PATTERN
from edge_agent.errors import StoreError
from edge_agent.history import pages
from edge_agent.history.pages import TELEMETRY_KEY, Position, Row
from edge_agent.history.read import HistoryReader
from edge_agent.logs import get_logger
from edge_agent.web.api.answers import LIMIT_MAX, IfNoneMatch, answer, cursor_of, position_in, wrong
from edge_agent.web.api.filters import Asked, Cursor, Id, Key, asked, known_parameters
from edge_agent.web.api.formats import CSV, FORMS, JSON, PARQUET, Form, form_wanted
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import NOT_AGAIN, Refused, responses

router = APIRouter(tags=["history"], dependencies=[Depends(known_parameters)])
STREAMS_MAX = 4
"""Streams at once; each keeps the processor and the disk busy for minutes."""
FIELDS_MAX = 100
_NAME = re.compile(NAME_PATTERN)
_DESCRIPTION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Rows in order of time",
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["items", "next"],
                    "properties": {
                        "items": {"type": "array", "items": {"type": "object"}},
                        "next": {"type": ["string", "null"]},
                    },
                }
            },
            CSV: {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        },
    },
}


class Streams:
    """Count of the streams that go on, and the one thread that writes their rows.

    Several threads would each keep memory of their own for what pyarrow frees: 60 MB and more.
    """

    def __init__(self) -> None:
        self._open = 0
        self._writer = ThreadPoolExecutor(1, "history-rows")

    async def written(self, write: Callable[[list[Row]], bytes], rows: list[Row]) -> bytes:
        """What a form makes of rows."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, write, rows)

    def take(self) -> None:
        """Begin one.

        Raises:
            Refused: too many go on.
        """
        if self._open >= STREAMS_MAX:
            raise Refused(
                503,
                "BUSY",
                f"{STREAMS_MAX} streams of the history go on",
                "wait for one of them, or ask for pages with limit",
                headers={"retry-after": "30"},
            )
        self._open += 1

    def free(self) -> None:
        """End one."""
        self._open -= 1


class _Streamed(StreamingResponse):
    """A stream that is counted until its end, whoever ends it."""

    def __init__(self, body: AsyncIterator[bytes], media_type: str, streams: Streams) -> None:
        super().__init__(
            body, media_type=media_type, headers={"cache-control": "private, no-store"}
        )
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and free the place of the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.free()

    async def stream_response(self, send: Send) -> None:
        """Send the parts; a history that fails on the way breaks the answer off.

        Without its last part the connection is closed: half an answer must not look whole.
        """
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async for part in self.body_iterator:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except StoreError as error:
            get_logger().error("stream_broken_off", error=str(error), hint=error.hint)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@router.get(
    "/twin/history", response_model=None, responses=_DESCRIPTION | NOT_AGAIN | responses(406, 422)
)
async def history(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    rows: Annotated[Asked, Depends(asked)],
    device_id: Id = None,
    shot_key: Key = None,
    fields: Annotated[
        str | None, Query(max_length=4000, description="Sensors and metrics, by comma")
    ] = None,
    limit: Annotated[
        int | None, Query(ge=1, le=LIMIT_MAX, description="Rows of a page; without, all are sent")
    ] = None,
    cursor: Cursor = None,
    format: Annotated[
        Literal["json", "csv", "parquet"] | None, Query(description="In place of Accept")
    ] = None,
    accept: Annotated[str | None, Header()] = None,
    _known: IfNoneMatch = None,
) -> Response:
    """Give telemetry in order of time, as JSON, CSV or Parquet."""
    kind = format or form_wanted(accept)
    if kind is None:
        known = f"{JSON}, {CSV}, {PARQUET}"
        raise Refused(406, "NOT_ACCEPTABLE", f"Accept asks for none of {known}")
    names = _names(fields)
    chosen = rows.narrowed(shot_key=shot_key, device_id=device_id)
    after = position_in(cursor, chosen.parameters, len(TELEMETRY_KEY))
    form: Form = FORMS[kind](names)
    reader = web.history.reader()
    if limit is not None:
        found = await _page(reader, chosen, after, limit + 1)
        more, found = len(found) > limit, found[:limit]
        next_ = None
        if more:
            next_ = cursor_of(pages.position_of(found[-1]), chosen.parameters)
        body = await asyncio.to_thread(lambda: form.head() + form.rows(found) + form.end(next_))
        return answer(request, body, form.media_type, next_)
    return await _stream(request.app.state.streams, reader, chosen, after, form)


async def _stream(
    streams: Streams, reader: HistoryReader, which: Asked, after: Position | None, form: Form
) -> Response:
    streams.take()
    try:
        pieces = pages.telemetry(reader, which.which, after)
        first: list[Row] = await anext(pieces, [])  # what fails now is still told
    except BaseException:
        streams.free()
        raise

    async def body() -> AsyncIterator[bytes]:
        async with aclosing(pieces):
            yield form.head()
            yield await streams.written(form.rows, first)
            async for rows in pieces:
                written = await streams.written(form.rows, rows)
                if written:
                    yield written
            yield await streams.written(lambda _none: form.end(None), [])

    return _Streamed(body(), form.media_type, streams)


async def _page(
    reader: HistoryReader, which: Asked, after: Position | None, limit: int
) -> list[Row]:
    found: list[Row] = []
    pieces = pages.telemetry(reader, which.which, after, min(limit + 1, pages.CHUNK))
    async with aclosing(pieces):
        async for rows in pieces:
            found += rows
            if len(found) >= limit:
                break
    return found[:limit]


def _names(fields: str | None) -> list[str]:
    """Names of readings, each once, in the order in which they were given.

    Raises:
        Refused: one is none.
    """
    names = list(dict.fromkeys(name.strip() for name in (fields or "").split(",") if name.strip()))
    if len(names) > FIELDS_MAX:
        raise wrong("fields", f"at most {FIELDS_MAX} names")
    for name in names:
        if not _NAME.fullmatch(name) or len(name) > 64:
            raise wrong("fields", f"{name[:64]!r} is no name of a sensor or metric: T_core_C")
    return names
