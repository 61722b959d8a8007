"""Patience with a broker that refuses messages for now: it is busy, or a quota is used up.

What it refused waits in the spool and is sent again after a pause, which doubles while that goes
on. A broker that refuses everything is waited for as long as it takes, as one that is away; a
message that it refuses again and again while it accepts others is given up.
"""

from __future__ import annotations

import math
from time import perf_counter

AGAIN_FIRST_S, AGAIN_LAST_S = 1.0, 60.0
"""The pause, at first and at last."""
TRIES = 10
"""A message of the spool that was refused so often, while others were accepted, is given up."""
IN_A_ROW = 10
"""After so many refusals nothing more is sent from the spool until the pause is over."""


class Tries:
    """Refusals of messages that are sent from the spool, over all sessions."""

    def __init__(self) -> None:
        self.accepted_count = 0
        """Messages that the broker accepted."""
        self._by_key: dict[str, tuple[int, int]] = {}
        """How often, and what ``accepted_count`` was the last time."""

    def refused(self, key: str) -> bool:
        """Count a refusal; true when there were too many."""
        count, accepted_count = self._by_key.get(key, (0, -1))
        count += self.accepted_count > accepted_count
        self._by_key[key] = count, self.accepted_count
        return count >= TRIES

    def forget(self, key: str) -> None:
        """The message is settled."""
        self._by_key.pop(key, None)


class BusyBroker:
    """Whether, and until when, a broker refuses for now; during one session."""

    def __init__(self) -> None:
        self.pause_s = 0.0
        self._again_at = math.inf
        self._in_a_row = 0

    @property
    def owes(self) -> bool:
        """Is something to be sent again after a pause?"""
        return self._again_at < math.inf

    @property
    def takes_nothing(self) -> bool:
        """Is it not worth while to send from the spool just now?"""
        return self.owes and self._in_a_row >= IN_A_ROW

    def refused(self) -> bool:
        """It refused a message for now; true when that begins a pause."""
        self._in_a_row += 1
        if self.owes:
            return False
        self.pause_s = min(AGAIN_LAST_S, 2.0 * self.pause_s or AGAIN_FIRST_S)
        self._again_at = perf_counter() + self.pause_s
        return True

    def accepted(self) -> None:
        """It accepted a message."""
        self._in_a_row = 0

    def is_over(self) -> bool:
        """Begin anew if the pause is over; true when so."""
        if perf_counter() < self._again_at:
            return False
        self._again_at, self._in_a_row = math.inf, 0
        return True

    def well(self) -> None:
        """Nothing is under way any more: the next pause is short again."""
        if not self.owes:
            self.pause_s = 0.0
