"""Which values of OPC UA count, whose time is theirs, and the words for those that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.links.opcua_decoding import DataValue, NoValue
from edge_agent.links.opcua_values import (
    has_overflowed,
    sample_of,
    ticks_of,
    time_of,
    value_or_fault,
)

SOURCE = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SERVER = SOURCE + timedelta(seconds=1)
ARRIVED = SOURCE + timedelta(seconds=2)


def value(plain: object = 1.5, status: int = 0, *, timed: bool = True) -> DataValue:
    times = (ticks_of(SOURCE), ticks_of(SERVER)) if timed else (0, 0)
    return DataValue(plain, status, *times)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (value(1.5), (1.5, "")),
        (value(True), (True, "")),
        (value("text"), ("text", "")),
        (value(1.5, 0x0000_0400), (1.5, "")),
        (value(1.5, 0x0096_0000), (1.5, "")),  # GoodLocalOverride
        (value(float("nan")), (None, "nan: not a finite number")),
        (value(float("-inf")), (None, "-inf: not a finite number")),
        (value(NoValue("an array")), (None, "an array")),
        (value(1.5, 0x808C_0000), (None, "BadSensorFailure")),
        (value(1.5, 0x4090_0000), (None, "UncertainLastUsableValue")),
        (value(1.5, 0x8FFF_0000), (None, "Bad (0x8FFF0000)")),
    ],
)
def test_good_counts_and_the_rest_says_why(given: DataValue, expected: tuple[object, str]) -> None:
    assert value_or_fault(given) == expected


@pytest.mark.parametrize(
    ("clock", "timed", "ts", "of_arrival"),
    [
        ("source", True, SOURCE, False),
        ("server", True, SERVER, False),
        ("arrival", True, ARRIVED, True),
        ("source", False, ARRIVED, True),
    ],
)
def test_the_clock_that_counts(clock: str, timed: bool, ts: datetime, of_arrival: bool) -> None:
    sample = sample_of("tag", value(timed=timed), clock, ARRIVED)  # type: ignore[arg-type]
    assert (sample.ts, sample.of_arrival) == (ts, of_arrival)


def test_times_to_the_microsecond_and_none_that_are_none() -> None:
    moment = datetime(2026, 11, 29, 12, 0, 0, 123457, tzinfo=UTC)
    assert time_of(ticks_of(moment)) == moment
    assert time_of(0) is time_of(-1) is time_of(2**63 - 1) is None


def test_an_overflow_of_a_queue() -> None:
    assert has_overflowed(0x0000_0480)
    assert not has_overflowed(0x0000_0400)
    assert not has_overflowed(0x8034_0000)
