"""Open alerts at a real Mosquitto: raised, acknowledged, closed, over restarts and agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from broker import alert_codes as codes
from broker.codec import decode, encode
from broker.dead_letter_reasons import UNKNOWN_ALERT
from broker.examples import EXAMPLES
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Advice, AdviceWord, AlertAck, DeadLetter, OpenAlerts
from edge_agent.config.settings import Settings
from edge_agent.history.read import RowFilter, open_sqlite
from edge_agent.links.mqtt import Session, connect
from tests.chaos.inside import TOPIC, event
from tests.support.agents import running, settings_for
from tests.support.played_broker import SUBACK, PlayedBroker, packet, text
from tests.support.waiting import LIMIT_S, until

pytestmark = pytest.mark.needs("mosquitto")
LIST, LETTERS = f"{TOPIC}/twin/alerts", f"{TOPIC}/twin/dead-letter"


async def ended_twice(session: Session, shot_id: str) -> None:
    """A shot of which people are told: a note."""
    start = datetime.now(UTC) - timedelta(minutes=10)
    kinds = ("poured", 0), ("demolded", 300), ("demolded", 301)
    for kind, after_s in kinds:
        message = event(kind, start + timedelta(seconds=after_s), shot_id, "UNKNOWN")
        await session.publish(f"{TOPIC}/shot", encode(message))


async def ack(session: Session, alert_id: str, by: str = "anna") -> None:
    message = AlertAck(ts=datetime.now(UTC), alert_id=alert_id, by=by, note="seen")
    await session.publish(f"{TOPIC}/alert-ack", encode(message))


async def says(session: Session, wanted: Callable[[OpenAlerts], bool]) -> OpenAlerts:
    """Wait until the list is as wanted."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            for message in await session.next_batch(1):
                session.acknowledge([message])
                said = decode(OpenAlerts, message.payload)
                if wanted(said):
                    return said


async def test_an_alert_from_raised_to_closed_over_restarts(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = settings_for(tmp_path, broker.port)
        link = settings.broker
        async with running(settings, link), connect(link, "page") as page:
            await page.subscribe([LIST])
            await says(page, lambda said: said.open == [])
            await ended_twice(page, "s1")
            said = await says(page, lambda said: len(said.open) == 1)
            raised = said.open[0]
            assert (raised.code, raised.shot_id) == (codes.SECOND_END, "s1")
        await broker.kill()  # no persistence: nothing is left
        await broker.start()
        async with running(settings, link), connect(link, "page") as page:
            await page.subscribe([LIST])
            assert (await says(page, lambda said: bool(said.open))).open == [raised]
            await ack(page, raised.alert_id)
            await ack(page, raised.alert_id, "bert")
            said = await says(page, lambda said: said.open == [])
            assert said.closed[0].acknowledged_by == "anna"
        async with running(settings, link), connect(link, "page") as page:
            await page.subscribe([LIST, LETTERS])
            await ack(page, "f" * 20)
            letters: list[DeadLetter] = []

            async def told() -> bool:
                batch = page.here(10)
                page.acknowledge(batch)
                letters.extend(decode(DeadLetter, m.payload) for m in batch if m.topic == LETTERS)
                return bool(letters)

            await until(told, "the dead letter")
            assert letters[0].reason == UNKNOWN_ALERT
    rows: list[dict[str, object]] = []
    reader = open_sqlite(settings.history.path)
    await reader.each("alert", RowFilter(), rows.extend)
    await reader.close()
    assert [(r["code"], r["acknowledged_by"], r["closed_by"], r["note"]) for r in rows] == [
        (codes.SECOND_END, "anna", "acknowledgement", "seen")
    ]


async def test_the_next_agent_of_a_group_goes_on_with_the_list(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        a, b = (_member(tmp_path / name, broker.port, name) for name in ("a", "b"))
        async with connect(a.broker, "page") as page:
            await page.subscribe([LIST])
            async with running(a):
                await says(page, lambda said: said.agent_id == "a")
                await ended_twice(page, "s1")
                raised = (await says(page, lambda said: len(said.open) == 1)).open
            async with running(b):
                said = await says(page, lambda said: said.agent_id == "b")
                assert said.open == raised
                await ack(page, raised[0].alert_id)
                await says(page, lambda said: said.open == [] and len(said.closed) == 1)


def _member(folder: Path, port: int, agent_id: str) -> Settings:
    settings = settings_for(folder, port, "line", agent_id=agent_id)
    secret = settings.broker.model_copy(update={"session_secret": SecretStr("s" * 32)})
    return settings.model_copy(update={"broker": secret})


@pytest.mark.peers
async def test_the_next_agent_of_a_group_goes_on_with_the_advice(tmp_path: Path) -> None:
    proposal = EXAMPLES[AdviceWord].model_dump()["proposal"]
    async with MosquittoProcess() as broker:
        a, b = (_member(tmp_path / name, broker.port, name) for name in ("a", "b"))
        async with connect(a.broker, "page") as page, connect(a.broker, "lists") as lists:
            heard: list[Advice] = []

            async def says_advice(state: str) -> Advice:
                async with asyncio.timeout(LIMIT_S):
                    while not heard or heard[-1].state != state:
                        for message in await page.next_batch(1):
                            page.acknowledge([message])
                            heard.append(decode(Advice, message.payload))
                return heard[-1]

            async def word(said: str, **more: object) -> None:
                fields = {"ts": datetime.now(UTC), "advice_id": "a1", "mold_id": "M", "by": "eva"}
                message = AdviceWord.model_validate(fields | {"said": said} | more)
                await page.publish(f"{TOPIC}/advice-word", encode(message))

            await page.subscribe([f"{TOPIC}/twin/mold/M/advice"])
            await lists.subscribe([LIST])
            async with running(a):
                await says(lists, lambda said: said.agent_id == "a")
                await word("proposed", proposal=proposal)
                await says_advice("proposed")
            async with running(b):
                await says(lists, lambda said: said.agent_id == "b")
                await word("accepted")
                assert (await says_advice("accepted")).proposed_by == "eva"


async def test_rules_that_know_no_acknowledgements_cost_no_shots(tmp_path: Path) -> None:
    """A broker with the rules of an older version refuses that subscription and no other."""
    acks = text(f"{TOPIC}/alert-ack")

    def answered(body: bytes) -> bytes:
        count = body.count(text(f"{TOPIC}/")[2:])
        return packet(SUBACK, body[:2] + b"\0" + (b"\x87" if acks in body else b"\1") * count)

    async with PlayedBroker() as broker:
        broker.answers[0x80] = answered
        async with running(settings_for(tmp_path, broker.port)) as (agent, _):
            await until(lambda: agent._vitals.sessions.get("p1", False), "the session")
            await until(lambda: agent._vitals.readiness()["ready"], "the agent to be ready")
            assert broker.sessions_count == 1
