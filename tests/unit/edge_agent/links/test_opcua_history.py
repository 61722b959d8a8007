"""A history is read whole, once, and in the order of times, whatever the server allows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.links import opcua_history
from edge_agent.links.opcua_history import SECOND, HistoryReader, Span
from edge_agent.links.opcua_session import ServerFacts
from edge_agent.links.opcua_values import ticks_of, time_of

START = 134_404_262_000_000_000
NODES = {tag: ua.NodeId(tag, 2) for tag in "abc"}


class PlayedHistorian:
    """Plays a session with a server: values by tag as (time after START [µs], number).

    ``page`` values are in an answer, ``points`` of which may be open at a time, and more than
    ``nodes`` in a request are refused.
    """

    def __init__(
        self,
        values: Mapping[str, list[tuple[int, int]]],
        page: int = 1000,
        points: int = 1000,
        nodes: int = 1000,
        said: int = 1000,
    ) -> None:
        self.facts = ServerFacts((), "", {"history": said}, "")
        self._values, self._page, self._points, self._nodes = values, page, points, nodes
        self.refused: ua.UaStatusCodeError | None = None
        self.late_above: int | None = None
        """Slices that are longer are not answered in time [100 ns]."""
        self.asked = 0

    async def raw(self, request: Any, timeout_s: float | None = None) -> bytes:
        self.asked += 1
        parameters = request.Parameters
        if self.refused is not None:
            raise self.refused
        if len(parameters.NodesToRead) > self._nodes:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadTooManyOperations)
        details = parameters.HistoryReadDetails
        begin, end = ticks_of(details.StartTime), ticks_of(details.EndTime)
        if self.late_above is not None and end - begin > self.late_above:
            raise TimeoutError
        response = ua.HistoryReadResponse()
        opened = 0
        for node in parameters.NodesToRead:
            result = ua.HistoryReadResult()
            within = [
                (START + after * 10, number)
                for after, number in self._values.get(node.NodeId.Identifier, [])
                if begin <= START + after * 10 <= end
            ]
            at = int(node.ContinuationPoint or b"0")
            page, more = within[at : at + self._page], len(within) > at + self._page
            if more and opened == self._points:
                result.StatusCode = ua.StatusCode(ua.StatusCodes.BadNoContinuationPoints)
            else:
                result.HistoryData = ua.HistoryData(
                    [
                        ua.DataValue(ua.Variant(number), None, time_of(ticks))
                        for ticks, number in page
                    ]
                )
                if more:
                    opened += 1
                    result.ContinuationPoint = str(at + self._page).encode()
            response.Results.append(result)
        return struct_to_binary(response)


def read(historian: PlayedHistorian, spans: Mapping[str, Span]) -> list[tuple[str, int, int]]:
    """Tag, time after START [µs] and number of what is read."""

    async def all_of_it() -> list[tuple[str, int, int]]:
        reader = HistoryReader(historian, "plc", NODES)  # type: ignore[arg-type]
        return [
            (tag, (value.source_time - START) // 10, int(value.value))
            async for values in reader.read(spans)
            for tag, value in values
        ]

    return asyncio.run(all_of_it())


def span(start_us: int, end_us: int) -> Span:
    return Span(START + start_us * 10, START + end_us * 10)


MOMENTS = st.integers(0, 40_000_000)


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(MOMENTS, max_size=12, unique=True)),
    st.tuples(MOMENTS, MOMENTS).map(sorted),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_each_value_once_and_in_order(
    moments: dict[str, list[int]], ends: list[int], page: int, points: int, nodes: int
) -> None:
    values = {tag: [(at, at) for at in sorted(found)] for tag, found in moments.items()}
    first, last = ends
    spans = {"a": span(first, last), "b": span(0, last), "c": span(first, 40_000_001)}
    found = read(PlayedHistorian(values, page, points, nodes), spans)
    expected = {
        (tag, at, at)
        for tag, some in values.items()
        for at, _ in some
        if spans[tag].start < START + at * 10 < spans[tag].end
    }
    assert len(found) == len(expected)
    assert set(found) == expected
    assert [at for _, at, _ in found] == sorted(at for _, at, _ in found)


def test_more_values_than_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcua_history, "VALUES_MAX", 40)
    monkeypatch.setattr(opcua_history, "VALUES_WANTED", 20)
    values = {"a": [(at * 1000, at) for at in range(500)]}
    found = read(PlayedHistorian(values, page=15), {"a": span(-1, 1_000_000)})
    assert [number for *_, number in found] == list(range(500))


def test_values_of_one_moment_that_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcua_history, "VALUES_MAX", 10)
    found = read(PlayedHistorian({"a": [(5, n) for n in range(50)]}), {"a": span(0, 100)})
    assert [number for *_, number in found] == list(range(50))


def test_a_long_time_without_values_is_quickly_read() -> None:
    historian = PlayedHistorian({"a": [(86_400_000_000 * 300, 1)]})
    assert len(read(historian, {"a": span(0, 86_400_000_000 * 301)})) == 1
    assert historian.asked < 30


def test_a_slow_historian_is_asked_for_shorter_times() -> None:
    historian = PlayedHistorian({"a": [(at * 1_000_000, at) for at in range(1, 60)]})
    historian.late_above = 3 * SECOND
    assert len(read(historian, {"a": span(0, 60_000_000)})) == 59
    historian.late_above = 0
    with pytest.raises(TimeoutError):
        read(historian, {"a": span(0, 60_000_000)})


@pytest.mark.parametrize(
    ("code", "goes_on"),
    [
        (ua.StatusCodes.BadHistoryOperationUnsupported, True),
        (ua.StatusCodes.BadUserAccessDenied, True),
        (ua.StatusCodes.BadTooManyOperations, True),
        (ua.StatusCodes.BadSessionIdInvalid, False),
    ],
)
def test_a_server_that_refuses(code: int, goes_on: bool) -> None:
    historian = PlayedHistorian({"a": [(5, 1)]})
    historian.refused = ua.UaStatusCodeError(code)
    if goes_on:
        assert read(historian, {"a": span(0, 10), "b": span(0, 10)}) == []
    else:
        with pytest.raises(ua.UaStatusCodeError):
            read(historian, {"a": span(0, 10)})
