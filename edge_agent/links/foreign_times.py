"""Times in foreign messages: a text of RFC 3339, or a number since 1970 in a unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Literal

from broker.timestamps import parse_timestamp

TimeUnit = Literal["auto", "s", "ms", "us", "ns"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def read_time(value: object, unit: TimeUnit) -> datetime:
    """The time in UTC; digits below a microsecond are dropped.

    Args:
        value: as it stands in the JSON.
        unit: of a number; ``auto``: seconds, or milliseconds above 1e11.

    Raises:
        ValueError: why it is no time.
    """
    if unit == "auto" or isinstance(value, bool) or not isinstance(value, int | float):
        return parse_timestamp(value)
    if not isfinite(value):
        raise ValueError(f"{value} is no time")
    per_second = _PER_SECOND[unit]
    try:
        if isinstance(value, int):
            time = _EPOCH + timedelta(microseconds=value * 1_000_000 // per_second)
        else:
            time = _EPOCH + timedelta(seconds=value / per_second)
    except OverflowError:
        raise ValueError(f"{value:g} {unit} since 1970 is no time of a clock") from None
    return parse_timestamp(time)
