"""A full disk: nothing is acknowledged, predictions go on from memory, then everything arrives."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.chaos.inside import check_history, check_shot, event, frames, press, send
from tests.chaos.small_disk import FileLimit, SmallDisk, tmpfs
from tests.support.agents import listening
from tests.support.processes import AgentProcess, mosquitto_sub, read_file, wait_for
from tests.support.waiting import LIMIT_S

pytestmark = [
    pytest.mark.needs("mosquitto", "mosquitto_sub", "postgres"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300),
]


@pytest.fixture(params=["small disk", "file limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    if request.param == "file limit":
        folder.mkdir()
        yield FileLimit(folder)
        return
    with tmpfs(folder) as mounted:
        if mounted is None:
            pytest.skip("a small disk cannot be mounted here (root only); the file limit can")
        yield mounted


@contextmanager
def full(disk: SmallDisk, pid: int) -> Iterator[None]:
    """No room, not even in the spool's own log: while somebody reads, it cannot start over."""
    with closing(sqlite3.connect(disk.folder / "spool.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM retained").fetchone()
        disk.fill(pid)
        yield
    disk.clear(pid)


@asynccontextmanager
async def agent_on(disk: SmallDisk, port: int, database: str, log: Path) -> AsyncIterator[int]:
    """An agent whose spool lies on the disk; its log does not."""
    agent = AgentProcess(disk.folder, port, ("p1",), database, {"site": "s"})
    agent.log = log
    await asyncio.to_thread(agent.start)
    await listening(BrokerSettings(port=port))
    assert agent.process is not None
    try:
        yield agent.process.pid
        assert agent.process.poll() is None, "the agent ended by itself"
        assert await asyncio.to_thread(agent.terminate) == 0
    finally:
        if agent.process.poll() is None:
            agent.kill()


@pytest.mark.peers
async def test_a_full_disk(
    disk: SmallDisk, tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """One shot is poured before the disk is full, one while it is: both are predicted at once."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    sent = frames(0, 1200, start)
    log = tmp_path / "agent.log"
    async with (
        agent_on(disk, broker.port, database, log) as pid,
        press(broker.port) as session,
        connect(BrokerSettings(port=broker.port), "scada") as scada,
    ):
        await scada.subscribe(["pur/v1/s/p1/twin/mold/+/prediction", "pur/v1/s/p1/twin/alert"])
        await send(session, [event("poured", start, "before"), *sent[:200]])
        await check_history(database, sent[:200])
        said: list[dict[str, object]] = []
        with full(disk, pid):
            held = 200
            while "spool-refused" not in _names(said):  # the log has room for some of them
                await send(session, sent[held : held + 20])
                held += 20
                said += await _heard(scada)
            await send(session, [event("poured", sent[held].ts, "during", "PANEL_B")])
            async with asyncio.timeout(LIMIT_S):
                while "during" not in _names(said):
                    said += await _heard(scada)
            rows = read_file(disk.folder / "spool.db", "SELECT count(*) FROM retained")
            assert rows == [(1,)], "the second prediction is not on disk"
        await send(session, [event("demolded", sent[held].ts, "before"), *sent[held:]])
        end = event("demolded", sent[-1].ts, "during", "PANEL_B")
        await send(session, [end])
        await check_history(database, sent)
        await check_shot(database, "before")
        await check_shot(database, "during")
        async with asyncio.timeout(LIMIT_S):
            while "spool-takes-again" not in _names(said):
                said += [json.loads(m.payload) for m in await scada.next_batch(20)]
    text = log.read_text()
    assert text.count("spool_write_recovered") >= 1
    assert "Traceback" not in text


async def _heard(scada: Session) -> list[dict[str, object]]:
    """Messages of a second, if there are any."""
    try:
        async with asyncio.timeout(1):
            return [json.loads(m.payload) for m in await scada.next_batch(20)]
    except TimeoutError:
        return []


def _names(said: list[dict[str, object]]) -> set[object]:
    """Shots that predictions were about, codes of alerts."""
    return {message.get("code") or message["shot_id"] for message in said}


async def test_what_a_full_disk_refused_is_not_acknowledged(
    tmp_path: Path, broker: MosquittoProcess, database: str
) -> None:
    """The agent is killed while its disk is full: the broker still has everything for the next."""
    (tmp_path / "disk").mkdir()
    disk = FileLimit(tmp_path / "disk")
    sent = frames(0, 600)
    agent = AgentProcess(disk.folder, broker.port, ("p1",), database, {"site": "s"})
    await asyncio.to_thread(agent.start)
    await listening(BrokerSettings(port=broker.port))
    assert agent.process is not None
    async with press(broker.port) as session:
        await send(session, sent[:200])
        await check_history(database, sent[:200])
        with full(disk, agent.process.pid):
            await send(session, sent[200:])
            await asyncio.to_thread(
                wait_for, lambda: agent.logged("spool_write_failed") > 0, "words"
            )
            await asyncio.to_thread(agent.kill)
        await asyncio.to_thread(agent.start)  # a new process: its files may grow
        await check_history(database, sent)
    (status,) = await asyncio.to_thread(mosquitto_sub, broker.port, "pur/v1/s/p1/twin/status", 1)
    assert json.loads(status)["state"] == "online"
    await asyncio.to_thread(agent.terminate)
