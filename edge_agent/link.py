"""What the agent knows of the session of one press."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from broker.topics import PressAddress
from edge_agent.handover import Handover
from edge_agent.watch import Watch


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
