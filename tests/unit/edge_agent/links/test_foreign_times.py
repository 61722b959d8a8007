"""Times of others: a number in its unit, or a text of RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.links.foreign_times import TimeUnit, read_time

AT = datetime(2026, 3, 1, 6, 0, 1, 250_000, tzinfo=UTC)
S = int(AT.timestamp())


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (S + 0.25, "auto"),
        (S * 1000 + 250, "auto"),
        ("2026-03-01T07:00:01.25+01:00", "auto"),
        ("2026-03-01T06:00:01.25Z", "ns"),
        (S + 0.25, "s"),
        (S * 1000 + 250, "ms"),
        ((S * 1000 + 250) * 1000, "us"),
        ((S * 1000 + 250) * 1_000_000 + 999, "ns"),
        (S * 1000 + 250.0, "ms"),
    ],
)
def test_times(value: object, unit: TimeUnit) -> None:
    assert read_time(value, unit) == AT


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "auto", "null is no time"),
        (True, "ms", "true is no time"),
        ("gestern", "auto", "expected RFC 3339"),
        ("2026-03-01T06:00:01", "auto", "no offset"),
        (12.5, "s", "the clock of the sender is not set"),
        (S * 1_000_000, "s", "is no time of a clock"),
        (float("nan"), "s", "nan is no time"),
        ([S], "s", "an array is no time"),
    ],
)
def test_what_is_no_time_says_why(value: object, unit: TimeUnit, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_time(value, unit)


@given(st.integers(946_684_800_000_000, 4_102_444_799_000_000))
def test_microseconds_are_exact(us: int) -> None:
    assert (read_time(us, "us") - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    ) == us
