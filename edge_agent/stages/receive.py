"""receive: MQTT message -> inbox row, and only then the acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.errors import StoreError
from edge_agent.links.mqtt import Session
from edge_agent.logs import get_logger
from edge_agent.ports import Envelope
from edge_agent.spool import SpoolThread

BATCH = 256
RETRY_S = 1.0
"""Pause when the spool cannot be written; the broker keeps what is not acknowledged."""


async def receive(
    session: Session, spool: SpoolThread, clock: Clock, stored: Callable[[], None]
) -> None:
    """Take messages from a session until it ends: a batch is one transaction, then acknowledged."""
    while True:
        batch = await session.next_batch(BATCH)
        envelopes = [
            Envelope(clock.now(), item.topic, item.payload, item.content_type) for item in batch
        ]
        while True:
            try:
                await spool.call(spool.spool.append, envelopes)
                break
            except StoreError as error:
                get_logger().error("spool_write_failed", stage="receive", error=str(error))
                await asyncio.sleep(RETRY_S)
        session.acknowledge(batch)
        stored()
