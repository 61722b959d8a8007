"""Backlogs of sources: how far they have come, and when what they hold can be decided.

A backlog comes faster than time passes, in its order, so what lies far behind its newest sample has
settled. But after a lost link nobody knows which values still hold until the source says them again
behind its backlog: so long nothing of it is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.gateway.moments import SECOND_US

BEHIND_US = 30 * SECOND_US
"""Values of a backlog have settled when it has come so far beyond them."""
WAIT_US = 20 * SECOND_US
"""So long it is waited for values that are not of the backlog, by our clock."""


class Backlogs:
    """Backlogs of the sources of a station."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        """Start anew, or go on from a state; empty at the beginning."""
        self._newest: dict[str, int] = dict(state.get("newest", {}))
        self._since: dict[str, int] = dict(state.get("since", {}))
        """When the backlog after a lost link began, by our clock; 0 while it has not."""

    def lost(self, source: str) -> None:
        """Note that the link of a source is lost, whose values may change meanwhile."""
        self._since[source] = 0

    def historical(self, source: str, ts_us: int, now_us: int) -> None:
        """Note a sample of a backlog.

        Args:
            source: its source.
            ts_us: its time.
            now_us: when it came.
        """
        self._newest[source] = max(self._newest.get(source, 0), ts_us)
        if self._since.get(source) == 0:
            self._since[source] = now_us

    def is_over(self, source: str) -> None:
        """Note that a source has said how things stand."""
        self._since.pop(source, None)

    def waits_until_us(self, source: str) -> int:
        """Until when nothing of a source's backlog is decided; 0 if it may be at once."""
        since_us = self._since.get(source, 0)
        return since_us + WAIT_US if since_us else 0

    def settled_us(self) -> dict[str, int]:
        """Up to when the backlog of each source has settled by its own time."""
        return {source: ts_us - BEHIND_US for source, ts_us in self._newest.items()}

    def forget(self, source: str) -> None:
        """Forget the times of a source: its clock was set."""
        self._newest.pop(source, None)

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return {"newest": dict(self._newest), "since": dict(self._since)}
