"""Times on the wire: RFC 3339 with an offset or a number; always written in UTC with Z."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import TelemetryFrame, decode, encode, format_timestamp, parse_timestamp
from broker.timestamps import EARLIEST, LATEST
from tests.support.payloads import telemetry

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31 12:00:00.000+00:00",
        "2026-01-31T14:30:00+02:30",
        "2026-01-31T12:00:00.000000999Z",
        "2026-01-31T12:00:00-00:00",
        1769860800,
        1769860800.0,
        1769860800000,
        NOON,
        NOON.astimezone(timezone(timedelta(hours=-7))),
    ],
)
def test_one_moment_has_many_spellings(value: Any) -> None:
    assert parse_timestamp(value) == NOON
    assert parse_timestamp(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00",
        "2026-01-31",
        "2026-01-31T12:00Z",
        "20260131T120000Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00Z ",
        "2026-01-31T25:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T12:00:00+25:00",
        "٢٠٢٦-01-31T12:00:00Z",
        "1769860800",
        "now",
        "",
        True,
        None,
        [],
        datetime(2026, 1, 31, 12),  # naive on purpose
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:01Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        0,
        -1,
        4102444801,
        1769860800000000,
        1e308,
        10**400,
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(value)


def test_the_bounds_are_times() -> None:
    assert parse_timestamp(EARLIEST) == EARLIEST
    assert parse_timestamp("2099-12-31T23:00:00-01:00") == LATEST


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_written_times_are_read_back_to_the_microsecond(time: datetime) -> None:
    text = format_timestamp(time)
    assert text.endswith("Z")
    assert parse_timestamp(text) == time


@given(st.integers(946684800_000, 4102444800_000))
def test_milliseconds_are_exact(milliseconds: int) -> None:
    assert parse_timestamp(milliseconds) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=milliseconds
    )


def test_a_payload_is_written_in_utc() -> None:
    payload = json.dumps(telemetry(ts="2026-01-31T14:00:00.25+02:00")).encode()
    frame = decode(TelemetryFrame, payload)
    assert json.loads(encode(frame))["ts"] == "2026-01-31T12:00:00.250000Z"
