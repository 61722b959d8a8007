"""Times on the wire: aware UTC in memory, RFC 3339 with `Z` and microseconds in a payload.

Whether a time is plausible against a clock is the agent's business; here only times that no press
can mean are refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from broker.time_faults import number_fault, time_fault

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

MILLISECONDS_ABOVE = 1e11
"""A number above this (the year 5138 in seconds) is read as milliseconds since the epoch."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_timestamp(value: object) -> datetime:
    """The aware UTC time that `value` means; digits below a microsecond are dropped.

    Accepts an aware datetime, RFC 3339 text with an offset, or a number since the epoch: seconds,
    or milliseconds above `MILLISECONDS_ABOVE`. Raises ValueError for anything else, and for a time
    outside `EARLIEST` to `LATEST`.
    """
    try:
        time = _read(value)
    except OverflowError:
        raise ValueError(f"time outside {EARLIEST.year} to {LATEST.year}") from None
    if not EARLIEST <= time <= LATEST:
        unset = ": the clock of the sender is not set" if time < EARLIEST else ""
        raise ValueError(f"time {time.isoformat()} outside {EARLIEST.year} to {LATEST.year}{unset}")
    return time


def format_timestamp(time: datetime) -> str:
    """RFC 3339 in UTC with `Z`; `time` must be aware."""
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    return time.isoformat()[:-6] + "Z"  # instead of +00:00


def _read(value: object) -> datetime:
    match value:
        case bool():
            raise ValueError(time_fault(value))
        case str() if _RFC3339.fullmatch(value):
            if value[11:13] == "24" or value[17:19] == "60":
                raise ValueError(time_fault(value))
            try:
                return datetime.fromisoformat(value.upper()).astimezone(UTC)
            except ValueError:
                raise ValueError(time_fault(value)) from None
        case int() | float():
            words = number_fault(value)
            if words is not None:
                raise ValueError(words)
            milliseconds = value > MILLISECONDS_ABOVE
            return _EPOCH + (
                timedelta(milliseconds=value) if milliseconds else timedelta(seconds=value)
            )
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC)
        case _:
            raise ValueError(time_fault(value))


def _validate(value: object) -> datetime:
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise PydanticCustomError("timestamp", "{reason}", {"reason": str(error)}) from None


Timestamp = Annotated[
    datetime,
    PlainValidator(_validate),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
            "description": "RFC 3339 with an offset, or a number since the epoch: seconds, "
            "milliseconds above 1e11",
        },
        mode="validation",
    ),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A time in a message: aware UTC, between the years 2000 and 2100."""
