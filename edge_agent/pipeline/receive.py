"""receive: MQTT message -> inbox row, and only then the acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from edge_agent.clock import Clock
from edge_agent.errors import StoreError
from edge_agent.links.mqtt import Session
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.hold import Fallback, envelopes_of, give_up, hold
from edge_agent.ports import Envelope
from edge_agent.spool.spool import SpoolThread

BATCH = 256
RETRY_S = 1.0
"""Pause when the spool cannot be written."""


async def until_written(
    stage: str,
    call: Callable[..., Awaitable[None]],
    *arguments: Any,
    refused: Callable[[], Awaitable[None]] | None = None,
) -> bool:
    """Try a write until the disk takes it; the trouble and its end are logged once each.

    Args:
        refused: called after every try that the disk does not take.

    Returns:
        Was there trouble?
    """
    failed = False
    while True:
        try:
            await call(*arguments)
        except StoreError as error:
            if not failed:
                get_logger().error("spool_write_failed", stage=stage, error=str(error))
            failed = True
            if refused is not None:
                await refused()
            await asyncio.sleep(RETRY_S)
        else:
            if failed:
                get_logger().info("spool_write_recovered", stage=stage)
            return failed


async def receive(
    session: Session,
    spool: SpoolThread,
    clock: Clock,
    filter_of_press: str,
    stored: Callable[[], None],
    watch: Watch | None = None,
    fallback: Fallback | None = None,
    settled: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Take messages from a session until it ends: a batch is one transaction, then acknowledged.

    Args:
        filter_of_press: the topic filter that packets are kept under which cannot be read.
        settled: waits until more than the inbox knows of a batch, before it is acknowledged.
    """
    watch = watch or Watch("receive")
    call = watch.tries(spool.call)
    coming: asyncio.Task[list[Incoming]] | None = None

    def kept(batch: list[Incoming]) -> list[Envelope]:
        return envelopes_of(batch, clock.now(), filter_of_press)

    try:
        while True:
            batch = await (coming or session.next_batch(BATCH))
            coming = None
            with watch.work():
                try:
                    await call(spool.spool.append, kept(batch))
                except StoreError as error:
                    append = partial(call, spool.spool.append)
                    coming = await hold(session, append, kept, batch, error, fallback)
                stored()
                if settled is not None:
                    await settled()
                session.acknowledge(batch)
    finally:
        if coming is not None:
            await give_up(coming)
