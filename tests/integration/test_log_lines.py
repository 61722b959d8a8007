"""The log of a running agent: JSON in every line, and few lines, whatever the network brings."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.processes import AgentProcess, wait_for

pytestmark = pytest.mark.needs("mosquitto")
OPEN = build_opener(ProxyHandler({})).open
NONSENSE = {
    "silent": b"",
    "half a request": b"GET /metrics HTTP/1.1\r\nHost: x",
    "half a line": b"GET /met",
    "no HTTP": bytes(range(256)) * 8 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
    "a long line": b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "a bad version": b"GET / HTTP/9.9\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "many questions": b"GET /metrics?" + b"a=b&" * 1000 + b" HTTP/1.1\r\n\r\n",
    "goes away": b"GET /metrics HTTP/1.1\r\n\r\n",
}


def knock(port: int) -> None:
    """Fifty clients that nobody asked for, until the server has closed them all."""
    with ExitStack() as clients:
        waiting = []
        for name, data in list(NONSENSE.items()) * 5:
            client = socket.create_connection(("127.0.0.1", port), 30)
            with suppress(OSError):  # it may have hung up in the middle of it
                client.sendall(data)
            if name == "goes away":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
            else:
                waiting.append(clients.enter_context(client))
        for client in waiting:
            with suppress(ConnectionError):
                while client.recv(65_536):
                    pass


@pytest.mark.peers
async def test_clients_of_the_health_port_that_talk_nonsense(
    tmp_path: Path, broker: MosquittoProcess
) -> None:
    port = free_port()
    health = {"enabled": True, "port": port}
    agent = AgentProcess(tmp_path, broker.port, more={"health": health})
    await asyncio.to_thread(agent.start)
    before = len(agent.log.read_text().splitlines())
    await asyncio.to_thread(knock, port)
    with await asyncio.to_thread(OPEN, f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
        assert answer.status == 200
    async with connect(BrokerSettings(port=broker.port), "press") as session:
        for _ in range(30):
            await session.publish("pur/v1/test/p1/telemetry", b"{")
    await broker.kill()
    await asyncio.to_thread(wait_for, lambda: agent.logged("link_lost") > 0, "the loss")
    await broker.start()
    await asyncio.to_thread(wait_for, lambda: agent.logged("link_connected") > 1, "the link")
    assert await asyncio.to_thread(agent.terminate) == 0
    lines = [json.loads(line) for line in agent.log.read_text().splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    assert len(lines) - before < 40
    assert [line for line in lines if line["event"] in {"library_reported", "agent_died"}] == []


async def test_an_agent_that_cannot_start_says_so_in_its_log(
    tmp_path: Path, broker: MosquittoProcess
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        health = {"enabled": True, "port": taken.getsockname()[1]}
        agent = AgentProcess(tmp_path, broker.port, more={"health": health})
        agent.start(wait=False)
        assert agent.process is not None
        assert await asyncio.to_thread(agent.process.wait, 60) == 2
    line = json.loads(agent.log.read_text().splitlines()[-1])
    assert (line["event"], line["level"]) == ("agent_failed", "error")
    assert "health.port" in line["error"]
    assert line["hint"]
