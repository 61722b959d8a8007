"""Part of an edge node that has a birth of its own: the node itself, or a device."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from edge_agent.links.sparkplug_births import Birth
from edge_agent.links.tag_source import Sample

GRACE_S = 3.0
"""So long a birth may be missing before its tags have no value."""
BACKLOG_MAX_S = 60.0
"""Values wait no longer for a backlog, however long it is."""


class NodePart:
    """What is known of one part.

    Attributes:
        device: its name; None for the edge node itself.
        birth: its last one; None where there is none, or it is dead.
        is_sure: the last birth still counts.
        since_s: since when it does not, by the monotonic clock [s].
        is_told: that its tags have no value.
        is_asked: its birth was asked for, since it did not follow that of its edge node.
    """

    def __init__(self, device: str | None, now_s: float) -> None:
        self.device = device
        self.birth: Birth | None = None
        self.is_sure = self.is_told = self.is_asked = False
        self.since_s = now_s
        self._held: deque[tuple[bytes, datetime]] = deque()
        self._bytes = 0
        self._waiting: list[Sample] = []
        """Values that wait for what is older."""
        self._waits_since_s: float | None = None
        self._backlog_s = 0.0
        """When the last of the backlog came."""

    def doubt(self, now_s: float) -> None:
        """Let the birth count no more until the next one; what is dead stays so.

        Args:
            now_s: time of the monotonic clock [s].
        """
        if self.is_sure:
            self.is_sure, self.is_told, self.since_s = False, False, now_s

    def revive(self, now_s: float) -> None:
        """Let it be born again soon: its edge node was, or it sends data.

        Args:
            now_s: time of the monotonic clock [s].
        """
        if not self.is_sure and self.birth is None:
            self.is_told, self.since_s = False, now_s

    def born(self, birth: Birth) -> list[tuple[bytes, datetime]]:
        """Take a birth; returns what was held for it."""
        self.birth, self.is_sure, self.is_told, self.is_asked = birth, True, False, False
        return self._release()

    def die(self) -> int:
        """Let it be dead, which is told; returns how many messages were held in vain."""
        self.birth, self.is_sure, self.is_told = None, False, True
        return len(self._release())

    def await_backlog(self, now_s: float) -> None:
        """Let values wait from now on: what it stored while it was away may come first.

        Args:
            now_s: time of the monotonic clock [s].
        """
        self._waits_since_s = self._backlog_s = now_s

    def in_order(self, samples: list[Sample], now_s: float) -> list[Sample]:
        """Samples that are to be used now; while a backlog is waited for those of it alone.

        Args:
            samples: as they came.
            now_s: time of the monotonic clock [s].
        """
        if self._waits_since_s is None:
            return samples
        old = [one for one in samples if one.historical]
        self._waiting += [one for one in samples if not one.historical]
        if old:
            self._backlog_s = now_s
        return old

    def after_backlog(self, now_s: float, quiet_s: float) -> list[Sample]:
        """What has waited, if the backlog is over.

        Args:
            now_s: time of the monotonic clock [s].
            quiet_s: it is when none of it has come for so long [s].
        """
        since_s = self._waits_since_s
        if since_s is None or (
            now_s - self._backlog_s < quiet_s and now_s - since_s < BACKLOG_MAX_S
        ):
            return []
        self._waits_since_s = None
        found, self._waiting = self._waiting, []
        return found

    def hold(self, data: bytes, arrived: datetime) -> None:
        """Hold a message until the next birth.

        Args:
            data: its payload.
            arrived: when it came.
        """
        self._held.append((data, arrived))
        self._bytes += len(data)

    def shorten(self, bytes_max: int) -> int:
        """Give up the oldest of what is held; returns how many messages.

        Args:
            bytes_max: so much may be held.
        """
        count = 0
        while self._bytes > bytes_max:
            self._bytes -= len(self._held.popleft()[0])
            count += 1
        return count

    def _release(self) -> list[tuple[bytes, datetime]]:
        found = list(self._held)
        self._held.clear()
        self._bytes = 0
        return found
