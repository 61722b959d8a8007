"""hold: what the disk refuses stays in memory, unacknowledged, and is looked at from there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from edge_agent.errors import StoreError
from edge_agent.links.mqtt import Session
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.ports import Envelope

BATCH = 256
RETRY_S = 1.0
"""Pause when the spool cannot be written; the broker keeps what is not acknowledged."""


class Fallback(Protocol):
    """Who does what can be done without a disk."""

    async def refused(self, held: list[Envelope]) -> None:
        """The disk takes none of these, which are all that is held."""
        ...

    async def taken(self) -> None:
        """The disk takes everything again."""
        ...


def envelopes_of(batch: list[Incoming], now: datetime, filter_of_press: str) -> list[Envelope]:
    """Messages as the inbox keeps them.

    A packet that cannot be read is kept under the topic filter of the press, which no message can
    have as its topic, with the reason in place of the content type.
    """
    return [
        Envelope(now, item.topic, item.payload, item.content_type)
        if item.unreadable is None
        else Envelope(now, filter_of_press, item.payload, item.unreadable)
        for item in batch
    ]


async def hold(
    session: Session,
    append: Callable[[list[Envelope]], Awaitable[None]],
    envelopes_of: Callable[[list[Incoming]], list[Envelope]],
    batch: list[Incoming],
    problem: StoreError,
    fallback: Fallback | None,
) -> asyncio.Task[list[Incoming]]:
    """Keep a refused ``batch`` and what comes after it until the disk takes all of it.

    The broker sends only as much as ``broker.receive_maximum``; the trouble and its end are logged
    once each.

    Args:
        envelopes_of: messages as the inbox keeps them.

    Returns:
        The wait for the next batch: a message that it has taken must not be dropped.

    Raises:
        LinkError: the session is over; the broker has everything that was held.
    """
    get_logger().error("spool_write_failed", stage="receive", error=str(problem))
    envelopes, fresh = envelopes_of(batch), True
    coming = asyncio.ensure_future(session.next_batch(BATCH))
    try:
        while True:
            if fresh and fallback is not None:
                await fallback.refused(envelopes)
            await asyncio.sleep(RETRY_S)
            fresh = coming.done()
            if fresh:
                more = coming.result()
                coming = asyncio.ensure_future(session.next_batch(BATCH))
                batch += more
                envelopes += envelopes_of(more)
            try:
                await append(envelopes)
            except StoreError:
                continue
            break
        get_logger().info("spool_write_recovered", stage="receive")
        if fallback is not None:
            await fallback.taken()
    except BaseException:
        await give_up(coming)
        raise
    return coming


async def give_up(waiting: asyncio.Task[list[Incoming]]) -> None:
    """End a wait for messages, and take note of how it ended."""
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
