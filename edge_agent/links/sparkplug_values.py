"""Values, times and faults of Sparkplug metrics, as samples carry them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite

from broker.sparkplug.payload import GOOD, QUALITY, STALE, Metric
from edge_agent.links.tag_source import Value

TEXT_MAX = 1000
"""Characters of a text that is a value."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT_MAX = 2**63 - 1
_SHOWN = 40
_QUALITIES = {0: "bad", STALE: "stale"}


def value_of(metric: Metric) -> tuple[Value | None, str]:
    """Value that a sample can carry; or None, and why there is none.

    Args:
        metric: of a birth, or of data, typed by its birth.
    """
    why = metric.fault or _bad_quality(metric) or _unusable(metric)
    return (None, why) if why or isinstance(metric.value, bytes) else (metric.value, "")


def _bad_quality(metric: Metric) -> str:
    if metric.quality == GOOD:
        return ""
    said = metric.properties[QUALITY].value
    words = _QUALITIES.get(said) if isinstance(said, int) else None
    return f"quality {str(said)[:_SHOWN]}" + (f" ({words})" if words else "")


def _unusable(metric: Metric) -> str:
    match metric.value:
        case None:
            return "is null: the edge node has no value of it"
        case bytes():
            name = "bytes" if metric.type is None else metric.type.name
            return f"is of the type {name}: only numbers, truth values and texts are read"
        case str(text) if len(text) > TEXT_MAX or not text.isprintable():
            return f"{text[:_SHOWN]!r}: a text with line breaks, or longer than {TEXT_MAX}"
        case int(number) if abs(number) > _INT_MAX:
            return f"{number} is beyond 64 bits with a sign"
        case float(number) if not isfinite(number):
            return f"{number} is no number"
    return ""


def time_of(milliseconds: int) -> datetime | None:
    """Time of a message or metric in UTC; None where it is none that a clock can show."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
