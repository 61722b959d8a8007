"""forward: rows of the spool -> history, in batches; keys make a repeated batch harmless.

Rows that the history has are removed from the spool in the next transaction of the pipeline; until
then this module remembers how far it is.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from broker.dead_letter_reasons import REFUSED_BY_HISTORY
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.ports import HistoryStore
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import NOTHING
from edge_agent.spool.thread import SpoolThread

BATCH = 1000
OLD_S, OLD_BATCH, YIELD = 60.0, 200, 2.0
"""Rows that have waited so long are a backlog: they go in small batches, and it rests so long for
each second it works, so that live shots have the machine."""
GATHER_S = 0.1
"""Pause after a batch that took everything: what comes meanwhile is one transaction."""
RETRY_S = 2.0
AWAY_S = 60.0
"""People are told of a history that takes nothing for so long; a restart of it is no news."""
UPKEEP_S = 60.0
PATIENCE_S = 600.0
"""A database has timeouts of its own, one for each of several statements; that is not stuck."""


class Forwarder:
    """Delivers rows; while the history is away they stay in the spool."""

    def __init__(
        self,
        settings: Settings,
        spool: SpoolThread,
        history: HistoryStore,
        pipeline: Pipeline,
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings, self._spool, self._pipeline = settings, spool, pipeline
        self._history, self._clock = history, clock
        self._metrics = metrics or Metrics()
        self._watch = watch = self._metrics.watch("forward", patience_s=PATIENCE_S)
        self._metrics.history_up.set_function(lambda: float(watch.trouble is None))
        self._wake = asyncio.Event()
        self._raw_count = 0
        self._had = dict(NOTHING)
        """Ids of the last rows that the history has."""
        self._old = False
        """Was the last batch a backlog?"""

    def committed(self, changes: Changes) -> None:
        """New rows may be in the spool: results go at once, raw telemetry is gathered."""
        raw = sum(row.kind == "telemetry" for row in changes.forward)
        self._raw_count += raw
        if raw < len(changes.forward) or self._raw_count >= BATCH:
            self._wake.set()

    async def run(self) -> None:
        """Deliver for ever; trouble and its end are logged once each."""
        down_since: float | None = None
        loop = asyncio.get_running_loop()
        kept_up = loop.time()
        while True:
            self._wake.clear()
            self._raw_count = 0
            began = loop.time()
            try:
                with self._watch.work():
                    count, more = await self._watch.tries(self.batch)(), False
                    # also between batches: where telemetry never ends there is always one
                    due = loop.time() - kept_up >= UPKEEP_S and count < BATCH and not self._old
                    if due or not count:
                        self._watch.nothing()
                    if due:
                        more = await self._watch.tries(self._history.upkeep)(self._clock.now())
                        kept_up = kept_up if more else loop.time()
            except StoreError as error:
                if down_since is None:
                    get_logger().error("history_lost", stage="forward", error=str(error))
                    down_since = began
                if loop.time() - down_since >= AWAY_S:
                    self._pipeline.history_is_away(str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if down_since is not None:
                get_logger().info("history_recovered", stage="forward")
                down_since = None
            if count:
                self._pipeline.history_is_away(None)
            if self._old:
                await asyncio.sleep(YIELD * (loop.time() - began))
            elif count == BATCH:
                continue
            elif count:
                await asyncio.sleep(GATHER_S)
            if not self._old and not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.history.gather_s):
                        await self._wake.wait()

    async def batch(self) -> int:
        """Deliver a batch; how many rows it was. What is refused for good becomes a dead letter.

        Raises:
            StoreError: the history is away; nothing was settled.
        """
        limit = OLD_BATCH if self._old else BATCH
        rows = await self._spool.to_forward(limit, self._had)
        now = self._clock.now()
        self._old = bool(rows) and (now - rows[-1].created_at).total_seconds() > OLD_S
        if not rows:
            return 0
        receipt = await self._history.deliver(rows)
        for row in rows:
            which = "telemetry" if row.entry.kind == "telemetry" else "results"
            self._had[which] = max(self._had[which], row.id)
            if row.id in receipt.rejected:
                reason = receipt.rejected[row.id]
                get_logger().error("row_rejected", stage="forward", reason=reason)
                self._pipeline.rejected(row, reason)
                self._metrics.refused(REFUSED_BY_HISTORY)
        self._pipeline.batches.delivered([*receipt.accepted, *receipt.rejected])
        return len(rows)
