"""A connection that is given up while it is being opened ends, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import Any

import aiomqtt
import pytest

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


async def test_a_cancellation_in_the_moment_of_the_answer_is_not_lost() -> None:
    loop, client = asyncio.get_running_loop(), Client("127.0.0.1", 1)
    answer: asyncio.Future[None] = loop.create_future()
    waiting = asyncio.create_task(client._wait_for(answer, timeout=None))
    await asyncio.sleep(0)
    answer.set_result(None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_answer_that_does_not_come_is_an_error_of_mqtt() -> None:
    client = Client("127.0.0.1", 1)
    with pytest.raises(aiomqtt.MqttError, match="timed out"):
        await client._wait_for(asyncio.get_running_loop().create_future(), timeout=0.01)
