"""Nobody takes an agent's sessions or shared subscriptions: every role of `broker init` tries.

A thief knows how the ids are made, the ids of before they were secret, and everything that the
broker lets it read: from all of this it makes guesses, and connects with each, keeping the session
or ending it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiomqtt
import pytest
from structlog.testing import capture_logs

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.setup.inventory import AgentPlan
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import LinkError, NameTaken
from edge_agent.links.mqtt import connect
from edge_agent.presses.session_ids import session_ids
from tests.support.agents import listening, running, settings_for
from tests.support.messages import arrives, frames, pours, send
from tests.support.processes import GROUP_SECRET
from tests.support.ruled_broker import RuledBroker, ruled_broker
from tests.support.waiting import until

pytestmark = pytest.mark.needs("mosquitto")
ROLES = ("press-s-p1", "press-s-p2", "agent-b", "quality", "scada", "page")
PLANS = (
    AgentPlan(agent_id="a", site="s", presses=("p1",)),
    AgentPlan(agent_id="b", site="s", presses=("p2",)),
)
SHARED = (
    AgentPlan(agent_id="a", site="s", presses=("p1",), share_group="line-a"),
    AgentPlan(agent_id="b", site="s", presses=("p2",)),
)


@asynccontextmanager
async def login(
    broker: RuledBroker, role: str, client_id: str, *, keep: bool
) -> AsyncIterator[Any]:
    """A connection of a role, with a client id of its choice."""
    if role == "page":
        async with broker.page(identifier=client_id, clean_start=not keep) as page:
            yield page
    else:
        async with connect(broker.settings(role), client_id, keep=keep) as session:
            yield session


async def seen_by(broker: RuledBroker, role: str) -> set[str]:
    """Every word in what a role can read while the agent says all it says."""
    words: set[str] = set()
    async with login(broker, role, f"spy-{role}", keep=False) as session:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                if role == "page":
                    await session.subscribe("#", qos=1)
                    async for message in session.messages:
                        words |= set(str(message.topic).split("/")) | _texts(message.payload)
                else:
                    await session.subscribe(["#"])
                    while True:
                        for message in await session.next_batch(100):
                            words |= set(message.topic.split("/")) | _texts(message.payload)
    return words


def _texts(payload: object) -> set[str]:
    assert isinstance(payload, bytes)
    with suppress(ValueError):
        values = [value for value in json.loads(payload).values() if isinstance(value, str)]
        return {part for value in values for part in (value, *value.split("-"))}
    return set()


def long(words: Iterable[str]) -> list[str]:
    """Words that may stand for something secret: the names of runs and their parts."""
    return sorted(word for word in words if len(word) >= 16 and word.replace("-", "").isalnum())


def guesses(words: Iterable[str]) -> list[str]:
    """Client ids of before, and how today's are made with each word that was seen."""
    before = ["pur-twin-a-s-p1", "pur-share/line-a/s/p1", "pur-twin-a-p1"]
    return before + [f"pur-twin-a-p1-{word}" for word in long(words)]


async def steal(broker: RuledBroker, role: str, ids: Iterable[str]) -> None:
    """Take each of these sessions, whatever is in it, then end it."""
    for client_id in ids:
        for keep in (True, False):
            with suppress(LinkError, aiomqtt.MqttError):  # another thief was quicker
                async with login(broker, role, client_id, keep=keep):
                    pass


async def test_no_role_takes_a_session_of_the_agent(tmp_path: Path) -> None:
    """Away: 50 acknowledged shots arrive. Live: every frame does."""
    async with ruled_broker(tmp_path, *PLANS) as broker:
        settings = settings_for(tmp_path, broker.settings("agent-a"))
        reader = broker.settings("scada")
        known: dict[str, list[str]] = {}
        async with running(settings, reader):
            for role in ROLES:
                known[role] = guesses(await seen_by(broker, role))
        assert len(known["scada"]) > len(known["quality"]), "the spy saw the agent's statuses"
        async with connect(broker.settings("press-s-p1"), "press") as press:
            await send(press, "shot", pours(1, 50))
            for role in ROLES:
                await steal(broker, role, known[role])
            async with running(settings, reader):
                await arrives(settings, shot=50)
                thieves = [asyncio.create_task(steal(broker, r, known[r])) for r in ROLES]
                sent = 0
                while sent < 300 or not all(thief.done() for thief in thieves):
                    await send(press, "telemetry", frames(sent, 10))
                    sent += 10
                    await asyncio.sleep(0.02)  # the rate
                await asyncio.gather(*thieves)
                await arrives(settings, shot=50, telemetry=sent)


async def test_no_role_gets_messages_of_a_shared_group(tmp_path: Path) -> None:
    """Nine clients subscribe to each share they can think of; the agent gets all 100."""
    async with ruled_broker(tmp_path, *SHARED) as broker, AsyncExitStack() as thieves:
        own = broker.settings("agent-a").model_dump() | {"session_secret": GROUP_SECRET}
        settings = settings_for(tmp_path, BrokerSettings.model_validate(own), "line-a")
        async with running(settings, broker.settings("scada")):
            words = set()
            for role in ROLES:
                words |= await seen_by(broker, role)
            shares = ["line-a", "s", "a", "agents", *(f"line-a-{word}" for word in long(words))]
            for number in range(9):
                role = ROLES[number % 5]  # the page has no name of its own to log in nine times
                session = await thieves.enter_async_context(
                    connect(broker.settings(role), f"thief-{number}")
                )
                await session.subscribe(
                    [
                        f"$share/{share}/{topic}"
                        for share in shares
                        for topic in ("#", "pur/v1/s/p1/+", "pur/v1/s/p1/telemetry")
                    ]
                )
            async with connect(broker.settings("press-s-p1"), "press") as press:
                await send(press, "telemetry", frames(0, 100))
            await arrives(settings, telemetry=100)


@pytest.mark.parametrize("group", [None, "line"])
async def test_secret_and_ids_appear_nowhere(
    tmp_path: Path, group: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs, topics, metrics and pages, of a run with an outage, poison and a second agent."""
    caplog.set_level("DEBUG")
    texts: list[str] = []
    async with MosquittoProcess(directory=tmp_path / "mosquitto", persistence=True) as broker:
        plain, health = BrokerSettings(port=broker.port), free_port()
        secret = {"session_secret": GROUP_SECRET} if group else {}
        own = BrokerSettings.model_validate(plain.model_dump() | secret)
        page = {"health": {"enabled": True, "port": health}}
        agents = [settings_for(tmp_path, own, group, **page)]
        (tmp_path / "two").mkdir()
        agents.append(settings_for(tmp_path / "two", own, group))
        with capture_logs() as logs:
            async with running(agents[0], plain):
                async with connect(plain, "spy") as spy, connect(plain, "press") as press:
                    await spy.subscribe(["#"])
                    await send(press, "shot", [*pours(1, 2), b"poison", b"\xff"])
                    await arrives(agents[0], shot=2, dead_letter=2)
                    texts += await collected(spy)
                await broker.terminate()
                lost = "group_lost" if group else "link_lost"
                await until(lambda: lost in {line["event"] for line in logs})
                texts += await asyncio.to_thread(pages, health)
                await broker.start()
                async with connect(plain, "spy") as spy:
                    await spy.subscribe(["#"])
                    await listening(plain)
                    with pytest.raises(NameTaken) as taken:
                        async with running(agents[1]) as second:
                            await second.task
                    texts += await collected(spy)
                texts += await asyncio.to_thread(pages, health)
        texts += [caplog.text, str(logs), str(taken.value), taken.value.hint]
    everything = "\n".join(texts)
    assert "twin/status" in everything
    assert "pur_link_up" in everything
    for settings in agents:
        for word in secret_words(settings, everything):
            assert word not in everything, word


def secret_words(settings: Settings, seen: str) -> list[str]:
    """The secret, each id, and the part of each that nobody can guess."""
    given = settings.broker.session_secret
    file = Path(f"{settings.spool.path}.session-secret")
    secret = given.get_secret_value() if given else file.read_text().strip()
    ids, press = session_ids(settings), settings.addresses()[0]
    found = [ids.press(press), ids.share("line"), ids.status(), ids.probe(), ids.reader(press)]
    runs = set(re.findall(r"[0-9a-f]{16}-[a-z2-7]{26}", seen))
    assert len(runs) >= 2
    found += [ids.presence(run) for run in runs]
    return [secret, *found, *(one.rpartition("-")[2] for one in found)]


async def collected(session: Any) -> list[str]:
    """All that has come, until a moment passes without anything."""
    texts: list[str] = []
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.5):
                batch = await session.next_batch(100)
            texts += [f"{m.topic} {m.payload.decode(errors='replace')}" for m in batch]
    return texts


def pages(port: int) -> list[str]:
    """What the agent serves."""
    found = []
    for page in ("metrics", "healthz", "readyz"):
        try:
            with urlopen(f"http://127.0.0.1:{port}/{page}") as answer:
                found.append(answer.read().decode())
        except OSError as error:
            found.append(str(getattr(error, "read", lambda: b"")().decode()))
    return found
