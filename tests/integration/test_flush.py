"""What is sent is written at once, and then the event loop rests."""

from __future__ import annotations

import asyncio
import selectors

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect

pytestmark = pytest.mark.needs("mosquitto")


async def test_a_flushed_socket_is_not_waited_for() -> None:
    """A socket that can always be written to would keep a processor busy for nothing."""
    async with (
        MosquittoProcess() as broker,
        connect(BrokerSettings(port=broker.port), "x") as session,
    ):
        outcome = session.send("t", b"{}")
        session.flush()
        await asyncio.wait_for(outcome, 20)
        await asyncio.sleep(0)
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        socket = session._client.paho.socket()
        assert not selector.get_key(socket).events & selectors.EVENT_WRITE
