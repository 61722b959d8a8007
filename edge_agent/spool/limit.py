"""Keeps the spool within its size: thin raw telemetry first, then stop taking messages in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker import alert_codes as codes
from edge_agent.logs import get_logger
from edge_agent.spool.spool import SpoolThread

REOPEN_SHARE = 0.9
"""A spool has room again below this share of its limit."""
MB = 1e6


@dataclass(frozen=True)
class News:
    """Something about the spool that people should know."""

    code: str
    severity: Literal["info", "warning", "critical"]
    words: str


ROOM = News(codes.SPOOL_HAS_ROOM, "info", "the spool takes everything again")
THINS = News(
    codes.SPOOL_THINNED,
    "warning",
    "the history is away for long: every second raw frame is given up, the oldest first",
)
FULL = News(
    codes.SPOOL_FULL,
    "critical",
    "the spool is full: messages stay at the broker until the history is back",
)


class SpoolLimit:
    """Looks at the size of the spool now and then; changes are news, repetitions are not."""

    def __init__(self, spool: SpoolThread, limit_mb: float) -> None:
        self._spool, self._limit = spool, limit_mb * MB
        self._thinning = False

    async def check(self, now: datetime) -> News | None:
        """Thin once if the spool is too large; close it for input if nothing can be thinned.

        Raises:
            StoreError: the spool cannot be read or written.
        """
        spool = self._spool.spool
        used = await self._spool.call(spool.used_bytes)
        news = None
        if used > self._limit:
            gone = await self._spool.call(spool.thin_telemetry, now)
            if gone and not self._thinning:
                self._thinning, news = True, THINS
            elif not gone and not spool.full:
                spool.full, news = True, FULL
        elif used <= REOPEN_SHARE * self._limit and (spool.full or self._thinning):
            spool.full = self._thinning = False
            news = ROOM
        if news is not None:
            log = get_logger()
            write = log.info if news is ROOM else log.error
            detail = f"{used / MB:.1f} MB used"
            write(news.code.replace("-", "_"), stage="forward", reason=news.words, detail=detail)
        return news
