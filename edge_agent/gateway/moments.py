"""Moments as whole microseconds since 1970, UTC: what state, queues and comparisons hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.timestamps import format_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US = 1_000_000


def us_of(time: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return round(time.timestamp() * 1e6)


def time_of(us: int) -> datetime:
    """The aware time, UTC, of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def text_of(us: int) -> str:
    """The time as a payload has it: RFC 3339 with ``Z``."""
    return format_timestamp(time_of(us))


def seconds_us(seconds: float) -> int:
    """Seconds as microseconds."""
    return round(seconds * 1e6)


def seconds_text(us: int) -> str:
    """A span of microseconds in words: ``0.35 s``, ``4.2 min``."""
    seconds = us / 1e6
    if abs(seconds) < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if abs(seconds) < 7200 else f"{seconds / 3600:.3g} h"
