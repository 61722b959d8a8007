"""Clocks of presses, judged against arrival: a clock that is wrong, told from a backlog.

A constant offset over a stretch of messages is a clock; one that shrinks while old messages come in
is a backlog. No backlog is older than a month: then one message is enough.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.topics import PressAddress

WRONG = timedelta(seconds=60)
"""A smaller offset is the way through gateway and broker."""
YEARS = timedelta(days=30)
"""A larger offset is no backlog. It stays as it was judged until it has moved by as much."""
STRETCH = timedelta(seconds=20)
"""An offset is constant if it has been for so long …"""
MESSAGES = 10
"""… over so many messages …"""
CONSTANT = timedelta(seconds=5)
"""… within so much."""
NO_OFFSET = timedelta()


@dataclass
class _Heard:
    recent: deque[tuple[datetime, timedelta]] = field(
        default_factory=lambda: deque(maxlen=MESSAGES)
    )
    """Arrivals and offsets, at most one in a tenth of the stretch."""
    offset: timedelta = NO_OFFSET


class PressClocks:
    """What is known of the clock of each press."""

    def __init__(self) -> None:
        self._heard: dict[PressAddress, _Heard] = {}

    def offset(self, press: PressAddress) -> timedelta:
        """Offset of a clock that is wrong, negative when it is behind; 0 when nothing is wrong."""
        heard = self._heard.get(press)
        return NO_OFFSET if heard is None else heard.offset

    def hear(self, press: PressAddress, ts: datetime, arrival: datetime) -> timedelta | None:
        """Judge a message that was sent now: the new offset when it has changed, else None.

        Args:
            press: press that sent it.
            ts: its time, by the clock of the press.
            arrival: when it came, by the agent's clock.
        """
        heard = self._heard.setdefault(press, _Heard())
        offset = ts - arrival
        judged = self._judged(heard, offset, arrival)
        slack = YEARS if abs(offset) > YEARS else WRONG  # the order is that of the press's clock
        if judged is None or abs(judged - heard.offset) <= slack:
            return None
        heard.offset = judged
        return judged

    def _judged(self, heard: _Heard, offset: timedelta, arrival: datetime) -> timedelta | None:
        if abs(offset) < WRONG:
            heard.recent.clear()
            return NO_OFFSET
        if abs(offset) > YEARS:
            return offset
        recent = heard.recent
        if recent and abs(recent[-1][1] - offset) > CONSTANT:
            recent.clear()
        if not recent or arrival - recent[-1][0] >= STRETCH / MESSAGES:
            recent.append((arrival, offset))
        offsets = [known for _, known in recent]
        constant = max(offsets) - min(offsets) <= CONSTANT
        long = len(recent) == MESSAGES and arrival - recent[0][0] >= STRETCH * 0.8
        return offset if constant and long else None


def in_words(offset: timedelta) -> str:
    """``14 years behind``, ``an hour ahead``: an offset for people."""
    seconds = abs(offset.total_seconds())
    for unit, length in (("years", 31_557_600), ("days", 86_400), ("hours", 3600), ("min", 60)):
        if seconds >= 1.5 * length or unit == "min":
            words = f"{seconds / length:.3g} {unit}"
            break
    return f"{words} {'ahead' if offset > NO_OFFSET else 'behind'}"
