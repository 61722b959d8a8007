"""forward: outbox -> history, in batches; keys make a repeated batch harmless."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from broker.dead_letter_reasons import REFUSED_BY_HISTORY
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.commit import Committer
from edge_agent.ports import HistoryStore
from edge_agent.spool.spool import SpoolThread

BATCH = 1000
OLD_S, OLD_BATCH, YIELD = 60.0, 200, 2.0
"""Rows that have waited so long are a backlog: they go in small batches, and it rests so long for
each second it works, so that live shots have the machine."""
GATHER_S = 0.1
"""Pause after a batch that took everything: what comes meanwhile is one transaction."""
RETRY_S = 2.0
UPKEEP_S = 60.0
PATIENCE_S = 600.0
"""A database has timeouts of its own, one for each of several statements; that is not stuck."""


class Forwarder:
    """Delivers rows; while the history is away they stay in the outbox."""

    def __init__(
        self,
        settings: Settings,
        spool: SpoolThread,
        history: HistoryStore,
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings, self._spool = settings, spool
        self._history, self._clock = history, clock
        self._metrics = metrics or Metrics()
        self._watch = watch = self._metrics.watch("forward", patience_s=PATIENCE_S)
        self._metrics.history_up.set_function(lambda: float(watch.trouble is None))
        self.wake = asyncio.Event()
        self._old = False
        """Was the last batch a backlog?"""

    async def run(self) -> None:
        """Deliver for ever; trouble and its end are logged once each."""
        down = False
        loop = asyncio.get_running_loop()
        kept_up = loop.time()
        while True:
            self.wake.clear()
            began = loop.time()
            try:
                with self._watch.work():
                    count = await self._watch.tries(self.batch)()
                    more = count > 0
                    if not more:
                        self._watch.nothing()
                        if loop.time() - kept_up >= UPKEEP_S:
                            more = await self._watch.tries(self._history.upkeep)(self._clock.now())
                            kept_up = kept_up if more else loop.time()
            except StoreError as error:
                if not down:
                    get_logger().error("history_lost", stage="forward", error=str(error))
                down = True
                await asyncio.sleep(RETRY_S)
                continue
            if down:
                get_logger().info("history_recovered", stage="forward")
                down = False
            if self._old:
                await asyncio.sleep(YIELD * (loop.time() - began))
            elif 0 < count < BATCH:
                await asyncio.sleep(GATHER_S)
            elif not more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), UPKEEP_S)

    async def batch(self) -> int:
        """Deliver a batch; how many rows it was. What is refused for good becomes a dead letter.

        Raises:
            StoreError: the history is away; nothing was settled.
        """
        limit = OLD_BATCH if self._old else BATCH
        rows = await self._spool.call(self._spool.spool.to_forward, limit)
        now = self._clock.now()
        self._old = bool(rows) and (now - rows[-1].created_at).total_seconds() > OLD_S
        if not rows:
            return 0
        receipt = await self._history.deliver(rows)
        committer = Committer(self._settings.topics, self._settings.broker.payload_format)
        committer.changes.forwarded = [*receipt.accepted, *receipt.rejected]
        for row in rows:
            if row.id in receipt.rejected:
                reason = receipt.rejected[row.id]
                get_logger().error("row_rejected", stage="forward", reason=reason)
                committer.rejected(row, reason, now)
                self._metrics.refused(REFUSED_BY_HISTORY)
        await self._spool.call(self._spool.spool.commit, committer.changes, now)
        return len(rows)
