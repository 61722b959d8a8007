"""Alerts about what comes again and again: told once, then once an hour with how often it came."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

from broker.messages import Alert

AGAIN_AFTER = timedelta(hours=1)
KEPT = 10_000
"""Things that are told apart; with more of them the one that was silent longest is forgotten."""


class AlertLimits:
    """Lets an alert through when it is due."""

    def __init__(self, tell: Callable[[Alert], None]) -> None:
        self._tell = tell
        self._told: OrderedDict[Hashable, tuple[datetime, int]] = OrderedDict()

    def tell(self, key: Hashable, alert: Callable[[], Alert], now: datetime) -> None:
        """Tell of something, unless it was told less than an hour ago.

        Args:
            key: the same for all that one alert an hour is enough for.
            alert: makes it.
            now: the agent's time.
        """
        at, more = self._told.get(key, (None, 0))
        if at is not None and timedelta() <= now - at < AGAIN_AFTER:
            self._told[key] = at, more + 1
            return
        self._told[key] = now, 0
        self._told.move_to_end(key)
        if len(self._told) > KEPT:
            self._told.popitem(last=False)
        found = alert()
        if more:
            evidence = found.evidence | {"more_count": float(more)}
            found = found.model_copy(update={"evidence": evidence})
        self._tell(found)
