"""A connection that is given up while it is being opened leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import Any

from edge_agent.links.mqtt_client import Client


async def test_a_socket_that_is_closed_before_it_is_watched() -> None:
    loop, complaints = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    client = Client("127.0.0.1", 1)
    ours, theirs = socket.socketpair()
    with closing(theirs):
        client._on_socket_open(client.paho, None, ours)
        ours.close()  # a signal came meanwhile
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not complaints
    assert client._misc_task is None
