"""The history as a stream: as many rows as there are, in memory for some."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import Message

from edge_agent.errors import StoreError
from edge_agent.history import pages
from edge_agent.web.api.history import STREAMS_MAX
from edge_agent.web.api.lists import Document
from tests.support.many_rows import fill_sqlite, fill_timescale
from tests.support.web_access import client_of
from tests.support.web_app import put_rows, running_app, web_settings

TIMESCALE = pytest.param(
    "timescale",
    marks=[pytest.mark.needs("postgres"), pytest.mark.xdist_group("db"), pytest.mark.peers],
)
ROWS = 200_000
GROWTH_MAX_BYTES = 40_000_000
"""The rows are 58 MB of JSON, and some hundred as objects."""
HISTORY = "/api/v1/twin/history"


def memory_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def stream(
    app: FastAPI, query: str = "", stop_after: int | None = None, ended: list[bool] | None = None
) -> tuple[int, int]:
    """Read a stream and forget it; returns its rows and by how much the memory grew.

    Args:
        app: that answers.
        query: of the request.
        stop_after: parts after which the client goes away.
        ended: gets an item when the answer is whole.
    """
    scope = {
        "type": "http", "method": "GET", "path": HISTORY, "raw_path": HISTORY.encode(),
        "query_string": query.encode(), "headers": [(b"host", b"127.0.0.1")], "scheme": "http",
        "client": ("127.0.0.1", 4), "server": ("127.0.0.1", 80), "http_version": "1.1",
    }  # fmt: skip
    rows, parts, before, most = 0, 0, memory_bytes(), 0
    gone, asked = asyncio.Event(), False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal rows, parts, most
        body = message.get("body", b"")
        rows += body.count(b'"seq"')
        parts += 1
        if ended is not None and message["type"].endswith("body") and not message.get("more_body"):
            ended.append(True)
        most = max(most, memory_bytes())
        if parts == stop_after:
            gone.set()

    await app(scope, receive, send)
    return rows, most - before


@pytest.mark.parametrize("store", ["sqlite", TIMESCALE])
async def test_memory_does_not_grow_with_the_rows(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    more: Document = {}
    if store == "sqlite":
        await fill_sqlite(tmp_path / "history.db", ROWS)
    else:
        url = await fill_timescale(request.getfixturevalue("server").url, ROWS)
        more = {"history": {"url": url}}
    async with running_app(web_settings(tmp_path, **more)) as (app, _):
        await stream(app, "until=2026-05-04T08:10:00Z")  # what is loaded once
        rows, growth = await stream(app)
    assert rows == ROWS
    assert growth < GROWTH_MAX_BYTES


async def test_a_client_that_goes_away_ends_its_stream(tmp_path: Path) -> None:
    await fill_sqlite(tmp_path / "history.db", 20_000)
    async with running_app(web_settings(tmp_path)) as (app, _):
        for _ in range(2 * STREAMS_MAX):
            rows, _ = await stream(app, stop_after=2)
            assert rows < 20_000
        assert (await stream(app))[0] == 20_000


async def test_too_many_streams_are_told_to_wait(tmp_path: Path) -> None:
    await put_rows(tmp_path / "history.db", [])
    async with running_app(web_settings(tmp_path)) as (app, _), client_of(app) as rest:
        for _ in range(STREAMS_MAX):
            app.state.streams.take()
        answer = await rest.get(HISTORY)
        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
        assert (await rest.get(HISTORY, params={"limit": 5})).status_code == 200
        app.state.streams.free()
        assert (await rest.get(HISTORY)).status_code == 200


async def test_a_stream_that_fails_is_broken_off_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an answer that looks whole would be silently wrong."""
    monkeypatch.setattr(pages, "CHUNK", 100)
    await fill_sqlite(tmp_path / "history.db", 1_000)
    async with running_app(web_settings(tmp_path)) as (app, _):
        reader = app.state.web.history.reader()
        asked = 0
        ask = reader._run

        async def fails(run):  # type: ignore[no-untyped-def]
            nonlocal asked
            asked += 1
            if asked > 3:
                raise StoreError("the disk is gone")
            return await ask(run)

        monkeypatch.setattr(reader, "_run", fails)
        ended: list[bool] = []
        rows, _ = await stream(app, ended=ended)
        assert 0 < rows < 1_000
        assert ended == []
        monkeypatch.setattr(reader, "_run", ask)
        assert (await stream(app, ended=ended))[0] == 1_000
        assert ended == [True]
