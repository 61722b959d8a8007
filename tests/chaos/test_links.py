"""Links that are cut, reset, half-open or slow: what was sent arrives, once, by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import Settings
from edge_agent.history import connection
from edge_agent.links import mqtt
from edge_agent.pipeline import forward
from edge_agent.presses import sessions
from tests.chaos.inside import (
    MOLD,
    agent_settings,
    ask,
    check_history,
    check_shot,
    event,
    frames,
    press,
    send,
    until,
)
from tests.support.agents import running, settings_for
from tests.support.link_proxy import FAULTS, Fault, LinkProxy
from tests.support.waiting import LIMIT_S

pytestmark = [
    pytest.mark.needs("mosquitto", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300),
]
BEFORE, DURING = 100, 300


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait ends, here sooner."""
    monkeypatch.setattr(connection, "COMMAND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 1.0)
    monkeypatch.setattr(forward, "RETRY_S", 0.2)
    monkeypatch.setattr(mqtt, "TIMEOUT_S", 2.0)


def through(url: str, port: int) -> str:
    """The address of a database by way of a proxy."""
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"


@asynccontextmanager
async def proxied(
    link: str, folder: Path, broker: MosquittoProcess, database: str
) -> AsyncIterator[tuple[LinkProxy, Settings]]:
    """A proxy on one of the agent's links, and the settings of an agent that uses it."""
    on_broker = link == "broker"
    port = broker.port if on_broker else int(database.rpartition(":")[2].partition("/")[0])
    async with LinkProxy(port) as proxy:
        broker_port = proxy.port if on_broker else broker.port
        url = database if on_broker else through(database, proxy.port)
        yield proxy, agent_settings(folder, broker_port, url)


@pytest.mark.parametrize("link", ["broker", "database"])
@pytest.mark.parametrize(
    "fault", [FAULTS[0], *(pytest.param(f, marks=pytest.mark.peers) for f in FAULTS[1:])]
)
async def test_a_link_breaks_and_heals(
    link: str, fault: Fault, tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """A shot goes on over the fault and ends in it; nothing is sent after the link is healed."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(0, BEFORE + DURING, start)
    async with (
        proxied(link, tmp_path, broker, database) as (proxy, settings),
        running(settings, settings.broker),
        press(broker.port) as session,
    ):
        await send(session, [event("started", start - timedelta(seconds=2))])
        await send(session, [event("poured", start - timedelta(seconds=1)), *sent[:BEFORE]])
        await check_history(database, sent[:BEFORE])
        proxy.break_link(fault)
        await send(session, sent[BEFORE:])
        await send(session, [event("demolded", sent[-1].ts + timedelta(seconds=1))])
        await asyncio.sleep(1.5)
        proxy.heal()
        await check_history(database, sent)
        await check_shot(database)
        if fault != "slow":
            assert proxy.connections_count > 1


@pytest.mark.parametrize("link", ["broker", pytest.param("database", marks=pytest.mark.peers)])
async def test_a_connection_that_dies_in_silence_is_given_up(
    link: str, tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """No reset, no end: only the agent's own patience finds out, by keep-alive and time limits."""
    sent = frames(0, BEFORE + DURING)
    async with (
        proxied(link, tmp_path, broker, database) as (proxy, settings),
        running(settings, settings.broker),
        press(broker.port) as session,
    ):
        await send(session, sent[:BEFORE])
        await check_history(database, sent[:BEFORE])
        proxy.break_link("half-open")
        proxy.heal(silently=True)
        await send(session, sent[BEFORE:])
        await check_history(database, sent, timeout_s=60)
        assert proxy.connections_count > 1


async def connected_again(logs: list[EventDict], losses: int) -> bool:
    """Is the link back after so many losses?"""
    events = [entry["event"] for entry in logs]
    return events.count("link_lost") == losses and events.count("link_connected") == losses + 1


async def test_a_link_that_worked_for_long_is_tried_again_at_once(
    tmp_path: Path, broker: MosquittoProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses grow while it fails, not over the life of the agent."""
    monkeypatch.setattr(sessions, "RECONNECT_FIRST_S", 0.05)
    async with LinkProxy(broker.port) as proxy:
        settings = settings_for(tmp_path, proxy.port)
        with capture_logs() as logs:
            async with running(settings, settings.broker):
                for round_ in range(1, 5):
                    await asyncio.sleep(2 * settings.broker.reconnect_max_s)  # it works for long
                    proxy.break_link("reset")
                    await until(partial(connected_again, logs, round_), "the link to be back")
    pauses = [entry["delay_s"] for entry in logs if entry["event"] == "link_lost"]
    assert len(pauses) == 4
    assert max(pauses) <= 0.05


async def test_results_overtake_raw_telemetry(
    tmp_path: Path, broker: MosquittoProcess, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away while a shot ended: its results come first, the frames follow."""
    monkeypatch.setattr(forward, "BATCH", 100)
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(0, 1000, start)
    port = int(database.rpartition(":")[2].partition("/")[0])
    async with LinkProxy(port) as proxy:
        proxy.break_link("cut")
        settings = agent_settings(tmp_path, broker.port, through(database, proxy.port))
        async with running(settings, settings.broker) as (agent, _), press(broker.port) as session:
            await send(session, [event("poured", start), *sent])
            await send(session, [event("demolded", sent[-1].ts)])
            spool = agent._spool

            async def all_waits() -> bool:
                rows = await spool.to_forward(len(sent) + 100)
                ended = any('"basis": "final"' in row.entry.document for row in rows)
                return ended and len(rows) > len(sent)

            await until(all_waits, "everything to wait for the database")
            proxy.heal()
            await check_history(database, sent)
            await check_shot(database)
    order = "SELECT count(*) FROM telemetry WHERE xmin::text::bigint <="
    for table in ("prediction", "shot"):
        ((with_results,),) = await ask(
            database, f"{order} (SELECT max(xmin::text::bigint) FROM {table})"
        )
        assert with_results <= 100, f"frames stored before or with the last {table}"


async def test_a_press_that_hears_predictions_through_a_database_outage(
    tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """Without its history the twin answers as ever; the history has it all afterwards."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(0, 50, start)
    port = int(database.rpartition(":")[2].partition("/")[0])
    async with LinkProxy(port) as proxy:
        proxy.break_link("cut")
        settings = agent_settings(tmp_path, broker.port, through(database, proxy.port))
        async with running(settings, settings.broker), press(broker.port) as session:
            await session.subscribe([f"pur/v1/s/p1/twin/mold/{MOLD}/prediction"])
            await asyncio.sleep(0.5)
            await send(session, [event("poured", start), *sent, event("demolded", sent[-1].ts)])
            heard = b""
            async with asyncio.timeout(LIMIT_S):
                while b'"basis":"final"' not in heard:
                    heard += b"".join(m.payload for m in await session.next_batch(10))
            proxy.heal()
            await check_history(database, sent)
            await check_shot(database)
