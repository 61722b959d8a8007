"""Keep the spool in size: thin raw frames beyond its limit, and forget old retained messages."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from edge_agent.errors import StoreError
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.publish import PREDICTION_EXPIRES_S
from edge_agent.spool.limit import SpoolAlert, SpoolLimit
from edge_agent.spool.thread import SpoolThread

TRIM = timedelta(seconds=PREDICTION_EXPIRES_S)
TRIM_EVERY_S = 600.0


class SizeKeeper:
    """Size of the spool, kept whatever else is at work or waits."""

    def __init__(
        self, spool: SpoolThread, limit_mb: float, watch: Watch, *, alerted: bool = False
    ) -> None:
        self.limit = SpoolLimit(spool, limit_mb, alerted=alerted)
        self._spool, self._watch = spool, watch
        self._trimmed = float("-inf")

    async def check(self, now: datetime) -> SpoolAlert | None:
        """Thin and trim if it is due; an alert when the limit is passed, or is no longer."""
        alert = None
        with suppress(StoreError):  # the disk is away: the writer waits for it
            with self._watch.work():
                alert = await self.limit.check(now)
            if monotonic() - self._trimmed >= TRIM_EVERY_S:
                self._trimmed = monotonic()
                await self._spool.trim_retained(now - TRIM)
        return alert
