"""Poison, a rival with the same name, servers that come late, a broker that forgot everything."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.pipeline import forward
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
from tests.support.agents import listening, running
from tests.support.processes import AgentProcess, mosquitto_sub, wait_for
from tests.support.timescale import TimescaleServer, new_database

pytestmark = [
    pytest.mark.needs("mosquitto", "mosquitto_sub", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300),
]


async def test_poison_is_put_aside_and_the_rest_goes_on(
    tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """Bad payloads between good ones; rows that the database refuses; each has its dead letter."""
    sent = frames(1, 300)
    refused_seqs = {100, 200}
    settings = agent_settings(tmp_path, broker.port, database)
    async with running(settings, settings.broker), press(broker.port) as session:
        await send(session, sent[:50])
        await check_history(database, sent[:50])
        db = await asyncpg.connect(database)
        await db.execute("ALTER TABLE telemetry ADD CHECK (seq NOT IN (100, 200))")
        await db.close()
        for n in range(50, 300, 10):
            await send(session, [b'{"v": 1, "number": %d' % n, *sent[n : n + 10]])
        stored = [frame for frame in sent if frame.seq not in refused_seqs]
        await check_history(database, stored)

        async def all_letters() -> bool:
            query = "SELECT reason, count(*) FROM dead_letter GROUP BY 1"
            return dict(await ask(database, query)) == {"not-json": 25, "refused-by-history": 2}

        await until(all_letters, "a dead letter for each bad payload and each refused row")
        query = "SELECT detail FROM dead_letter WHERE reason = 'refused-by-history'"
        assert all("telemetry_seq_check" in detail for (detail,) in await ask(database, query))


@pytest.mark.peers
async def test_a_rival_with_the_same_name(
    tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """A second agent of this name ends each time it is started; the first one does not notice."""
    agents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        more = {"site": "s", "broker": {"port": broker.port, "reconnect_max_s": 2.0}}
        agents.append(AgentProcess(tmp_path / name, broker.port, ("p1",), database, more))
    one, two = agents
    secret = Path(f"{one.spool}.session-secret")
    try:
        await asyncio.to_thread(one.start)
        await listening(BrokerSettings(port=broker.port))
        start, sent = datetime.now(UTC) - timedelta(hours=1), 0
        async with press(broker.port) as session:
            for copied in (False, True):  # with a secret of its own, and as a copy of the first
                if copied:
                    Path(f"{two.spool}.session-secret").write_text(secret.read_text())
                await asyncio.to_thread(two.start, wait=False)
                assert two.process is not None
                while two.process.poll() is None:
                    await send(session, frames(sent + 1, 20, start))
                    sent += 20
                    await asyncio.sleep(0.1)  # the rate, no wait for anything
                assert two.process.wait() == 2
        await check_history(database, frames(1, sent, start))
    finally:
        for agent in agents:
            agent.kill()
    assert (one.logged("link_lost"), one.logged("name_claimed")) == (0, 1)
    assert (two.logged("link_connected"), two.logged("name_taken")) == (0, 2)


@pytest.mark.peers
async def test_broker_and_database_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent waits for both; a shot may end before the database is there."""
    monkeypatch.setattr(forward, "RETRY_S", 0.2)
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(1, 100, start)
    with TimescaleServer() as server:
        server.start()
        database = await new_database(server.url)
        server.kill()
        port = free_port()
        async with running(agent_settings(tmp_path, port, database)):
            await asyncio.sleep(0.5)
            async with MosquittoProcess(port, directory=tmp_path / "mosquitto"):
                await listening(BrokerSettings(port=port))
                async with press(port) as session:
                    await send(session, [event("poured", start), *sent])
                    await send(session, [event("demolded", sent[-1].ts)])
                    await asyncio.sleep(0.5)
                    await asyncio.to_thread(server.start)
                    await check_history(database, sent)
                    await check_shot(database)


@pytest.mark.peers
async def test_a_broker_that_forgets_everything_again_and_again(
    tmp_path: Path, database: str
) -> None:
    """No persistence: after each kill subscriptions, status and predictions are restored."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(1, 90, start)
    async with MosquittoProcess(directory=tmp_path / "mosquitto") as broker:
        agent = AgentProcess(tmp_path, broker.port, ("p1",), database, {"site": "s"})
        await asyncio.to_thread(agent.start)
        try:
            for life in range(3):
                await listening(BrokerSettings(port=broker.port))
                part = sent[30 * life : 30 * life + 30]
                async with press(broker.port) as session:
                    await send(session, [event("poured", start)] if life == 0 else [])
                    await send(session, part)
                    await check_history(database, sent[: 30 * life + 30])
                await broker.kill()
                await broker.start()
            await listening(BrokerSettings(port=broker.port))
            topic = f"pur/v1/s/p1/twin/mold/{MOLD}/prediction"
            (line,) = await asyncio.to_thread(mosquitto_sub, broker.port, topic, 1)
            assert json.loads(line)["shot_id"] == "s1"
            (line,) = await asyncio.to_thread(
                mosquitto_sub, broker.port, "pur/v1/s/p1/twin/status", 1
            )
            assert json.loads(line)["state"] == "online"
            async with press(broker.port) as session:
                await send(session, [event("demolded", sent[-1].ts)])
                await check_shot(database)
            await asyncio.to_thread(wait_for, lambda: agent.logged("link_connected") > 3, "links")
        finally:
            agent.kill()
