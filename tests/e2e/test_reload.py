"""SIGHUP while frames stream: the configuration changes, and no frame is lost or there twice."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.codec import encode
from broker.messages import TelemetryFrame
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import Session, connect
from tests.support.processes import AgentProcess, mosquitto_sub, wait_for

pytestmark = [pytest.mark.needs("mosquitto", "mosquitto_sub"), pytest.mark.timeout(300)]
FRAMES_PER_S = 300
WINDOW = 50
"""Frames of a press under way at once: a busy machine takes fewer a second."""


class Agent(AgentProcess):
    """An agent whose configuration changes."""

    def write(self, **changes: Any) -> None:
        """Change fields of the file."""
        self.config.write_text(json.dumps(json.loads(self.config.read_text()) | changes))

    def entries(self, event: str) -> list[dict[str, Any]]:
        """Lines of its log."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def hup(self, expected: str) -> dict[str, Any]:
        """SIGHUP, and the line that it leads to."""
        assert self.process is not None
        before = len(self.entries(expected))
        self.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(wait_for, lambda: len(self.entries(expected)) > before, expected)
        return self.entries(expected)[-1]


@pytest.fixture
def agent(tmp_path: Path, port: int) -> Iterator[Agent]:
    agent = Agent(tmp_path, port, presses=("p1", "p2"))
    agent.start()
    online = ("online", None)  # it has subscribed: what came before is nobody's
    wait_for(lambda: {status(port, press) for press in ("p1", "p2")} == {online}, "both presses")
    yield agent
    if agent.process is not None and agent.process.poll() is None:
        agent.kill()


def status(port: int, press: str) -> tuple[str, str | None]:
    (line,) = mosquitto_sub(port, f"pur/v1/test/{press}/twin/status", 1)
    document = json.loads(line)
    return document["state"], document.get("reason")


async def stream(session: Session, press: str, stop: asyncio.Event) -> int:
    """Frames at an even rate, or as quick as they are taken; how many. One that fails ends it."""
    start, loop = datetime.now(UTC) - timedelta(hours=1), asyncio.get_running_loop()
    began, seq, under_way = loop.time(), 0, set()
    async with asyncio.TaskGroup() as sending:
        while not stop.is_set():
            while seq < (loop.time() - began) * FRAMES_PER_S and len(under_way) < WINDOW:
                ts = start + timedelta(seconds=seq / FRAMES_PER_S)
                frame = TelemetryFrame(ts=ts, device_id="d", seq=seq, sensors={"T_core_C": 40.0})
                topic = f"pur/v1/test/{press}/telemetry"
                under_way.add(task := sending.create_task(session.publish(topic, encode(frame))))
                task.add_done_callback(under_way.discard)
                seq += 1
            await asyncio.sleep(0.005)
    return seq


@pytest.mark.peers
async def test_frames_stream_through_reloads(agent: Agent, port: int) -> None:
    broker, stop = {"port": port, "reconnect_max_s": 0.5}, asyncio.Event()
    gone = ("offline", "press removed from the configuration")
    async with (
        connect(BrokerSettings(port=port), "press") as session,
        asyncio.TaskGroup() as streaming,
    ):
        streams = [streaming.create_task(stream(session, p, stop)) for p in ("p1", "p2")]
        await asyncio.sleep(0.5)
        for round_ in range(3):
            await agent.hup("configuration_reloaded")
            agent.write(presses=["p1", "p2", f"p{3 + round_}"])
            line = await agent.hup("configuration_reloaded")
            assert "presses" in line["detail"]
            agent.write(broker=broker | {"username": f"twin{round_}"})
            await agent.hup("configuration_reloaded")
            agent.write(presses=["p1"])  # p2 streams on: the broker keeps what comes for us
            await agent.hup("configuration_reloaded")
            await asyncio.to_thread(wait_for, lambda: status(port, "p2") == gone, "p2 to go")
            agent.write(presses=["p1", "p2"])
            await agent.hup("configuration_reloaded")
        for _ in range(20):  # more than can be done at once
            agent.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        stop.set()
    sent = sum(task.result() for task in streams)
    assert sent > 1000
    await asyncio.to_thread(wait_for, lambda: agent.count("telemetry") >= sent, "all frames", 60)
    assert agent.rows("SELECT count(*), count(DISTINCT press || seq) FROM telemetry") == [
        (sent, sent)
    ]
    assert status(port, "p1") == ("online", None)
    assert status(port, "p2") == ("online", None)
    assert agent.rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert await asyncio.to_thread(agent.terminate) == 0
    assert status(port, "p1") == ("offline", "shut down")


async def test_what_is_wrong_or_fixed_changes_nothing(agent: Agent, port: int) -> None:
    good = agent.config.read_text()
    agent.write(presses=["p1"], agent_id="t2", spool={"path": "elsewhere.db"})
    line = await agent.hup("configuration_refused")
    assert "agent_id: cannot change" in line["detail"]
    assert "spool.path: cannot change" in line["detail"]
    assert status(port, "p2") == ("online", None)  # the old configuration as a whole
    agent.config.write_text("site: [\n")
    assert "agent.yaml" in (await agent.hup("configuration_refused"))["detail"]
    agent.config.write_text(good)
    agent.write(presses=[], shots={"timeout_s": -1})
    detail = (await agent.hup("configuration_refused"))["detail"]
    assert "presses" in detail
    assert "shots.timeout_s" in detail
    agent.config.write_text(good)
    agent.write(log={"level": "error"})
    agent.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
    await asyncio.sleep(1.0)
    assert agent.entries("configuration_reloaded") == []  # an info: no longer written
    assert status(port, "p1") == ("online", None)
    assert await asyncio.to_thread(agent.terminate) == 0
