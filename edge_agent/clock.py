"""Clocks: the agent asks its clock, never the system; tests and demo set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self


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

    def __init__(
        self, speed: float, start: datetime | None = None, zero: float | None = None
    ) -> None:
        """Start a clock.

        Args:
            speed: seconds of this clock per second of the wall.
            start: its time at ``zero``; by default the time of the wall.
            zero: reading of the machine's monotonic clock [s]; by default that of now.
        """
        self.speed = speed
        self._start = start or datetime.now(UTC)
        self._zero = time.monotonic() if zero is None else zero

    @property
    def words(self) -> str:
        """This clock for another process of the machine: ``read`` makes it there."""
        return f"{self.speed!r} {self._start.isoformat()} {self._zero!r}"

    @classmethod
    def read(cls, words: str) -> Self:
        """The clock whose ``words`` these are; ValueError for others."""
        speed, start, zero = words.split()
        return cls(float(speed), datetime.fromisoformat(start), float(zero))

    def now(self) -> datetime:
        """Time of this clock, in UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._zero) * self.speed)
