"""Shots from an address that answers with JSON, page by page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from broker.timestamps import format_timestamp
from edge_agent.config.secret_files import SecretFileError, read_secret
from edge_agent.errors import SettingsError, StoreError
from edge_agent.imports.not_mapped import not_mapped
from edge_agent.imports.reading_rows import take_row
from edge_agent.imports.settings import RestSource
from edge_agent.imports.source import Fetched, Problem, RawReading, RawShot, Refused
from edge_agent.shots.shot_query import ShotQuery
from twin_core.errors import InputError

BYTES_MAX = 64_000_000
"""Of an answer."""
PAGES_MAX = 1_000_000
"""A source that never ends is broken off."""


class _NoRedirect(HTTPRedirectHandler):
    """The token is for the named address alone."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


class RestShots:
    """Shots of an address, an item a shot."""

    def __init__(self, settings: RestSource) -> None:
        """Make ready; nothing is asked yet.

        Raises:
            SettingsError: the token file cannot be read.
        """
        self._settings = settings
        self._token = _token(settings)
        self._opener = build_opener(_NoRedirect())

    async def check(self) -> list[str]:
        """Ask for the first page, and look at its first item."""
        address = self._address(ShotQuery(), 0)
        items = self._items(await self._page(address), address)
        series = self._settings.series
        beside = "" if series is None else series.path or "readings"
        names = (
            [name for name, _ in _flat(items[0])] if items and isinstance(items[0], dict) else []
        )
        return not_mapped(_plain(address), names, self._settings, [beside])

    async def fetch_shots(self, query: ShotQuery) -> AsyncGenerator[Fetched]:
        """Shots of all pages, in the order of the source."""
        address, before = self._address(query, 0), 0
        for page in range(1, PAGES_MAX):
            answer = await self._page(address)
            items = self._items(answer, address)
            for number, item in enumerate(items, start=before + 1):
                yield self._shot(item, f"{_plain(address)}: item {number}")
            before += len(items)
            following = self._next(answer, query, page, before, len(items))
            if following is None:
                return
            if following == address:
                raise InputError(f"{_plain(address)}: names itself as the next page")
            address = following

    async def close(self) -> None:
        """Nothing stays open."""

    def _address(self, query: ShotQuery, page: int, before: int = 0) -> str:
        settings, paging = self._settings, self._settings.paging
        given: dict[str, Any] = {
            "since": query.since and format_timestamp(query.since),
            "until": query.until and format_timestamp(query.until),
            "mold": query.mold_id,
            "press": query.press,
            "system": query.system_id,
            "order": query.order_id,
        }
        asked = [(name, str(given[key])) for key, name in settings.parameters.items() if given[key]]
        if paging.size_parameter is not None:
            asked.append((paging.size_parameter, str(paging.size)))
        if paging.kind == "page":
            asked.append((paging.parameter, str(paging.first + page)))
        elif paging.kind == "offset":
            asked.append((paging.parameter, str(before)))
        parts = urlsplit(settings.url)
        return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *asked])))

    def _next(self, answer: Any, query: ShotQuery, page: int, before: int, got: int) -> str | None:
        paging = self._settings.paging
        if paging.kind == "next":
            said = _at(answer, paging.next)
            if not isinstance(said, str) or not said:
                return None
            address = urljoin(self._settings.url, said)
            own, other = urlsplit(self._settings.url), urlsplit(address)
            if (own.scheme, own.netloc) != (other.scheme, other.netloc):
                words = f"names a next page at {other.netloc}: only {own.netloc} is asked"
                raise InputError(f"{_plain(self._settings.url)}: {words}")
            return address
        if paging.kind == "none" or not got:
            return None
        return self._address(query, page, before)

    async def _page(self, address: str) -> Any:
        content = await asyncio.to_thread(self._read, address)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{_plain(address)}: the answer is no JSON: {error}") from None

    def _read(self, address: str) -> bytes:
        headers = {"Accept": "application/json", "User-Agent": "pur-mold-twin"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with self._opener.open(
                Request(address, headers=headers), timeout=self._settings.timeout_s
            ) as answer:
                content = answer.read(BYTES_MAX + 1)
        except HTTPError as error:
            with error:
                words = f"{_plain(address)}: answers {error.code} {error.reason}"
            hint = "look at token_file and url" if error.code in {401, 403, 404} else ""
            raise StoreError(words, hint=hint) from None
        except (URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise StoreError(f"{_plain(address)}: {reason}", hint="is the server there?") from None
        if len(content) > BYTES_MAX:
            raise InputError(
                f"{_plain(address)}: answers with more than {BYTES_MAX} bytes: page it"
            )
        return bytes(content)

    def _items(self, answer: Any, address: str) -> list[Any]:
        items = answer if self._settings.items is None else _at(answer, self._settings.items)
        if not isinstance(items, list):
            where = self._settings.items or "the answer"
            raise InputError(f"{_plain(address)}: {where} is no list of shots: correct items")
        return items

    def _shot(self, item: Any, where: str) -> Fetched:
        if not isinstance(item, dict):
            return Refused(Problem("refused", where, "", "is no object"))
        shot = RawShot(where, dict(_flat(item)))
        series = self._settings.series
        if series is None:
            return shot
        rows = _at(item, series.path or "readings")
        if not isinstance(rows, list):
            words = f"{series.path or 'readings'} is no list"
            shot.problems.append(Problem("missing", where, "", words))
            return shot
        by_name = {signal.name: sensor for sensor, signal in series.signals.items()}
        needed = {
            series.time.column,
            *({series.signal, series.value} if series.is_long else by_name),
        }
        readings: dict[str, list[RawReading]] = {}
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict) or not needed <= row.keys():
                words = f"reading {number} lacks one of {', '.join(sorted(map(str, needed)))}"
                shot.problems.append(Problem("missing", where, "", words))
                return shot
            take_row(row, series, by_name, number, readings, {})
        shot.readings, shot.readings_where = readings, where
        return shot


def _flat(item: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Values by their path: ``process.T_polyol``; a list of texts as one text."""
    for name, value in item.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            yield f"{before}{name}", ", ".join(value)
        else:
            yield f"{before}{name}", value


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _plain(address: str) -> str:
    """An address without its question, which may hold a secret."""
    return urlunsplit(urlsplit(address)._replace(query="", fragment=""))


def _token(settings: RestSource) -> str:
    if settings.token is not None:
        return settings.token.get_secret_value()
    if settings.token_file is None:
        return ""
    try:
        return read_secret("token_file", settings.token_file).strip()
    except SecretFileError as error:
        raise SettingsError(str(error)) from None
