"""Agents in this process: their settings, their run from start to end, and when they listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from broker.codec import decode
from broker.messages import TwinStatus
from edge_agent.agent import Agent
from edge_agent.clock import Clock, SystemClock
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.links.mqtt import connect
from edge_agent.monitoring.systemd import Service
from tests.support.waiting import GATHER_S, LIMIT_S

END_MAX_S = 60.0


def settings_for(
    folder: Path, broker: BrokerSettings | int, group: str | None = None, **more: Any
) -> Settings:
    """Agent ``a`` of press p1 of site ``s``, with spool and history as files in a folder.

    Args:
        broker: the link, or its port on this machine; the agent is quick to connect again.
        group: shares its presses.
        more: sections that replace these, or add to them.
    """
    link = BrokerSettings(port=broker) if isinstance(broker, int) else broker
    found: dict[str, Any] = {
        "site": "s",
        "agent_id": "a",
        "presses": ["p1"],
        "broker": link.model_copy(update={"reconnect_max_s": 0.5, "keepalive_s": 5}),
        "share": {"group": group, "leave_max_s": 1.0},
        "spool": {"path": folder / "spool.db"},
        "history": {"path": folder / "history.db"},
    } | more
    found["history"] = {"gather_s": GATHER_S} | found["history"]
    found["web"] = {"database_path": folder / "web.db"} | found.get("web", {})
    return Settings.model_validate(found)


class Running(NamedTuple):
    """An agent and the task that runs it, which ends early if the agent gives up."""

    agent: Agent
    task: asyncio.Task[None]


@asynccontextmanager
async def running(
    settings: Settings,
    reader: BrokerSettings | None = None,
    *,
    clock: Clock | None = None,
    service: Service | None = None,
    load: Callable[[], Settings] | None = None,
) -> AsyncIterator[Running]:
    """Run an agent until the end of the block, or its own.

    Args:
        reader: a link that may read statuses: waits with it until the agent listens to its presses.
        load: reads the settings again.
    """
    stop = asyncio.Event()
    agent = Agent(settings, clock or SystemClock(), stop, load, service)
    task = asyncio.create_task(agent.run())
    try:
        if reader is not None:
            await listening(reader, settings.presses, task)
        yield Running(agent, task)
    finally:
        stop.set()
        await asyncio.wait([task], timeout=END_MAX_S)
        task.result()


async def listening(
    reader: BrokerSettings,
    presses: Sequence[str] = ("p1",),
    task: asyncio.Task[None] | None = None,
) -> None:
    """Wait until an agent says of all presses of site ``s`` that it listens to them.

    Args:
        reader: a link that may read statuses.
        task: runs the agent; its error, when it ends instead.
    """

    async def heard() -> None:
        online: set[str] = set()
        async with connect(reader, "observer") as session:
            await session.subscribe([f"pur/v1/s/{press}/twin/status" for press in presses])
            while online != set(presses):
                batch = await session.next_batch(10)
                session.acknowledge(batch)
                for status in (decode(TwinStatus, message.payload) for message in batch):
                    online |= {status.press} if status.state == "online" else set()

    async with asyncio.timeout(LIMIT_S):
        waiting = asyncio.create_task(heard())
        await asyncio.wait({waiting, *([task] if task else [])}, return_when="FIRST_COMPLETED")
        if task is not None and task.done():
            waiting.cancel()
            task.result()
        await waiting
