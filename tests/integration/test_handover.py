"""Shots that an agent of a group leaves at a real broker for the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from broker.codec import decode, encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Handover as Message
from edge_agent.clock import SystemClock
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import Session, connect
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.presses.handover import ENDED_KEPT, Handover, left_behind
from edge_agent.shots.shot import Shot
from tests.support.agents import settings_for
from tests.support.pipelines import PRESS, pipeline_on

pytestmark = pytest.mark.needs("mosquitto")
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def ended(number: int) -> Shot:
    begun = START + timedelta(seconds=300 * number)
    return Shot(
        site="s",
        press="p1",
        shot_id=f"s{number}",
        mold_id="M",
        started_at=begun,
        closed_at=begun + timedelta(seconds=200),
        outcome="demolded",
    )


def member(folder: Path, port: int, agent_id: str) -> Settings:
    settings = settings_for(folder, port, agent_id=agent_id, share={"group": "line"})
    secret = settings.broker.model_copy(update={"session_secret": SecretStr("s" * 32)})
    return settings.model_copy(update={"broker": secret})


@contextmanager
def member_at_work(settings: Settings) -> Iterator[Pipeline]:
    work = pipeline_on(settings, SystemClock())
    try:
        yield work
    finally:
        work._spool.close()


async def left(settings: Settings, session: Session) -> dict[str, Message]:
    """What the next agent finds, by id of the shot."""
    topic = settings.topics.agent(settings.group, settings.agent_id)  # type: ignore[arg-type]
    await session.publish(topic, b"{}", retain=True)
    found = await left_behind(settings, PRESS, "reader")
    handovers = [decode(Message, payload) for payload in found.values()]
    return {message.shot_id: message for message in handovers}


async def test_what_a_batch_changed_stays_until_it_is_acknowledged(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = member(tmp_path, broker.port, "a")
        with member_at_work(settings) as work:
            async with connect(settings.broker, "a") as session:
                sender = work.publisher.open(PRESS, session, Watch("publish"))
                sending = asyncio.create_task(sender.run())
                old = settings.topics.handover(PRESS, "M", "0" * 20).rpartition("/")[0]
                await session.publish(old, b"of an older agent", retain=True)
                handover = Handover(settings, PRESS, work.publisher, SystemClock(), {old: b""}, [])
                shots = [ended(number) for number in range(ENDED_KEPT + 3)]
                documents = {
                    (SHOT_SCOPE, shot.shot_key): shot.model_dump(mode="json") for shot in shots
                }
                handover.committed(documents)
                await handover.settle(session, lambda: None)
                assert (await left(settings, session)).keys() == {shot.shot_id for shot in shots}
                assert old not in await left_behind(settings, PRESS, "reader")
                handover.committed({(SHOT_SCOPE, shots[-1].shot_key): None})
                await handover.settle(session, lambda: None)
                newest = {shot.shot_id for shot in shots[-ENDED_KEPT:-1]}
                assert (await left(settings, session)).keys() == newest
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


async def test_whoever_takes_a_press_puts_its_name_to_the_shots(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = member(tmp_path, broker.port, "b")
        shot, other = ended(1), ended(2)
        with member_at_work(settings) as work:
            async with connect(settings.broker, "b") as session:
                retained = {}
                for one in (shot, other):
                    topic = settings.topics.handover(PRESS, "M", one.shot_key)
                    message = Message(
                        ts=START,
                        site="s",
                        press="p1",
                        mold_id="M",
                        shot_id=one.shot_id,
                        shot_key=one.shot_key,
                        agent_id="a",
                        document=one.model_dump_json(),
                    )
                    retained[topic] = encode(message)
                    await session.publish(topic, retained[topic], retain=True)
                handover = Handover(
                    settings, PRESS, work.publisher, SystemClock(), retained, [shot, other]
                )
                await handover.sign(session, [shot])
                found = await left(settings, session)
                assert {name: one.agent_id for name, one in found.items()} == {"s1": "b", "s2": "a"}
