"""Clocks: the agent asks its clock, never the system; tests and demo set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    speed: float
    """Seconds of this clock per second of the wall."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    speed = 1.0

    def now(self) -> datetime:
        """Time of this clock, in UTC."""
        return datetime.now(UTC)


class AcceleratedClock:
    """A clock that runs ``speed`` times as fast as the wall, from ``start`` on."""

    def __init__(self, speed: float, start: datetime | None = None) -> None:
        self.speed = speed
        self._start = start or datetime.now(UTC)
        self._zero = time.monotonic()

    def now(self) -> datetime:
        """Time of this clock, in UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._zero) * self.speed)
