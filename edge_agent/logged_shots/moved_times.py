"""Times of recorded messages moved by one offset, so that what was recorded seems to come now."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from broker.timestamps import MILLISECONDS_ABOVE, format_timestamp, parse_timestamp


def moved(payload: bytes, offset: timedelta) -> bytes:
    """The payload with its ``ts``, and that of a record it corrects, moved; others as they are.

    Args:
        payload: JSON; anything else, and a time that cannot be read, stays as it is.
        offset: is added to the times.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    if not isinstance(document, dict) or "ts" not in document:
        return payload
    document["ts"] = _moved(document["ts"], offset)
    if isinstance(document.get("corrects"), dict) and "ts" in document["corrects"]:
        document["corrects"]["ts"] = _moved(document["corrects"]["ts"], offset)
    try:
        return json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character of UTF-16, as an escape
        return json.dumps(document).encode()


def _moved(value: Any, offset: timedelta) -> Any:
    """A time in the form that it had."""
    try:
        moved = parse_timestamp(value) + offset
    except (ValueError, OverflowError):
        return value
    if isinstance(value, str):
        return format_timestamp(moved)
    return value + offset.total_seconds() * (1000 if value > MILLISECONDS_ABOVE else 1)
