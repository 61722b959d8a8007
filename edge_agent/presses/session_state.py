"""State of the session of one press."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from broker.topics import PressAddress
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.receive import Inlet
from edge_agent.presses.handover import Handover


@dataclass
class Link:
    """The session of one press: kept until ``end`` is set."""

    press: PressAddress
    watch: Watch
    end: asyncio.Event = field(default_factory=asyncio.Event)
    last_words: str | None = "shut down"
    """Reason of the last status; None when another agent has the press already."""
    handover: Handover | None = None
    """In a group, while the session is open."""
    receiver: asyncio.Task[None] | None = None
    inlet: Inlet | None = None
    settling: list[list[Incoming]] = field(default_factory=list)
    """In a group: on disk, and not yet retained for the next agent."""

    @property
    def idle(self) -> bool:
        """True if no message is in hand."""
        return self.inlet is None or (self.inlet.held == 0 and not self.settling)


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
