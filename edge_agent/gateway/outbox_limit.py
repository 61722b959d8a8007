"""Keeps the outbox within its size and its messages within their age.

Beyond its limit the oldest readings go, counted and told; events of shots never do. Where only
events are left, nothing more is taken in.
"""

from __future__ import annotations

from datetime import datetime

from edge_agent.config.gateway_settings import OutboxSettings
from edge_agent.gateway.outbox_thread import OutboxThread
from edge_agent.logs import get_logger

REOPEN_SHARE = 0.9
"""An outbox has room again below this share of its limit."""
MB = 1e6
DROPS_AT_ONCE = 50


class OutboxLimit:
    """Size of the outbox, checked now and then; a change is told, a repetition is not."""

    def __init__(self, outbox: OutboxThread, settings: OutboxSettings) -> None:
        """Nothing is checked yet."""
        self._outbox, self._settings = outbox, settings
        self._dropping = False
        self.used_bytes = 0
        self.dropped_count = self.expired_count = 0
        """Since the outbox was made."""

    @property
    def words(self) -> str | None:
        """Why readings go, or nothing is taken in; None when there is room."""
        if self._outbox.outbox.full:
            return f"full: {self.used_bytes / MB:.0f} MB of events that may not go"
        if self._dropping:
            return f"over {self._settings.limit_mb} MB: the oldest readings are given up"
        return None

    async def check(self, now: datetime) -> None:
        """Give up what is too much or too old.

        Raises:
            StoreError: the outbox cannot be read or written.
        """
        outbox, limit = self._outbox, self._settings.limit_mb * MB
        expired = await outbox.expire(self._settings.unconfirmed_h, now)
        if expired:
            get_logger().warning(
                "messages_expired",
                count=expired,
                reason=f"no agent said in {self._settings.unconfirmed_h:g} h that it has them",
            )
        gone = 0
        self.used_bytes = await outbox.used_bytes()
        for _ in range(DROPS_AT_ONCE):
            if self.used_bytes <= limit:
                break
            dropped = await outbox.drop_readings(now)
            gone += dropped
            self.used_bytes = await outbox.used_bytes()
            if not dropped:
                break
        self._tell(gone, over=self.used_bytes > limit)
        self.dropped_count = await outbox.counted("dropped")
        self.expired_count = await outbox.counted("expired")

    def _tell(self, gone: int, *, over: bool) -> None:
        log, outbox = get_logger(), self._outbox.outbox
        detail = f"{self.used_bytes / MB:.1f} of {self._settings.limit_mb} MB used"
        if gone and not self._dropping:
            log.error(
                "readings_given_up",
                count=gone,
                detail=detail,
                hint="bring agent and broker back, or raise outbox.limit_mb",
            )
            self._dropping = True
        if over and not gone and not outbox.full:
            outbox.full = True
            log.error("outbox_full", detail=detail, reason="only events of shots are left")
        share = REOPEN_SHARE * self._settings.limit_mb * MB
        if (self._dropping or outbox.full) and self.used_bytes <= share:
            self._dropping = outbox.full = False
            log.info("outbox_has_room", detail=detail)
