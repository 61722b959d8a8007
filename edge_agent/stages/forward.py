"""forward: outbox -> history, in batches; keys make a repeated batch harmless."""

from __future__ import annotations

import asyncio

from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.ports import HistoryStore
from edge_agent.spool import SpoolThread

BATCH = 500
RETRY_S = 2.0


async def forward(spool: SpoolThread, history: HistoryStore, wake: asyncio.Event) -> None:
    """Deliver rows for ever; while the history is away they stay in the outbox."""
    down = False
    while True:
        wake.clear()
        try:
            more = await forward_batch(spool, history)
        except StoreError as error:
            if not down:
                get_logger().error("history_lost", stage="forward", error=str(error))
            down = True
            await asyncio.sleep(RETRY_S)
            continue
        if down:
            get_logger().info("history_recovered", stage="forward")
            down = False
        if not more:
            await wake.wait()


async def forward_batch(spool: SpoolThread, history: HistoryStore) -> bool:
    """Deliver one batch; true when there was one.

    Raises:
        StoreError: the history is away; nothing was settled.
    """
    batch = await spool.call(spool.spool.to_forward, BATCH)
    if not batch:
        return False
    receipt = await asyncio.to_thread(history.deliver, batch)
    for reason in receipt.rejected.values():
        get_logger().error("row_rejected", stage="forward", reason=reason)
    settled = [*receipt.accepted, *receipt.rejected]
    await spool.call(spool.spool.settle_forwarded, settled)
    return True
