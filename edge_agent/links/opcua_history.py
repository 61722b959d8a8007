"""History of an OPC UA server: raw values of a time that was missed, all tags merged by time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from asyncua import ua

from edge_agent.links.opcua_decoding import DataValue, History, history_response
from edge_agent.links.opcua_session import CALL_MAX, OpcUaSession
from edge_agent.links.opcua_values import own_time, status_words, time_of
from edge_agent.logs import get_logger

SECOND = 10_000_000
"""In the server's units of 100 ns."""
FIRST_WIDTH, WIDTH_MIN, WIDTH_MAX = 10 * SECOND, SECOND // 1000, 30 * 86_400 * SECOND
VALUES_WANTED, VALUES_MAX = 10_000, 50_000
"""Of all tags in a slice of time."""
_NO_POINTS = ua.StatusCodes.BadNoContinuationPoints
_BAD = 0x8000_0000
TIMEOUT_S = 30.0
"""A historian may have to look into its files."""
_LESS = {
    ua.StatusCodes.BadTooManyOperations,
    ua.StatusCodes.BadResponseTooLarge,
    ua.StatusCodes.BadEncodingLimitsExceeded,
    ua.StatusCodes.BadRequestTooLarge,
}
_NEVER = {
    ua.StatusCodes.BadServiceUnsupported,
    ua.StatusCodes.BadHistoryOperationUnsupported,
    ua.StatusCodes.BadHistoryOperationInvalid,
    ua.StatusCodes.BadNotSupported,
    ua.StatusCodes.BadNotImplemented,
    ua.StatusCodes.BadUserAccessDenied,
    ua.StatusCodes.BadInternalError,
    ua.StatusCodes.BadUnexpectedError,
}


@dataclass(frozen=True, slots=True)
class Span:
    """Time of a tag that was missed [100 ns since 1601], without its ends."""

    start: int
    end: int


class _TooMany(Exception):
    """More values than are held at once: a shorter slice is read."""


class HistoryReader:
    """Reads slices of time, each of all tags, so that values come in the order of their times."""

    def __init__(self, session: OpcUaSession, name: str, nodes: Mapping[str, ua.NodeId]) -> None:
        self._session, self._name, self._nodes = session, name, nodes
        self._refused: set[str] = set()
        self._step = session.facts.limits.get("history", CALL_MAX)

    async def read(self, spans: Mapping[str, Span]) -> AsyncIterator[list[tuple[str, DataValue]]]:
        """Values with their tags, slice by slice, each in the order of times."""
        spans = {tag: span for tag, span in spans.items() if span.start < span.end}
        if not spans:
            return
        at = _whole(min(span.start for span in spans.values()))
        end = max(span.end for span in spans.values())
        width = FIRST_WIDTH
        while at < end:
            until = at + width
            tags = [tag for tag, s in spans.items() if s.start < until and s.end > at]
            tags = [tag for tag in tags if tag not in self._refused]
            try:
                values = await self._slice(tags, at, until, may_be_more=width <= WIDTH_MIN)
            except _TooMany:
                width = max(WIDTH_MIN, _whole(width // 4))
                continue
            except TimeoutError:
                if width <= SECOND:
                    raise
                width = max(SECOND, _whole(width // 4))
                continue
            kept = [
                (tag, value)
                for tag, value in values
                if at <= own_time(value) < until
                and spans[tag].start < own_time(value) < spans[tag].end
            ]
            kept.sort(key=lambda item: own_time(item[1]))  # stable: a tag's order stays
            if kept:
                yield kept
            at = until
            factor = min(4.0, max(0.25, VALUES_WANTED / max(1, len(values))))
            width = min(WIDTH_MAX, max(WIDTH_MIN, _whole(int(width * factor))))

    async def _slice(
        self, tags: list[str], start: int, end: int, *, may_be_more: bool
    ) -> list[tuple[str, DataValue]]:
        """Values of a slice, tag after tag.

        Raises:
            _TooMany: they are more than are held at once.
        """
        values: list[tuple[str, DataValue]] = []
        waiting = [(tag, b"") for tag in tags]
        while waiting:
            now, waiting = waiting[: self._step], waiting[self._step :]
            try:
                answers = await self._ask(now, start, end)
            except ua.UaStatusCodeError as error:
                waiting = [(tag, b"") for tag, _ in (*now, *waiting)]
                values = [one for one in values if one[0] not in dict(waiting)]
                self._refused_at_all(error, dict(now), may_be_more=may_be_more)
                waiting = [one for one in waiting if one[0] not in self._refused]
                continue
            for (tag, _), history in zip(now, answers, strict=True):
                if history.status == _NO_POINTS and len(now) > 1:
                    self._step = max(1, len(now) // 4)  # the server holds so few at a time
                    waiting.append((tag, b""))
                elif history.status & _BAD:
                    self._refuse(tag, history.status)
                else:
                    values += [(tag, value) for value in history.values]
                    if history.continuation:
                        waiting.insert(0, (tag, history.continuation))
            if len(values) > VALUES_MAX and not may_be_more:
                await self._release([point for point in waiting if point[1]], start, end)
                raise _TooMany
        return values

    async def _ask(
        self, points: list[tuple[str, bytes]], start: int, end: int, *, release: bool = False
    ) -> list[History]:
        request = ua.HistoryReadRequest()
        details = ua.ReadRawModifiedDetails()
        details.IsReadModified = False
        details.StartTime, details.EndTime = time_of(start), time_of(end)
        details.NumValuesPerNode = 0
        details.ReturnBounds = False
        request.Parameters.HistoryReadDetails = details
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ReleaseContinuationPoints = release
        for tag, point in points:
            node = ua.HistoryReadValueId()
            node.NodeId, node.ContinuationPoint = self._nodes[tag], point or None
            request.Parameters.NodesToRead.append(node)
        return history_response(await self._session.raw(request, TIMEOUT_S))

    async def _release(self, points: list[tuple[str, bytes]], start: int, end: int) -> None:
        if points:
            with suppress(ua.UaStatusCodeError):  # it forgets them by itself, too
                await self._ask(points, start, end, release=True)

    def _refused_at_all(
        self, error: ua.UaStatusCodeError, tags: Iterable[str], *, may_be_more: bool
    ) -> None:
        """Ask for less after the server refused a request, or no more for these tags.

        Raises:
            _TooMany: a shorter slice may be answered.
            ua.UaStatusCodeError: it has nothing to do with the history.
        """
        if error.code in _LESS:
            if self._step > 1:
                self._step = max(1, self._step // 4)
                return
            if not may_be_more:
                raise _TooMany
        elif error.code not in _NEVER:
            raise error
        for tag in tags:
            self._refuse(tag, error.code)

    def _refuse(self, tag: str, status: int) -> None:
        self._refused.add(tag)
        get_logger().warning(
            "history_unreadable",
            reason=self._name,
            detail=tag,
            code=status_words(status),
            hint="values of the outage that only the history has are missing",
        )


def _whole(ticks: int) -> int:
    """Time in whole microseconds, as times travel."""
    return ticks // 10 * 10
