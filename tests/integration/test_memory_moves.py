"""A press that moves between agents of a group takes its memory along, killed or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from broker.local.mosquitto import MosquittoProcess
from broker.messages import PressEvent
from broker.timestamps import parse_timestamp
from edge_agent.config.settings import BrokerSettings, Settings, ShareSettings, SpoolSettings
from edge_agent.inference import refresh
from edge_agent.inference.entry import examined
from edge_agent.links.mqtt import connect
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.presses.held_presses import HeldPresses
from edge_agent.presses.press_session import PressSession, Tools
from edge_agent.presses.session_state import Link
from edge_agent.spool.changes import Changes
from tests.integration.test_recalled_memory import Seen, same
from tests.support.case_press import Arrival
from tests.support.models import model_file, registry_with
from tests.support.pipelines import feed, pipeline_on
from tests.support.played import messages_of, settings_for, virtual_plant

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("training")]
SHOTS = 8
AGAIN = 3
"""Messages that were worked on and not acknowledged when an agent was killed."""


def member(settings: Settings, agent_id: str, port: int, folder: Path) -> Settings:
    """An agent of the group, with a spool and a history of its own."""
    history = settings.history.model_copy(update={"path": folder / f"{agent_id}-history.db"})
    return settings.model_copy(
        update={
            "agent_id": agent_id,
            "broker": BrokerSettings(port=port, session_secret=SecretStr("s" * 32)),
            "share": ShareSettings(group="line"),
            "spool": SpoolSettings(path=folder / f"{agent_id}.db"),
            "history": history,
        }
    )


class Member:
    """An agent that holds the press: its session is real, its messages are fed."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.clock = settings, Arrival()
        (self.press,) = settings.addresses()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Member:
        self.work = pipeline_on(self.settings, self.clock)
        self.work._committed = self._was_committed
        await self.work._inference.start()
        self._open.callback(self.work._spool.close)
        client_id = f"press-{self.settings.agent_id}"
        session = await self._open.enter_async_context(connect(self.settings.broker, client_id))
        self.session = session
        group = self.settings.group
        assert group is not None
        status = self.settings.topics.agent(group, self.settings.agent_id)
        await session.publish(status, b"{}", retain=True)
        args = self.settings.agent_id, True, self.work, self.work._spool, self.clock
        self.held = HeldPresses(*args)
        me: Any = SimpleNamespace(ids=SimpleNamespace(reader=lambda _press: f"{client_id}-reader"))
        metrics, takeover = self.work._metrics, SimpleNamespace()
        tools = Tools(me, self.work, self.clock, metrics, self.held, takeover)  # type: ignore[arg-type]
        self.link = Link(self.press, Watch("link"))
        opened = PressSession(self.link, session, self.settings, tools)
        sender = self.work.publisher.open(self.press, session, Watch("publish"))
        sending = asyncio.create_task(sender.run())
        self._open.callback(sending.cancel)
        await opened._take_over_shots()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def follow(self, messages: Sequence[Incoming]) -> None:
        """Work on messages; what they lead to is retained when the last one is committed."""
        for message in messages:
            self.clock.time = parse_timestamp(json.loads(message.payload)["ts"])
            await feed(self.work, [message])
        assert self.link.handover is not None
        await self.link.handover.settle(self.session, lambda: None)

    def _was_committed(self, changes: Changes) -> None:
        if self.link.handover is not None:
            self.link.handover.committed(changes.state)


def with_maintenance(messages: list[Incoming], settings: Settings) -> list[Incoming]:
    (press,) = settings.addresses()
    middle = len(messages) // 3
    ts = json.loads(messages[middle].payload)["ts"]
    event = PressEvent(ts=ts, event="maintenance")
    topic = settings.topics.event(press)
    mine = Incoming(topic, event.model_dump_json(exclude_none=True).encode(), None, 1, 1)
    return [*messages[:middle], mine, *messages[middle:]]


def states_of(work: Pipeline) -> dict[Any, Any]:
    """How the intervals of each mold have held."""
    (press,) = work._settings.addresses()
    intervals = work.recall.earlier.intervals
    return {mold: intervals.document(mold) for mold in intervals.of_press(press)}


@pytest.mark.peers
async def test_the_columns_are_those_of_an_agent_that_never_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "tried", examined)
    base, seen = settings_for(tmp_path, virtual_plant(SHOTS)), Seen(monkeypatch)
    messages = with_maintenance(messages_of(base, virtual_plant(SHOTS).shots()), base)
    steps = [len(messages) * part // 4 for part in range(5)]
    pieces = [messages[a:b] for a, b in pairwise(steps)]
    async with MosquittoProcess() as broker:
        registry_with(base.learning.models, {"pour": model_file()})
        alone = member(base, "alone", broker.port, tmp_path)
        stays = pipeline_on(alone.model_copy(update={"share": ShareSettings()}), clock := Arrival())
        await stays._inference.start()
        for message in messages:
            clock.time = parse_timestamp(json.loads(message.payload)["ts"])
            await feed(stays, [message])
        (press,) = base.addresses()
        kept = {row.shot.name: row for row in stays.recall.earlier.rows_of(press)}
        states = states_of(stays)
        stays._spool.close()
        expected = seen.take()
        agents = [member(base, name, broker.port, tmp_path) for name in "ab"]
        again: list[Incoming] = []
        for number, piece in enumerate(pieces):
            async with Member(agents[number % 2]) as agent:
                await agent.follow([*again, *piece])
                again = piece[-AGAIN:]
                if number == 1:  # the next time it is killed, and finds its spool as it was
                    await agent.held.give_up(press)
                    assert not list(agent.work.recall.earlier.rows_of(press))
                elif number == 3:
                    rows = {r.shot.name: r for r in agent.work.recall.earlier.rows_of(press)}
                    events = agent.work.recall.earlier.events_of(press)
                    moved = states_of(agent.work)
        assert [event.kind for event in events] == ["maintenance"]
    found = seen.take()
    assert found.keys() == expected.keys()
    assert max(row["prev_rho_moulded_count"] for row in expected.values()) >= 1
    for shot_id, columns in expected.items():
        same(columns, found[shot_id])
    assert moved == states
    assert sum(state["count"] for of in states.values() for state in of.values()) > SHOTS
    assert rows.keys() == kept.keys()
    for name, row in kept.items():
        assert len(rows[name].records) == len(row.records)
        assert rows[name].poured == row.poured
        assert rows[name].measured == row.measured
        assert rows[name].said == row.said
