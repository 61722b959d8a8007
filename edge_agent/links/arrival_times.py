"""Times of arrival of messages that have no time of their own, or whose time does not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

from edge_agent.clock import Clock
from edge_agent.links.publish_packet import Incoming

CLOCK_STEP = timedelta(seconds=1)
"""A clock that goes back further was set; what is less is the order of messages."""


class ArrivalTimes:
    """Times of arrival of one connection, in the order of the messages."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)

    def of(self, message: Incoming) -> datetime:
        """When it came in; never the time of the one before, which would make it a repeat."""
        waited = timedelta(seconds=monotonic() - message.arrived_s) * self._clock.speed
        arrived = self._clock.now() - waited
        if timedelta(0) <= self._last - arrived < CLOCK_STEP:
            arrived = self._last + timedelta(microseconds=1)
        self._last = arrived
        return arrived
