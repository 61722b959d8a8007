"""publish: outbox -> MQTT, kept until the broker has accepted it with a success code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from broker.topics import PressAddress
from edge_agent import fault_points
from edge_agent.errors import PublishRefused
from edge_agent.links.mqtt import Session
from edge_agent.logs import get_logger
from edge_agent.ports import Outgoing, Stored
from edge_agent.spool import SpoolThread
from edge_agent.stages.receive import until_written
from edge_agent.watch import Watch

PREDICTION_EXPIRES_S = 86_400
"""A retained prediction that nothing has replaced in a day speaks of no mold any more."""
BATCH = 64
"""Messages under way at once; one at a time is a quarter of the rate."""


async def publish(
    session: Session,
    spool: SpoolThread,
    press: PressAddress,
    wake: asyncio.Event,
    connected_at: datetime,
    watch: Watch | None = None,
    published: Callable[[Outgoing], None] = lambda _message: None,
) -> None:
    """Send what waits, oldest first, until the session ends.

    Messages from before the connection are marked as historical.

    Args:
        published: told of every message that the broker accepted.

    Raises:
        LinkError: the session is over; what was not accepted stays.
    """
    watch = watch or Watch("publish")
    while True:
        wake.clear()
        batch = spool.spool.to_publish(str(press), BATCH)
        if not batch:
            watch.rest()
            await wake.wait()
            continue
        with watch.work():
            await _publish(session, spool, batch, connected_at, published)


async def _publish(
    session: Session,
    spool: SpoolThread,
    batch: list[Stored[Outgoing]],
    connected_at: datetime,
    published: Callable[[Outgoing], None],
) -> None:
    results = await asyncio.gather(
        *(_send(session, stored, stored.created_at < connected_at) for stored in batch),
        return_exceptions=True,
    )
    settled = [
        stored.id
        for stored, result in zip(batch, results, strict=True)
        if result is None or isinstance(result, PublishRefused)
    ]
    await until_written("publish", spool.call, spool.spool.settle_published, settled)
    for stored, result in zip(batch, results, strict=True):
        if result is None:
            published(stored.entry)
        elif isinstance(result, PublishRefused):
            get_logger().error("publish_refused", stage="publish", error=str(result))
        elif isinstance(result, BaseException):
            raise result


async def _send(session: Session, stored: Stored[Outgoing], historical: bool) -> None:
    message = stored.entry
    await session.publish(
        message.topic,
        message.payload,
        retain=message.retain,
        historical=historical,
        expires_s=PREDICTION_EXPIRES_S if message.retain else None,
    )
    if message.retain:
        fault_points.reach(fault_points.PUBLISHED)
