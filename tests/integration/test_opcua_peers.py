"""The OPC UA source against node-opcua, which transfers subscriptions, and over a long time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links import opcua_session
from edge_agent.links.opcua import OpcUaLink
from tests.support.link_proxy import LinkProxy
from tests.support.machines.gateway import Gateway, in_order
from tests.support.node_opcua import NodeOpcUa

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("npm:node-opcua"),
]
URI = "http://vendor.example/press"
TAGS = {
    "temperature": ("Double", 45.5),
    "counter": ("Int32", 7),
    "open": ("Boolean", False),
    "material": ("String", "PU-RIGID-60"),
}
VALUES = {tag: value for tag, (_, value) in TAGS.items()}
APART_MS = 130
"""The server looks twice as often."""


class NodeMachine:
    """A server of node-opcua behind a proxy."""

    def __init__(self, server: NodeOpcUa) -> None:
        self.server, self.proxy = server, LinkProxy(server.port)
        self.queue = 1000

    def source(self) -> OpcUaLink:
        """A source of all its tags."""
        tags: dict[str, Any] = {tag: {"node": f"nsu={URI};s=Press.{tag}"} for tag in TAGS}
        tags["counter"]["queue"] = self.queue
        base = {"kind": "opcua", "url": f"opc.tcp://127.0.0.1:{self.proxy.port}/press"}
        more = {"subscription_ms": 50, "timeout_s": 2.0, "tags": tags}
        return OpcUaLink("plc", OpcUaSource.model_validate(base | more))

    async def break_link(self, trouble: Literal["cut", "half-open"]) -> None:
        """Break the link."""
        self.proxy.break_link(trouble)

    async def heal(self) -> None:
        """Make it work again."""
        self.proxy.heal()


@pytest.fixture(scope="module")
def shared() -> Iterator[NodeOpcUa]:
    with NodeOpcUa(TAGS, history=["counter"]) as server:
        yield server


@asynccontextmanager
async def running(server: NodeOpcUa, queue: int = 1000) -> AsyncIterator[Gateway]:
    """A gateway that has all values."""
    machine = NodeMachine(server)
    machine.queue = queue
    for tag, value in VALUES.items():
        server.write(tag, value)
    async with machine.proxy:
        gateway = Gateway(machine)  # type: ignore[arg-type]
        async with gateway:
            await gateway.has_all(VALUES)
            yield gateway


async def test_values_of_every_type(shared: NodeOpcUa) -> None:
    async with running(shared) as gateway:
        shared.write("temperature", 46.25)
        shared.write("open", True)
        shared.write("material", "PU-FLEX-40")
        await gateway.has_all({"temperature": 46.25, "open": True, "material": "PU-FLEX-40"})
        shared.write("temperature", 46.25, status="BadSensorFailure")
        assert (await gateway.fault("temperature")).fault == "BadSensorFailure"
        assert not gateway.errors


@pytest.mark.parametrize("left", ["session", "subscription", "nothing"])
async def test_what_the_server_kept(shared: NodeOpcUa, left: str) -> None:
    """By the session, by the transfer of its subscription, and by the history."""
    async with running(shared) as gateway:
        shared.write("counter", 101, pause_ms=APART_MS)
        await gateway.has("counter", 101)
        await gateway.kill()
        shared.write("counter", 102, 103, 104, pause_ms=APART_MS)
        position: dict[str, Any] = dict(gateway.position)
        if left != "session":
            position["session"] = {"token": "ns=1;i=999", "nonce": ""}
        if left == "nothing":
            position["subscription"] = 4711
        gateway.position = position
        before = len(gateway.samples)
        gateway.start()
        await gateway.has("counter", 104)
        shared.write("counter", 105)
        await gateway.has("counter", 105)
    assert gateway.values("counter") == [7, 101, 102, 103, 104, 105]
    later = [one for one in gateway.samples[before:] if one.tag == "counter"]
    assert in_order(later)
    assert [one.value for one in later if one.historical] == [102, 103, 104]


async def test_a_queue_that_was_too_short_is_filled_from_the_history(shared: NodeOpcUa) -> None:
    async with running(shared, queue=2) as gateway:
        await gateway.kill()
        shared.write("counter", *range(201, 208), pause_ms=APART_MS)
        gateway.start()
        await gateway.has("counter", 207)
    assert gateway.values("counter") == [7, *range(201, 208)]


async def test_a_server_that_is_killed_and_comes_back() -> None:
    with NodeOpcUa(TAGS) as server:
        async with running(server) as gateway:
            server.kill()
            await gateway.lost(10)
            server.start()
            await gateway.has("counter", 7)
            server.write("counter", 8)
            await gateway.has("counter", 8, 30)


async def test_a_link_that_is_half_open(shared: NodeOpcUa) -> None:
    async with running(shared) as gateway:
        await gateway._machine.break_link("half-open")
        shared.write("counter", 101, 102, pause_ms=APART_MS)
        error = await gateway.lost(8)
        assert "half open" in str(error)
        await gateway._machine.heal()
        await gateway.has("counter", 102)
    assert gateway.values("counter") == [7, 101, 102]


async def test_its_variables_have_units(shared: NodeOpcUa) -> None:
    async with running(shared) as gateway:
        found = {tag.name: tag async for tag in gateway._machine.source().browse()}
    temperature = found["Press.temperature"]
    assert (temperature.data_type, temperature.unit) == ("Double", "°C")
    assert temperature.address == f"nsu={URI};s=Press.temperature"


async def test_keys_of_the_channel_are_renewed(
    shared: NodeOpcUa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua_session, "RENEW_AFTER", 0.0003)  # of an hour
    async with running(shared) as gateway:
        for value in range(300, 320):
            shared.write("counter", value, pause_ms=APART_MS)
        await gateway.has("counter", 319)
        assert gateway.errors == []
