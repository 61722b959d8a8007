"""What the agent knows of the session of one press."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from broker.topics import PressAddress
from edge_agent.monitoring.watchdog import Watch
from edge_agent.presses.handover import Handover


@dataclass
class Link:
    """The session of one press: kept until ``end`` is set."""

    press: PressAddress
    watch: Watch
    end: asyncio.Event = field(default_factory=asyncio.Event)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    last_words: str | None = "shut down"
    """Reason of the last status; None when another agent has the press already."""
    handover: Handover | None = None
    """In a group, while the session is open."""
    receiver: asyncio.Task[None] | None = None
    receiving: Watch = field(default_factory=lambda: Watch("receive"))


async def either(*events: asyncio.Event) -> None:
    """Wait for the first of these."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do some work, or break it off when the event comes first; true when it was done."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        done = working.done()
        if done:
            working.result()
        return done
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)
