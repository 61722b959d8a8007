"""publish: outbox -> MQTT, kept until the broker has accepted it with a success code."""

from __future__ import annotations

import asyncio
from datetime import datetime

from broker.topics import PressAddress
from edge_agent.errors import PublishRefused
from edge_agent.links.mqtt import Session
from edge_agent.logs import get_logger
from edge_agent.ports import Outgoing, Stored
from edge_agent.spool import SpoolThread

BATCH = 64
"""Messages under way at once; one at a time is a quarter of the rate."""


async def publish(
    session: Session,
    spool: SpoolThread,
    press: PressAddress,
    wake: asyncio.Event,
    connected_at: datetime,
) -> None:
    """Send what waits, oldest first, until the session ends.

    Messages from before the connection are marked as historical.

    Raises:
        LinkError: the session is over; what was not accepted stays.
    """
    while True:
        wake.clear()
        batch = await spool.call(spool.spool.to_publish, str(press), BATCH)
        if not batch:
            await wake.wait()
            continue
        results = await asyncio.gather(
            *(_send(session, stored, stored.created_at < connected_at) for stored in batch),
            return_exceptions=True,
        )
        settled = [
            stored.id
            for stored, result in zip(batch, results, strict=True)
            if result is None or isinstance(result, PublishRefused)
        ]
        await spool.call(spool.spool.settle_published, settled)
        for result in results:
            if isinstance(result, PublishRefused):
                get_logger().error("publish_refused", stage="publish", error=str(result))
            elif isinstance(result, BaseException):
                raise result


async def _send(session: Session, stored: Stored[Outgoing], historical: bool) -> None:
    message = stored.entry
    await session.publish(
        message.topic, message.payload, retain=message.retain, historical=historical
    )
