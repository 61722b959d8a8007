"""Messages with their numbers, as they travel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgpack

from broker.codec import Format


def payload_of(document: Mapping[str, Any], device_id: str, seq: int, format: Format) -> bytes:
    """The payload of a message.

    Args:
        document: the message without its place in the count of its device.
        device_id: the device on the wire.
        seq: its number.
        format: JSON or MessagePack.

    Raises:
        ValueError: a number in it is not finite.
    """
    whole = {**document, "device_id": device_id, "seq": seq}
    if format == "json":
        text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    return msgpack.packb(whole)  # type: ignore[no-any-return]


def document_of(payload: bytes, format: Format) -> dict[str, Any]:
    """The document of a payload of ``payload_of``."""
    return dict(json.loads(payload) if format == "json" else msgpack.unpackb(payload))
