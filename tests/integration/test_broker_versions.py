"""The files of `broker init` on each Mosquitto: messages that are sent while the agent is away."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.codec import encode
from broker.messages import Recipe, ShotEvent
from broker.setup.inventory import AgentPlan
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.config.settings import HistorySettings, Settings, SpoolSettings
from edge_agent.links.mqtt import Will, connect
from edge_agent.pipeline.pipeline import Pipeline
from tests.support.link_proxy import LinkProxy
from tests.support.mosquitto_versions import mosquitto, on_every_version
from tests.support.ruled_broker import RuledBroker, folder_of, ruled_broker
from tests.support.waiting import LIMIT_S, until


@pytest.fixture(autouse=True)
def _without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled: the molds of these shots are unknown."""

    async def nothing(_: Pipeline) -> None:
        return

    monkeypatch.setattr(Pipeline, "compile", nothing)


@asynccontextmanager
async def agent_at(broker: RuledBroker, link: LinkProxy) -> AsyncIterator[None]:
    """The agent of the plan behind a link, from its connection until it has ended."""
    settings = Settings(
        site="s",
        agent_id="a",
        presses=["p1"],
        broker=broker.settings("agent-a", port=link.port, reconnect_max_s=0.5),
        spool=SpoolSettings(path=broker.path.parent / "spool.db"),
        history=HistorySettings(path=history_of(broker)),
    )
    stop = asyncio.Event()
    agent = Agent(settings, SystemClock(), stop)
    task = asyncio.create_task(agent.run())
    try:
        await until(lambda: agent._vitals.sessions.get("p1", False))  # it has subscribed
        yield
    finally:
        stop.set()
        await task


async def pour(broker: RuledBroker, shot_id: str) -> None:
    """The press sends a shot, which the broker acknowledges."""
    event = ShotEvent(
        ts=datetime.now(UTC) - timedelta(seconds=1),
        shot_id=shot_id,
        mold_id="UNKNOWN",
        event="poured",
        system_id="SYSTEM_R1",
        recipe=Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0),
    )
    async with connect(broker.settings("press-s-p1"), "press") as press:
        await press.publish("pur/v1/s/p1/shot", encode(event))


@on_every_version()
async def test_new_rules_cost_an_agent_that_is_away_nothing(tmp_path: Path, version: str) -> None:
    """A press is added and the broker restarted, as docs/broker.md says: a reload would lose."""
    topics = [f"pur/v1/s/{press}/shot" for press in ("p1", "p2")]
    will = Will("pur/v1/s/p1/twin/status", b"")
    async with ruled_broker(tmp_path, program=mosquitto(version)) as broker:

        async def send(press: str, payload: bytes) -> None:
            async with connect(broker.settings(f"press-s-{press}"), "press") as session:
                await session.publish(f"pur/v1/s/{press}/shot", payload)

        async with connect(broker.settings("agent-a"), "agent", will) as agent:
            await agent.subscribe(topics)
        await send("p1", b"before")
        plan = broker.plan.with_agent(AgentPlan(agent_id="a", site="s", presses=("p1", "p2", "p3")))
        folder_of(broker.path, plan).prepare()
        await broker.process.restart()
        await send("p1", b"after")
        await send("p2", b"after, too")
        received: list[bytes] = []
        async with (
            connect(broker.settings("agent-a"), "agent", will) as agent,
            asyncio.timeout(LIMIT_S),
        ):
            await agent.subscribe(["pur/v1/s/p3/shot"])
            await send("p3", b"from the new one")
            while len(received) < 4:
                batch = await agent.next_batch(10)
                agent.acknowledge(batch)
                received += [message.payload for message in batch]
    assert received == [b"before", b"after", b"after, too", b"from the new one"]


def history_of(broker: RuledBroker) -> Path:
    return broker.path.parent / "history.db"


def stored(broker: RuledBroker) -> list[str]:
    with closing(sqlite3.connect(history_of(broker))) as db:
        return [shot for (shot,) in db.execute("SELECT shot_id FROM shot ORDER BY rowid")]


@on_every_version()
async def test_what_a_press_sends_while_the_agent_is_away_is_kept(
    tmp_path: Path, version: str
) -> None:
    """Its connection breaks or it is stopped, before and after a restart of the broker."""
    async with (
        ruled_broker(tmp_path, program=mosquitto(version)) as broker,
        LinkProxy(broker.plan.port) as link,
    ):
        async with agent_at(broker, link):
            await pour(broker, "online")
            await until(lambda: stored(broker) == ["online"])
            link.break_link("cut")  # as when it is killed: the broker sees no farewell
            await pour(broker, "agent-killed")
        link.heal()
        async with agent_at(broker, link):
            await until(lambda: stored(broker)[1:] == ["agent-killed"])
        await pour(broker, "agent-stopped")
        await broker.process.restart()
        await pour(broker, "broker-restarted")
        async with agent_at(broker, link):
            await pour(broker, "back")
            await until(lambda: len(stored(broker)) >= 5)
    assert stored(broker) == [
        "online", "agent-killed", "agent-stopped", "broker-restarted", "back"
    ]  # fmt: skip
