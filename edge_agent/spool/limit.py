"""Keeps the spool within its size: thin raw telemetry first, then stop taking messages in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker import alert_codes as codes
from edge_agent.logs import get_logger
from edge_agent.spool.thread import SpoolThread

REOPEN_SHARE = 0.9
"""A spool has room again below this share of its limit."""
MB = 1e6


@dataclass(frozen=True)
class SpoolAlert:
    """A change of the spool's fill that people should know of."""

    code: str
    severity: Literal["info", "warning", "critical"]
    words: str


ROOM = SpoolAlert(codes.SPOOL_HAS_ROOM, "info", "the spool takes everything again")
THINS = SpoolAlert(
    codes.SPOOL_THINNED,
    "warning",
    "the history is away for long: every second raw frame is given up, the oldest first",
)
FULL = SpoolAlert(
    codes.SPOOL_FULL,
    "critical",
    "the spool is full: messages stay at the broker until the history is back",
)


class SpoolLimit:
    """Size of the spool, checked now and then; a change is an alert, a repetition is none."""

    def __init__(self, spool: SpoolThread, limit_mb: float, *, alerted: bool = False) -> None:
        """Nothing is checked yet.

        Args:
            spool: the spool.
            limit_mb: size that it may have [MB].
            alerted: an earlier life of the agent told that it was passed, and not yet of its end.
        """
        self._spool, self._limit = spool, limit_mb * MB
        self._thinning = alerted

    async def check(self, now: datetime) -> SpoolAlert | None:
        """Thin once if the spool is too large; close it for input if nothing can be thinned.

        Raises:
            StoreError: the spool cannot be read or written.
        """
        spool = self._spool
        used = await spool.used_bytes()
        alert = None
        if used > self._limit:
            gone = await spool.thin_telemetry(now)
            if gone and not self._thinning:
                self._thinning, alert = True, THINS
            elif not gone and not spool.full:
                spool.full, alert = True, FULL
        elif used <= REOPEN_SHARE * self._limit and (spool.full or self._thinning):
            spool.full = self._thinning = False
            alert = ROOM
        if alert is not None:
            log = get_logger()
            write = log.info if alert is ROOM else log.error
            detail = f"{used / MB:.1f} MB used"
            write(alert.code.replace("-", "_"), stage="forward", reason=alert.words, detail=detail)
        return alert
