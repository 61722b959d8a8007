"""The spool goes, or a second agent comes to it, under a real agent beside a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

from broker.codec import encode
from broker.local.loopback import free_port
from broker.messages import TelemetryFrame
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.processes import ROOT, AgentProcess, read_file, wait_for
from tests.support.waiting import LIMIT_S

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.timeout(300)]
START = datetime.now(UTC) - timedelta(hours=1)


class Watched(AgentProcess):
    """Its spool lies in a folder of its own, and it says how it is."""

    def __init__(self, folder: Path, port: int) -> None:
        self.health = free_port()
        spool = folder / "disk" / "spool.db"
        history = {"path": str(folder / "kept" / "history.db")}
        more = {"health": {"enabled": True, "port": self.health}, "spool": {"path": str(spool)}}
        super().__init__(folder, port, more=more | {"history": history})
        self.spool = spool

    def ready(self) -> dict[str, Any]:
        """The page /readyz, and its status."""
        url = f"http://127.0.0.1:{self.health}/readyz"
        try:
            with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
                return {"status": answer.status, **json.loads(answer.read())}
        except HTTPError as error:
            with error:
                return {"status": error.code, **json.loads(error.read())}
        except OSError:
            return {"status": 0}


@pytest.fixture
def agent(tmp_path: Path, port: int) -> Iterator[Watched]:
    agent = Watched(tmp_path, port)
    agent.start()
    wait_for(lambda: agent.ready()["status"] == 200, "the agent to be ready", 120)
    yield agent
    if agent.process is not None and agent.process.poll() is None:
        agent.kill()


async def send(session: Session, first: int, count: int) -> None:
    """Frames, acknowledged by the broker."""
    frames = [
        TelemetryFrame(ts=START + timedelta(seconds=n), device_id="d", seq=n, sensors={"T_C": 40.0})
        for n in range(first, first + count)
    ]
    await asyncio.gather(*(session.publish("pur/v1/test/p1/telemetry", encode(f)) for f in frames))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait in a thread: asking for a page blocks."""
    await asyncio.to_thread(wait_for, condition, what, 60)


def rename(agent: Watched) -> None:
    """The whole folder."""
    agent.spool.parent.rename(agent.folder / "elsewhere")


def remove_log(agent: Watched) -> None:
    """Only what SQLite keeps beside the file."""
    for part in ("-wal", "-shm"):
        agent.spool.with_name(agent.spool.name + part).unlink()


def remove(agent: Watched) -> None:
    """Everything but the lock."""
    for file in agent.spool.parent.glob("spool.db*"):
        if file.suffix != ".lock":
            file.unlink()


@pytest.mark.peers
@pytest.mark.parametrize("lose", [remove, remove_log])
async def test_nothing_is_acknowledged_into_a_spool_that_is_gone(
    agent: Watched, port: int, lose: Callable[[Watched], None]
) -> None:
    """Frames before, and more that the history does not take; the spool goes; frames after."""
    async with (
        connect(BrokerSettings(port=port), "test-press") as press,
        connect(BrokerSettings(port=port), "scada") as scada,
    ):
        await scada.subscribe(["pur/v1/test/p1/twin/alert"])
        await send(press, 0, 50)
        await until(lambda: agent.count("telemetry") == 50, "the first frames")
        history, away = agent.history.parent, agent.folder / "away"
        history.rename(away)
        await send(press, 50, 50)
        waiting = "SELECT count(*) FROM forward"
        await until(lambda: read_file(agent.spool, waiting) == [(50,)], "frames to wait")
        await until(lambda: "history.db" in agent.ready()["history"], "the history to be missed")
        lose(agent)
        await send(press, 100, 50)
        await until(lambda: agent.ready()["status"] == 503, "503")
        assert str(agent.spool) in agent.ready()["spool"]
        assert "restarted" in agent.ready()["spool"]
        async with asyncio.timeout(LIMIT_S):
            (message, *_) = await scada.next_batch(10)
        alert = json.loads(message.payload)
        assert (alert["code"], str(agent.spool) in alert["words"]) == ("spool-refused", True)
        # what it had acknowledged it still brings to the history
        assert agent.history.exists() is False
        away.rename(history)
        await until(lambda: agent.count("telemetry") == 100, "what was acknowledged before")
        await send(press, 150, 50)
        assert agent.count("telemetry") == 100
    secret = agent.spool.with_name("spool.db.session-secret")
    await until(secret.exists, "the session secret, if it went, to be there again")
    agent.kill()
    await asyncio.to_thread(agent.start)
    await until(lambda: agent.count("telemetry") == 200, "what was not acknowledged")
    await until(lambda: agent.ready()["status"] == 200, "the agent to be ready again")
    assert agent.logged("spool_lost") == 1
    assert agent.logged("spool_salvaged") == (1 if lose is remove else 0)
    assert "Traceback" not in agent.log.read_text()


async def test_a_second_agent_is_refused_and_a_spool_that_is_back_goes_on(
    agent: Watched, port: int
) -> None:
    assert agent.process is not None
    command = [sys.executable, "-m", "edge_agent", "agent", "--config", str(agent.config)]
    second = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    words = f"spool.path: {agent.spool} is in use by agent t1, process {agent.process.pid}"
    last = json.loads(second.stderr.splitlines()[-1])
    assert last["event"] == "agent_failed"
    assert last["error"].startswith(words)
    assert "Traceback" not in second.stderr
    async with connect(BrokerSettings(port=port), "test-press") as press:
        rename(agent)
        await send(press, 0, 20)
        await until(lambda: agent.ready()["status"] == 503, "503")
        (agent.folder / "elsewhere").rename(agent.spool.parent)
        await until(lambda: agent.count("telemetry") == 20, "all frames")
        await until(lambda: agent.ready()["status"] == 200, "the agent to be ready again")
    agent.kill()
    await asyncio.to_thread(agent.start)  # the spool is free at once
    assert agent.logged("spool_salvaged") == 0
