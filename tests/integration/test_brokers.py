"""Both local brokers really start and pass a message to a real client."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from broker.local import mosquitto
from broker.local.embedded import EmbeddedBroker
from broker.local.loopback import HOST, BrokerStartError, answers, free_port
from broker.local.mosquitto import MosquittoProcess, find_mosquitto, render_config

TOPIC = "pur/v1/site/press/twin/status"
V5 = aiomqtt.ProtocolVersion.V5
V311 = aiomqtt.ProtocolVersion.V311


@asynccontextmanager
async def client(port: int, version: aiomqtt.ProtocolVersion) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(HOST, port, protocol=version, timeout=5) as connected:
        yield connected


async def retain(port: int, payload: bytes, version: aiomqtt.ProtocolVersion) -> None:
    async with client(port, version) as publisher:
        await publisher.publish(TOPIC, payload, qos=1, retain=True)


async def retained(port: int, version: aiomqtt.ProtocolVersion) -> aiomqtt.Message:
    async with client(port, version) as subscriber:
        await subscriber.subscribe(TOPIC, qos=1)
        async with asyncio.timeout(5):
            return await anext(aiter(subscriber.messages))


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("version", [V5, V311], ids=["MQTT 5", "MQTT 3.1.1"])
async def test_mosquitto_passes_a_retained_message(version: aiomqtt.ProtocolVersion) -> None:
    async with MosquittoProcess() as broker:
        await retain(broker.port, b"\x00payload", version)
        message = await retained(broker.port, version)
        assert (message.payload, message.qos, message.retain) == (b"\x00payload", 1, True)


@pytest.mark.needs("mosquitto")
async def test_mosquitto_keeps_its_store_over_an_orderly_restart(tmp_path: Path) -> None:
    async with MosquittoProcess(directory=tmp_path, persistence=True) as broker:
        port = broker.port
        await retain(port, b"kept", V5)
        await broker.restart()
        assert broker.port == port
        assert (await retained(port, V5)).payload == b"kept"


@pytest.mark.needs("mosquitto")
async def test_a_killed_mosquitto_starts_again_on_its_port() -> None:
    async with MosquittoProcess() as broker:
        assert broker.is_running
        await broker.kill()
        assert not broker.is_running
        assert not await answers(broker.port)
        await broker.start()
        assert await answers(broker.port)
    assert not broker.is_running


@pytest.mark.needs("mosquitto")
async def test_mosquitto_says_why_it_does_not_start() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerStartError, match="Address already in use"):
            async with MosquittoProcess(port):
                pass


@pytest.mark.needs("mosquitto")
async def test_mosquitto_takes_another_port_when_the_free_one_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with MosquittoProcess() as first:
        ports = iter([first.port, free_port()])
        monkeypatch.setattr(mosquitto, "free_port", lambda: next(ports))
        async with MosquittoProcess() as second:
            assert second.port != first.port


async def test_without_mosquitto_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosquitto, "find_mosquitto", lambda: None)
    with pytest.raises(BrokerStartError, match="not on this machine"):
        async with MosquittoProcess():
            pass


@pytest.mark.needs("mosquitto")
def test_mosquitto_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user's PATH has no /usr/sbin, where Debian puts it."""
    searched: list[str] = []

    def which(program: str, path: str) -> str | None:
        searched.extend(path.split(os.pathsep))
        return "/usr/sbin/" + program if "/usr/sbin" in searched else None

    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("shutil.which", which)
    assert find_mosquitto() == Path("/usr/sbin/mosquitto")


def test_the_local_configuration_listens_on_this_machine_only() -> None:
    config = render_config(18830, persistence_dir=Path("/tmp/x"), max_queued_messages=7)
    lines = config.splitlines()
    assert "listener 18830 127.0.0.1" in lines
    assert "set_tcp_nodelay true" in lines
    assert "max_queued_messages 7" in lines
    assert "persistence_location /tmp/x/" in lines
    assert "user root" not in lines
    assert "user root" in render_config(1, as_root=True).splitlines()


async def test_the_embedded_broker_passes_a_retained_message() -> None:
    async with EmbeddedBroker() as broker:
        await retain(broker.port, b"payload", V311)
        assert (await retained(broker.port, V311)).payload == b"payload"
    assert not await answers(broker.port)


async def test_the_embedded_broker_says_that_its_port_is_taken() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerStartError, match=str(port)):
            async with EmbeddedBroker(port):
                pass


async def test_without_amqtt_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(BrokerStartError, match=r"extra demo"):
        async with EmbeddedBroker():
            pass


def test_a_broker_that_was_not_started_has_no_port() -> None:
    for broker in (MosquittoProcess(), EmbeddedBroker()):
        with pytest.raises(RuntimeError, match="not been started"):
            _ = broker.port


async def test_a_port_with_something_else_behind_it_does_not_answer() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(greet, HOST, 0)
    async with server:
        assert not await answers(server.sockets[0].getsockname()[1])
