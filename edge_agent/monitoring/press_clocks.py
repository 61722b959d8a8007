"""Clocks of the devices of presses, judged against arrival: a wrong clock, told from a backlog.

A constant offset over a stretch of messages is a clock; one that shrinks while old messages come in
is a backlog. No backlog is older than a month: then one message is enough. Messages that come one
after the other with one time are of a clock that stands still.
"""

from __future__ import annotations

from collections import OrderedDict, deque
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
DEVICES_MAX = 1_000
"""Devices of a press; beyond them the one that was heard of first is forgotten."""


@dataclass
class _Heard:
    recent: deque[tuple[datetime, timedelta]] = field(
        default_factory=lambda: deque(maxlen=MESSAGES)
    )
    """Arrivals and offsets, at most one in a tenth of the stretch."""
    offset: timedelta = NO_OFFSET
    stands_at: datetime | None = None
    """Time of the newest message, and of those before it that had the same …"""
    stands_from: datetime | None = None
    """… when the first one came, and …"""
    stands_count: int = 0
    """… how many."""

    def stands(self, ts: datetime, arrival: datetime) -> bool:
        """Does the clock stand still, over a stretch of messages?"""
        if ts != self.stands_at or self.stands_from is None:
            self.stands_at, self.stands_from, self.stands_count = ts, arrival, 0
        self.stands_count += 1
        return self.stands_count >= MESSAGES and arrival - self.stands_from >= WRONG


class PressClocks:
    """What is known of the clocks of each press: each of its devices has its own."""

    def __init__(self) -> None:
        self._heard: dict[PressAddress, OrderedDict[str, _Heard]] = {}

    def expect(self, press: PressAddress, device: str, offset: timedelta) -> None:
        """Go on with a clock that was wrong before this process began.

        Args:
            press: press of the device.
            device: as in ``hear``.
            offset: of its clock, as it was told.
        """
        self._heard.setdefault(press, OrderedDict()).setdefault(device, _Heard(offset=offset))

    def offset(self, press: PressAddress, device: str) -> timedelta:
        """Offset of a clock that is wrong, negative when it is behind; 0 when nothing is wrong."""
        heard = self._heard[press].get(device) if press in self._heard else None
        return NO_OFFSET if heard is None else heard.offset

    def hear(
        self, press: PressAddress, device: str, ts: datetime, arrival: datetime
    ) -> timedelta | None:
        """Judge a message that was sent now: an offset that is new for the press, else None.

        It is 0 when the last clock of the press is right again.

        Args:
            press: press that sent it.
            device: device of the press; empty for events that name none. They are few: they have
                the clock of the device whose offset they show.
            ts: its time, by the clock of the device.
            arrival: when it came, by the agent's clock.
        """
        devices = self._heard.get(press) or self._heard.setdefault(press, OrderedDict())
        heard = devices.get(device)
        if heard is None:
            heard = devices[device] = _Heard()
            if len(devices) > DEVICES_MAX:
                devices.popitem(last=False)
        offset = ts - arrival
        stands = heard.stands(ts, arrival)
        judged = offset if stands else self._judged(heard, offset, arrival)
        if judged is None and not device:
            alike = (d.offset for d in devices.values() if abs(d.offset - offset) <= CONSTANT)
            judged = next(alike, None)
        slack = YEARS if abs(offset) > YEARS else WRONG  # the order is that of the press's clock
        if judged is None or abs(judged - heard.offset) <= slack:
            return None
        heard.offset = judged
        others = [one.offset for one in devices.values() if one is not heard and one.offset]
        known = any(abs(other - judged) <= slack for other in others) if judged else bool(others)
        return None if known else judged

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
