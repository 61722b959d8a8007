"""Agents of a group at real brokers: with access rules, in MQTT 3.1.1, and where it cannot be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker.codec import decode, encode
from broker.local.embedded import EmbeddedBroker
from broker.local.mosquitto import MosquittoProcess
from broker.messages import (
    AgentStatus,
    Prediction,
    Recipe,
    ShotEvent,
    ShotKpis,
    TelemetryFrame,
    TwinStatus,
)
from broker.setup.inventory import AgentPlan
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import SettingsError
from edge_agent.links.mqtt import Session, connect
from edge_agent.presses.ownership import owner
from tests.support.agents import running, settings_for
from tests.support.ruled_broker import ruled_broker
from tests.support.waiting import LIMIT_S

MOLD = "PANEL_500x500x50"
PREDICTIONS = f"pur/v1/s/+/twin/mold/{MOLD}/prediction"
B_GETS = next(p for p in (f"p{i}" for i in range(1, 20)) if owner(p, ["a", "b"]) == "b")


def member(folder: Path, agent_id: str, broker: BrokerSettings, **share: Any) -> Settings:
    """An agent of the group, which shares one press."""
    secret = {"session_secret": SecretStr("s" * 32)}
    return settings_for(
        folder,
        broker.model_copy(update=secret),
        agent_id=agent_id,
        presses=[B_GETS],
        share={"group": "line", **share},
        spool={"path": folder / f"{agent_id}.db"},
    )


async def holds(session: Session, agent_id: str) -> None:
    """Wait until an agent listens to the press, and says that it holds it."""
    said, born = f"pur/v1/s/line/twin/agent/{agent_id}", f"pur/v1/s/{B_GETS}/twin/status"
    await session.subscribe([said, born])
    held = listens = False
    async with asyncio.timeout(LIMIT_S):
        while not (held and listens):
            for message in await session.next_batch(1):
                if message.topic == said:
                    status = decode(AgentStatus, message.payload)
                    held = status.state == "online" and status.presses == [B_GETS]
                if message.topic == born:
                    birth = decode(TwinStatus, message.payload)
                    listens = birth.state == "online" and birth.agent_id == agent_id


async def predicted(session: Session, basis: str) -> Prediction:
    """Wait for a prediction on this basis."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            for message in await session.next_batch(1):
                if message.topic.endswith("/prediction"):
                    prediction = decode(Prediction, message.payload)
                    if prediction.basis == basis:
                        return prediction


async def tell(session: Session, step: str, ts: datetime | None = None) -> datetime:
    ts = ts or datetime.now(UTC)
    recipe = Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
    more: dict[str, Any] = {"system_id": "SYSTEM_R1", "recipe": recipe} if step == "poured" else {}
    event = ShotEvent.model_validate(
        {"ts": ts, "shot_id": "one", "mold_id": MOLD, "event": step, **more}
    )
    await session.publish(f"pur/v1/s/{B_GETS}/shot", encode(event))
    return ts


async def a_shot_and_a_new_agent(
    folder: Path, of: dict[str, BrokerSettings], press: BrokerSettings, reader: BrokerSettings
) -> None:
    """`a` predicts; `b` comes and waits for the end of the shot; then the press is its."""
    a, b = (member(folder, name, of[name]) for name in "ab")
    async with connect(reader, "watch") as watch, connect(press, "press") as plant, running(a):
        await holds(watch, "a")
        await watch.subscribe([PREDICTIONS])
        poured = await tell(plant, "poured")
        await predicted(watch, "poured")
        async with running(b):
            await asyncio.sleep(0.5)
            demolded = await tell(plant, "demolded")
            final = await predicted(watch, "final")
            await holds(watch, "b")
            await tell(plant, "poured", poured)  # again, to the new one: it knows the shot
            await tell(plant, "demolded", demolded)
            await asyncio.sleep(0.5)
            async with connect(reader, "second") as second:
                await second.subscribe([PREDICTIONS])
                assert await predicted(second, "final") == final


@pytest.mark.needs("mosquitto")
async def test_agents_with_certificates_of_their_own(tmp_path: Path) -> None:
    plans = [
        AgentPlan(agent_id=name, site="s", presses=(B_GETS,), share_group="line") for name in "ab"
    ]
    async with ruled_broker(tmp_path, *plans) as broker:
        of = {name: broker.settings(f"agent-{name}") for name in "ab"}
        press, scada = broker.settings(f"press-s-{B_GETS}"), broker.settings("scada")
        await a_shot_and_a_new_agent(tmp_path, of, press, scada)


@pytest.mark.needs("mosquitto")
async def test_mosquitto_shares_in_3_1_1_too(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        old = BrokerSettings(port=broker.port, protocol="3.1.1")
        await a_shot_and_a_new_agent(tmp_path, {"a": old, "b": old}, old, old)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_embedded_broker_cannot_share(tmp_path: Path) -> None:
    async with EmbeddedBroker() as broker:
        settings = member(tmp_path, "a", BrokerSettings(port=broker.port, protocol="3.1.1"))
        with pytest.raises(SettingsError, match=r"share.group: .*amqtt"):
            async with asyncio.timeout(30):
                await Agent(settings, SystemClock(), asyncio.Event()).run()


@pytest.mark.needs("mosquitto")
async def test_who_comes_back_does_not_repeat_what_is_old(tmp_path: Path) -> None:
    """What `a` retained once is not put over what `b` has said since."""
    async with MosquittoProcess() as broker:
        link = BrokerSettings(port=broker.port)
        a, b = (member(tmp_path, name, link) for name in "ab")
        async with connect(link, "watch") as watch, connect(link, "press") as plant:
            async with running(a):
                await holds(watch, "a")
                await tell(plant, "poured")
                await watch.subscribe([PREDICTIONS])
                await predicted(watch, "poured")
            async with running(b):  # goes on with the shot of the other, and ends it
                await holds(watch, "b")
                await tell(plant, "demolded")
                final = await predicted(watch, "final")
            async with running(a), connect(link, "second") as second:
                await holds(second, "a")
                await asyncio.sleep(0.5)
                await second.subscribe([PREDICTIONS])
                assert await predicted(second, "final") == final


@pytest.mark.needs("mosquitto")
async def test_a_shot_that_takes_too_long_moves_with_its_press(tmp_path: Path) -> None:
    """The new agent goes on with it: the next revision, and the readings so far are counted."""
    async with MosquittoProcess() as broker:
        link = BrokerSettings(port=broker.port)
        a = member(tmp_path, "a", link, handover_max_s=0.1)
        b = member(tmp_path, "b", link)
        async with connect(link, "watch") as watch, connect(link, "press") as plant, running(a):
            await holds(watch, "a")
            await watch.subscribe([PREDICTIONS, "pur/v1/s/+/twin/kpi"])
            await tell(plant, "poured")
            await frame(plant, 1)
            before = await predicted(watch, "poured")
            async with running(b):
                await holds(watch, "b")
                await frame(plant, 2)
                await tell(plant, "demolded")
                assert (await predicted(watch, "final")).revision > before.revision
                assert (await ended(watch)).frames_count == 2


async def ended(session: Session) -> ShotKpis:
    """Wait for the last word on a shot."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            for message in await session.next_batch(1):
                if message.topic.endswith("/kpi"):
                    return decode(ShotKpis, message.payload)


async def frame(session: Session, seq: int) -> None:
    readings = {"T_core_C": 60.0}
    message = TelemetryFrame(
        ts=datetime.now(UTC), device_id="d", seq=seq, mold_id=MOLD, sensors=readings
    )
    await session.publish(f"pur/v1/s/{B_GETS}/telemetry", encode(message))
