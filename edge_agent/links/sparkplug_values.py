"""Values, times and faults of Sparkplug metrics, as samples carry them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite

from broker.sparkplug.data_types import ARRAYS, DataType
from broker.sparkplug.payload import GOOD, QUALITY, STALE, Metric
from edge_agent.links.tag_source import Value

OPAQUE = ARRAYS | {DataType.DATASET, DataType.BYTES, DataType.FILE, DataType.TEMPLATE}
"""Types whose values are not read."""
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
    if metric.fault:
        return None, metric.fault
    if metric.quality != GOOD:
        said = metric.properties[QUALITY].value
        words = _QUALITIES.get(said) if isinstance(said, int) else None
        return None, f"quality {str(said)[:_SHOWN]}" + (f" ({words})" if words else "")
    value = metric.value
    if metric.type in OPAQUE:
        name = metric.type.name if metric.type else ""
        return None, f"is a {name}: only single numbers, truth values and texts are read"
    match value:
        case None:
            return None, "is null: the edge node has no value of it"
        case bool():
            return value, ""
        case int() if abs(value) <= _INT_MAX:
            return value, ""
        case float() if isfinite(value):
            return value, ""
        case int() | float():
            return None, f"{value} is no finite number of 64 bits"
        case str() if len(value) <= TEXT_MAX and value.isprintable():
            return value, ""
        case str():
            shown = f"{value[:_SHOWN]!r}"
            return None, f"{shown}: a text with line breaks, or longer than {TEXT_MAX}"
    return None, "is bytes: only single numbers, truth values and texts are read"


def time_of(milliseconds: int) -> datetime | None:
    """Time of a message or metric in UTC; None where it is none that a clock can show."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
