"""Failures on all sides, and no task or future whose end nobody took note of."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import TelemetryFrame
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings, TlsSettings
from edge_agent.errors import LinkError, StoreError
from edge_agent.links.mqtt import connect
from edge_agent.pipeline import commit
from edge_agent.spool.changes import Changes
from tests.support.agents import settings_for
from tests.support.link_proxy import LinkProxy
from tests.support.waiting import until

pytestmark = pytest.mark.needs("mosquitto")
TELEMETRY = "pur/v1/s/p1/telemetry"


def frame(seq: int) -> bytes:
    readings = {"T_core_C": 40.0}
    return encode(TelemetryFrame(ts=datetime.now(UTC), device_id="d", seq=seq, sensors=readings))


async def test_a_run_with_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links cut and reset and a broker killed, while the disk refuses and while it does not."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: unheard.append(told))
    monkeypatch.setattr(commit, "RETRY_S", 0.05)
    refused = 0

    def write(changes: Changes, now: datetime) -> None:
        nonlocal refused
        if not changes.adds:  # which sessions there are
            return real(changes, now)
        refused += 1
        raise StoreError("disk full")

    async with MosquittoProcess() as broker, LinkProxy(broker.port) as proxy:
        settings, stop = settings_for(tmp_path, proxy.port, presses=["p1", "p2"]), asyncio.Event()
        agent = Agent(settings, SystemClock(), stop)
        running = asyncio.create_task(agent.run())
        real = agent._spool._spool.commit

        def up() -> bool:
            return all(agent._vitals.sessions.get(press, False) for press in settings.presses)

        def down() -> bool:
            return not any(agent._vitals.sessions.values())

        await until(up, limit_s=60)
        for seq, full in enumerate((False, True)):
            with monkeypatch.context() as disk:
                if full:
                    disk.setattr(agent._spool._spool, "commit", write)
                for fault in ("cut", "reset"):
                    before = refused
                    async with connect(BrokerSettings(port=broker.port), "press") as session:
                        await session.publish(TELEMETRY, frame(seq))
                    if full:
                        await until(lambda n=before: refused > n)  # type: ignore[misc]
                    met = proxy.connections_count
                    proxy.break_link(fault)
                    await until(lambda n=met: proxy.connections_count > n)  # type: ignore[misc]
                    proxy.heal()
                    await until(up)
                await broker.kill()
                await until(down)
                await broker.start()
                await until(up)
        # stopped while it holds what the disk refuses, and the link has just been lost
        monkeypatch.setattr(commit, "RETRY_S", 3600.0)
        with monkeypatch.context() as disk:
            disk.setattr(agent._spool._spool, "commit", write)
            before = refused
            async with connect(BrokerSettings(port=broker.port), "press") as session:
                await session.publish(TELEMETRY, frame(99))
            await until(lambda: refused > before)
            client = agent._pipeline.publisher._senders["s/p1"]._session._client
            await broker.kill()
            await until(lambda: client.paho.socket() is None)
            stop.set()
            await running
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_a_connection_that_is_given_up_while_it_is_made(tmp_path: Path) -> None:
    """A port that accepts and says nothing; a wait that is cancelled; nothing stays open."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: unheard.append(told))
    met, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        async def connected() -> None:
            async with connect(BrokerSettings(port=port), "x"):
                pass

        task = asyncio.create_task(connected())
        await asyncio.wait_for(met.wait(), 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(gone.wait(), 30)
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_a_handshake_that_fails_leaves_no_socket() -> None:
    """A broker without TLS, asked for it: the warning of a forgotten socket fails this test."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"no TLS here")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkError):
            async with connect(BrokerSettings(port=port, tls=TlsSettings(enabled=True)), "x"):
                pass
    gc.collect()
