"""Limits on how often: requests, computations, attempts to log in."""

from __future__ import annotations

import time
from math import ceil
from typing import Literal

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

LOGINS_PER_MINUTE = 10
"""From one address, and for one name; nobody mistypes faster."""
UNKNOWN_PER_MINUTE = 120
"""Refusals of one address for want of a valid login or token."""
Kind = Literal["request", "heavy", "login", "unknown"]


class Rates:
    """Limits of one server; the counts are in its memory."""

    def __init__(self, requests_per_minute: int, heavy_per_minute: int) -> None:
        """Begin to count.

        Args:
            requests_per_minute: of one person, machine or address.
            heavy_per_minute: likewise, of what computes.
        """
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._items: dict[Kind, RateLimitItemPerMinute] = {
            "request": RateLimitItemPerMinute(requests_per_minute, namespace="request"),
            "heavy": RateLimitItemPerMinute(heavy_per_minute, namespace="heavy"),
            "login": RateLimitItemPerMinute(LOGINS_PER_MINUTE, namespace="login"),
            "unknown": RateLimitItemPerMinute(UNKNOWN_PER_MINUTE, namespace="unknown"),
        }

    def wait_s(self, kind: Kind, who: str) -> int:
        """Count one; 0 when it is within the limit, else the seconds to wait.

        Args:
            kind: of the limit.
            who: name or address.
        """
        item = self._items[kind]
        if self._limiter.hit(item, who):
            return 0
        reset_at = self._limiter.get_window_stats(item, who).reset_time
        return max(1, ceil(reset_at - time.time()))
