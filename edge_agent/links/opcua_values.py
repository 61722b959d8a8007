"""Values of OPC UA as samples: status codes, times, and words for what is no value.

Good counts. Uncertain does not: the server itself doubts the value, which may be the last one it
could get; its code stands in the sample's fault as that of Bad does.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from asyncua.ua.status_codes import get_name_and_doc

from edge_agent.links.opcua_decoding import DataValue, NoValue
from edge_agent.links.tag_source import Sample, Value

Clock = Literal["source", "server", "arrival"]
NOT_GOOD = 0xC000_0000
"""Bits of a status code: 00 Good, 01 Uncertain, 10 Bad."""
CODE = 0xFFFF_0000
"""Bits that name it; the others say more of the value."""
_DATA_VALUE, _OVERFLOW = 0x0C00, 0x0480
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_TICKS_MAX = 2_650_467_743_990_000_000
"""End of the year 9999."""


def status_words(code: int) -> str:
    """Name of a status code: ``BadSensorFailure``; with its number where it has none."""
    name: str = get_name_and_doc(code & CODE)[0]
    return f"{name} (0x{code:08X})" if name in {"Good", "Uncertain", "Bad"} and code else name


def has_overflowed(code: int) -> bool:
    """True if the server's queue was full before this value, and others are lost."""
    return code & _DATA_VALUE == 0x0400 and code & _OVERFLOW == _OVERFLOW


@lru_cache(maxsize=4096)
def time_of(ticks: int) -> datetime | None:
    """Time from units of 100 ns since 1601, to the microsecond; None where it is none."""
    if not 0 < ticks < _TICKS_MAX:
        return None
    return _EPOCH + timedelta(microseconds=ticks // 10)


def ticks_of(time: datetime) -> int:
    """Units of 100 ns since 1601."""
    return (time - _EPOCH) // timedelta(microseconds=1) * 10


def own_time(value: DataValue) -> int:
    """Time that identifies a value [100 ns since 1601]: that of its source, else the server's."""
    return value.source_time or value.server_time


def chosen_time(value: DataValue, clock: Clock) -> datetime | None:
    """Time of a value by the clock that counts; None: it is that of arrival."""
    if clock == "source":
        return time_of(value.source_time) or time_of(value.server_time)
    if clock == "server":
        return time_of(value.server_time) or time_of(value.source_time)
    return None


def value_or_fault(value: DataValue) -> tuple[Value | None, str]:
    """The value that counts, or None and why there is none."""
    if value.status & NOT_GOOD:
        return None, status_words(value.status)
    plain = value.value
    kind = plain.__class__
    if kind is float:
        if math.isfinite(plain):  # type: ignore[arg-type]
            return plain, ""
        return None, f"{plain}: not a finite number"
    if kind is NoValue:
        return None, str(plain)
    return plain, ""


def sample_of(
    tag: str, value: DataValue, clock: Clock, arrived: datetime, *, historical: bool = False
) -> Sample:
    """A sample of a tag.

    Args:
        arrived: when it came in, or when it is thought to have happened, where that time counts.
    """
    plain, fault = value_or_fault(value)
    ts = chosen_time(value, clock)
    if ts is None:
        return Sample(tag, arrived, plain, fault, of_arrival=True, historical=historical)
    return Sample(tag, ts, plain, fault, historical=historical)
