"""Brokers on the loop-back address: a free port, and whether a broker answers on a port."""

from __future__ import annotations

import asyncio
import socket

HOST = "127.0.0.1"

_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
"""MQTT 3.1.1 CONNECT: clean session, keep-alive 10 s, no client id."""
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


class BrokerStartError(RuntimeError):
    """A local broker did not start; the message says why, with the end of its log."""


def free_port() -> int:
    """A TCP port nobody listens on now; another process may take it before its use."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def answers(port: int, timeout_s: float = 1.0) -> bool:
    """True if an MQTT broker on `port` accepts an anonymous client within `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(_CONNECT)
                await writer.drain()
                accepted = await reader.readexactly(4) == _CONNACK_ACCEPTED
                writer.write(_DISCONNECT)
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    return accepted
