"""Messages with their numbers, as they travel."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import msgpack

from broker.codec import Format

PACKED = b"\0z"
"""Before a compressed payload; neither JSON nor a map of MessagePack begins so."""
PACKED_FROM = 600
"""Bytes of a payload from which on it is compressed."""


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


def pack_payload(payload: bytes) -> bytes:
    """A payload as it is kept: a long one compressed, since a commit writes whole pages."""
    return payload if len(payload) < PACKED_FROM else PACKED + zlib.compress(payload, 1)


def unpack_payload(kept: bytes) -> bytes:
    """The payload that was kept.

    Raises:
        ValueError: it is damaged.
    """
    if not kept.startswith(PACKED):
        return kept
    try:
        return zlib.decompress(kept[len(PACKED) :])
    except zlib.error as error:
        raise ValueError(str(error)) from None
