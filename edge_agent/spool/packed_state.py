"""State of open shots as it stands in the spool: JSON, compressed when it is long."""

from __future__ import annotations

import json
import zlib
from typing import Any

PACKED_FROM = 512
"""Characters of a state from which on it is compressed: a curing shot is written every second."""


def pack_state(value: dict[str, Any]) -> str | bytes:
    """A state as it is stored: JSON, compressed when it is long."""
    text = json.dumps(value, separators=(",", ":"))
    return text if len(text) < PACKED_FROM else zlib.compress(text.encode(), 1)


def unpack_state(stored: str | bytes) -> dict[str, Any]:
    """A state from ``pack_state``, or of an older spool.

    Raises:
        ValueError, TypeError: it is damaged.
    """
    try:
        text = zlib.decompress(stored) if isinstance(stored, bytes) else stored
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return dict(json.loads(text))
