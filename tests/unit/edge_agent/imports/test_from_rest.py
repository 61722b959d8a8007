"""REST sources: ways of paging, and answers that are none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import StoreError
from edge_agent.shots.shot_query import ShotQuery
from tests.support.foreign_logs import COLUMNS, FIRST, shot
from tests.support.sources import fetched, ids
from twin_core.errors import InputError

Answer = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Address of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, headers, body = answer(self)
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def mapping(folder: Path, url: str, more: str = "") -> Path:
    """The mapping of an address."""
    path = folder / "mes.yaml"
    path.write_text(f"kind: rest\nurl: {url}\n{more}{COLUMNS}", encoding="utf-8")
    return path


def whole(document: Any) -> tuple[int, dict[str, str], bytes]:
    """A good answer."""
    return 200, {}, json.dumps(document).encode()


def test_an_answer_names_the_next(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        second = request.path.endswith("?after=1")
        links = {} if second else {"next": "/shots?after=1"}
        return whole({"links": links, "shots": [shot(5 + second)]})

    with serving(answer) as url:
        more = "items: shots\npaging: {kind: next, next: links.next}\n"
        assert ids(fetched(mapping(tmp_path, f"{url}/shots", more))) == ["0005", "0006"]


def test_pages_by_how_many_came_before_and_filters_of_the_source(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        asked.append(request.path)
        skip = int(request.path.partition("skip=")[2].partition("&")[0])
        return whole([shot(n) for n in range(skip, min(skip + 2, 5))])

    more = "paging: {kind: offset, parameter: skip}\nparameters: {since: from, mold: form}\n"
    with serving(answer) as url:
        path = mapping(tmp_path, f"{url}/shots?v=2", more)
        query = ShotQuery(since=FIRST, mold_id="PANEL_A")
        assert ids(fetched(path, query)) == ["0000", "0002", "0004"]
    assert asked[-1] == "/shots?v=2&from=2026-05-01T00%3A00%3A00Z&form=PANEL_A&skip=5"


def test_a_token_stays_at_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_SOURCE_TOKEN_MES", "secret")
    seen: list[str | None] = []

    def other(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        seen.append(request.headers["Authorization"])
        return whole([])

    with serving(other) as elsewhere:
        redirect = {"Location": f"{elsewhere}/shots"}
        with (
            serving(lambda _: (302, redirect, b"")) as url,
            pytest.raises(StoreError, match="answers 302"),
        ):
            fetched(mapping(tmp_path, url))
        with (
            serving(lambda _: whole({"next": f"{elsewhere}/x", "shots": []})) as url,
            pytest.raises(InputError, match="names a next page at"),
        ):
            fetched(mapping(tmp_path, url, "items: shots\npaging: {kind: next}\n"))
        assert seen == []
        fetched(mapping(tmp_path, elsewhere))
    assert seen == ["Bearer secret"] * 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((401, {}, b""), StoreError, "answers 401"),
        ((200, {}, b"<html>"), InputError, "the answer is no JSON"),
        ((200, {}, b'{"a": 1}'), InputError, "is no list of shots"),
        ((200, {}, b"[" * 100_000), InputError, "the answer is no JSON"),
    ],
    ids=["no-right", "html", "no-list", "deep"],
)
def test_answers_that_are_none(
    answer: tuple[int, dict[str, str], bytes], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with serving(lambda _: answer) as url, pytest.raises(error, match=words):
        fetched(mapping(tmp_path, url))


def test_items_that_are_no_objects_are_told(tmp_path: Path) -> None:
    with serving(lambda _: whole([1, shot(2)])) as url:
        found = fetched(mapping(tmp_path, url))
    assert [one.bundle is None for one in found] == [True, False]
