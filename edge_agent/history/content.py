"""Content of a row: a short hash that tells a repeat from another message under the same key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

CONTENT_DIGITS = 16
"""Hexadecimal digits. It only tells rows of one key apart, so 64 bits are plenty."""
NOT_CONTENT = frozenset({"v", "seq", "received_at"})
"""Fields of a document that may differ in a repeat."""
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def frame_content(columns: Mapping[str, Any]) -> str:
    """Compute the content of a telemetry frame.

    Args:
        columns: ``mold_id``, ``shot_id`` as sent, ``sensors``, ``metrics``, ``status`` and
            ``simulated``; what is missing counts as empty.
    """
    readings = [_plain(columns.get(name) or {}) for name in ("sensors", "metrics", "status")]
    return _hash(
        [columns.get("mold_id"), columns.get("shot_id"), *readings, bool(columns.get("simulated"))]
    )


def document_content(document: Mapping[str, Any]) -> str:
    """Compute the content of an event or a quality record.

    Fields without a value do not count: a newer program has more of them.

    Args:
        document: the message as JSON.
    """
    known = {
        name: _plain(value)
        for name, value in document.items()
        if name not in NOT_CONTENT and value not in (None, False, [], {})
    }
    return _hash(known)


def _hash(content: Any) -> str:
    return sha256(_encode(content).encode()).hexdigest()[:CONTENT_DIGITS]


def _plain(value: Any) -> Any:
    """One form for every number: 40 and 40.0 are one reading, in JSON as in MessagePack."""
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case dict():
            return {
                # most readings are not whole: no call for them
                name: one if type(one) is float and not one.is_integer() else _plain(one)
                for name, one in value.items()
            }
        case list():
            return [_plain(one) for one in value]
        case _:
            return value
