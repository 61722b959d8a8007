"""Values of options: numbers that are finite, spans of time, moments. What is wrong ends with 2."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

AGE_MAX = timedelta(days=36_500)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SEED = click.IntRange(0, 2**63 - 1)


class Number(click.FloatRange):
    """A number within bounds; neither NaN nor infinite."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


class LowHigh(click.ParamType):  # type: ignore[type-arg]
    """Two numbers, the lower one first: 2,30."""

    name = "low,high"

    def __init__(self, low: float, high: float) -> None:
        self._number = Number(low, high)

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        parts = value.split(",")
        if len(parts) != 2:
            self.fail(f"{value[:40]!r}: write two numbers: 2,30", param, ctx)
        low, high = (self._number.convert(part, param, ctx) for part in parts)
        if low > high:
            self.fail(f"{value[:40]!r}: {low:g} is above {high:g}: the lower one first", param, ctx)
        return low, high


class Age(click.ParamType):  # type: ignore[type-arg]
    """A span of time as a number and a unit: 30m, 24h, 7d, 12w."""

    name = "age"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = age(value)
        if found is None:
            self.fail("write a number and m, h, d or w: 30m, 24h, 7d", param, ctx)
        if found > AGE_MAX:
            self.fail(f"{value[:20]}: at most {AGE_MAX.days}d, a hundred years", param, ctx)
        return found


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A moment: 2026-05-01, 2026-05-01T06:00Z, or so long ago as an ``Age`` says."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        if age(value) is not None:
            return datetime.now(UTC) - Age().convert(value, param, ctx)
        try:
            found = datetime.fromisoformat(value)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("write 2026-05-01, 2026-05-01T06:00Z, or 90d back", param, ctx)
        if not 1900 <= found.year <= 2200:
            self.fail(f"{value[:40]}: the year must be from 1900 to 2200", param, ctx)
        return found


def age(text: str) -> timedelta | None:
    """The span of time in a text; None if it is none, more than ``AGE_MAX`` if it is too long."""
    match = re.fullmatch(r"([0-9]+)([mhdw])", text)
    if match is None:
        return None
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except (OverflowError, ValueError):  # ValueError: thousands of digits
        return AGE_MAX + timedelta(days=1)
