"""Frames between the web server and its worker: a length of four bytes, then JSON."""

from __future__ import annotations

import json
from asyncio import IncompleteReadError, StreamReader
from typing import Any, BinaryIO

FRAME_MAX = 64_000_000
"""Bytes; a simulation with every curve and layer has two million."""
_LENGTH = 4


def frame(message: dict[str, Any]) -> bytes:
    """A message as it travels.

    Raises:
        ValueError: a number of it is not finite.
    """
    payload = json.dumps(message, allow_nan=False).encode()
    return len(payload).to_bytes(_LENGTH, "big") + payload


def read(pipe: BinaryIO) -> dict[str, Any] | None:
    """The next message; None when the other end is gone."""
    head = pipe.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    payload = pipe.read(int.from_bytes(head, "big"))
    return dict(json.loads(payload))


async def receive(stream: StreamReader) -> dict[str, Any]:
    """The next message.

    Raises:
        EOFError: the other end is gone, or sent what is no message.
    """
    try:
        length = int.from_bytes(await stream.readexactly(_LENGTH), "big")
        if length > FRAME_MAX:
            raise EOFError(f"a frame of {length} bytes")
        return dict(json.loads(await stream.readexactly(length)))
    except (IncompleteReadError, ValueError) as error:
        raise EOFError(str(error)) from None
