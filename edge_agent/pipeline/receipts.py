"""Receipts: which numbered messages of a device are committed, so that a gateway may forget them.

Each device counts its messages, of all topics, in ``seq``. What a batch was made of is added in its
own transaction, and said only after it. Nothing is ever called committed that may not be: all below
the first number that is heard of a count is missing until it comes, and where a list of gaps grows
too long its oldest ones are put together, with what lies between them.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from broker.messages import Received, ReceivedOf, SeqRange
from broker.messages.base import NAMES_LIMIT, SEQ_MAX
from broker.timestamps import format_timestamp
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.errors import NotAuthorized, PublishDeferred, PublishRefused
from edge_agent.links.mqtt import Session
from edge_agent.logs import get_logger
from edge_agent.pipeline.revisions import State

RECEIVED_SCOPE = "received"
"""Scope of the counts in the spool's state, by press and device."""
DEVICES_MAX = NAMES_LIMIT
"""Devices of a press; the one that was silent longest gives way, and is new when it comes again."""
GAPS_MAX = NAMES_LIMIT
"""Gaps that are kept of a device."""
GAPS_SAID_MAX = 1500
"""Gaps of all devices of a press in one message: with them it has less than 128 kB."""
PAUSE_S = 1.0
"""Between two messages of a press."""

Gap = tuple[int, int]
"""First and last number, both included."""


class Heard(NamedTuple):
    """A message that was taken, with its place in the count of its device."""

    press: PressAddress
    device_id: str
    seq: int
    ts: datetime
    dated: bool = True
    """False for a dead letter, of whose time nothing is known: ``ts`` is when it came."""


class Count(NamedTuple):
    """Messages of a device that are received."""

    seq: int
    """The largest number."""
    ts: datetime
    gaps: tuple[Gap, ...]

    def document(self) -> dict[str, Any]:
        """State for the spool."""
        return {"seq": self.seq, "ts": format_timestamp(self.ts), "gaps": self.gaps}


class Receipts:
    """Counts of all devices of all presses: as the disk has them, and as the next batch has them.

    One batch is written at a time, so ``committed`` is always about the last ``asks``.
    """

    def __init__(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on with what the spool holds.

        Args:
            kept: state of the spool by press and device.
        """
        self._asked: dict[PressAddress, dict[str, Count]] = {}
        """By device, the one that was silent longest first."""
        self._safe: dict[PressAddress, dict[str, Count]] = {}
        self._changes: dict[PressAddress, int] = {}
        self._writing: dict[tuple[PressAddress, str], Count | None] = {}
        found = [(key, count) for key, value in kept.items() if (count := _count_of(value))]
        for key, count in sorted(found, key=lambda one: one[1].ts):
            site, press, device_id = key.split("/")
            address = PressAddress(site, press)
            self._asked.setdefault(address, {})[device_id] = count
            self._safe.setdefault(address, {})[device_id] = count
            self._changes[address] = 1

    def asks(self, heard: Iterable[Heard]) -> State:
        """Add the messages of a batch: the changes of state for its transaction."""
        changed: dict[tuple[PressAddress, str], Count | None] = {}
        for message in heard:
            devices = self._asked.setdefault(message.press, {})
            before = devices.pop(message.device_id, None)
            devices[message.device_id] = count = _with(before, message)
            if count is not before:
                changed[message.press, message.device_id] = count
            if len(devices) > DEVICES_MAX:
                silent = next(iter(devices))
                del devices[silent]
                changed[message.press, silent] = None
        self._writing = changed
        return {
            (RECEIVED_SCOPE, f"{press}/{device_id}"): None if count is None else count.document()
            for (press, device_id), count in changed.items()
        }

    def committed(self) -> None:
        """The transaction with the last ``asks`` is on disk."""
        writing, self._writing = self._writing, {}
        for (press, device_id), count in writing.items():
            safe = self._safe.setdefault(press, {})
            if count is None:
                safe.pop(device_id, None)
            else:
                safe[device_id] = count
            self._changes[press] = self._changes.get(press, 0) + 1

    def forgets(self, press: PressAddress) -> State:
        """Changes of state that forget a press which another agent has: it hears what we do not."""
        devices = self._asked.get(press, {})
        return {(RECEIVED_SCOPE, f"{press}/{device_id}"): None for device_id in devices}

    def forget(self, press: PressAddress) -> None:
        """Forget a press: ``forgets`` is on disk."""
        for known in (self._asked, self._safe, self._changes):
            known.pop(press, None)

    def changes(self, press: PressAddress) -> int:
        """Changes of what can be said of a press; 0 when there is nothing to say."""
        return self._changes.get(press, 0)

    def message(self, press: PressAddress, agent_id: str, now: datetime) -> Received:
        """All that is committed of the devices of a press."""
        safe = self._safe.get(press, {})
        gaps_max = max(1, min(GAPS_MAX, GAPS_SAID_MAX // max(1, len(safe))))
        devices = {
            device_id: ReceivedOf(
                seq=count.seq,
                ts=count.ts,
                missing=[
                    SeqRange(first_seq=first, last_seq=last)
                    for first, last in _at_most(gaps_max, count.gaps)
                ],
            )
            for device_id, count in safe.items()
        }
        return Received(
            ts=now, site=press.site, press=press.press, agent_id=agent_id, devices=devices
        )


async def tell(
    receipts: Receipts,
    press: PressAddress,
    session: Session,
    topic: str,
    payload: Callable[[Received], bytes],
    agent_id: str,
    clock: Clock,
) -> None:
    """Retain in a session what is committed of a press: at its beginning, and when it changes.

    It looks once in ``PAUSE_S`` and has one message under way, so it is never in the way of others.

    Raises:
        LinkError: the session is over; the next one begins with the newest message.
    """
    told = 0
    while True:
        changes = receipts.changes(press)
        if changes != told:
            message = receipts.message(press, agent_id, clock.now())
            try:
                await session.publish(topic, payload(message), retain=True)
            except PublishDeferred:
                changes = told
            except (PublishRefused, NotAuthorized) as error:  # the rules may be changed
                get_logger().error(
                    "publish_refused", stage="publish", press=press.press, error=str(error)
                )
            told = changes
        await asyncio.sleep(PAUSE_S)


def _with(count: Count | None, message: Heard) -> Count:
    """The count with one more message; the same object when it was in it."""
    _, _, seq, ts, dated = message
    if count is None or (dated and seq <= count.seq and ts > count.ts):  # counted from 0 again
        return Count(seq, ts, ((0, seq - 1),) if seq else ())
    ts = ts if dated else count.ts
    if seq == count.seq + 1:
        return Count(seq, ts, count.gaps)
    if seq > count.seq:
        return Count(seq, ts, _at_most(GAPS_MAX, (*count.gaps, (count.seq + 1, seq - 1))))
    gaps = count.gaps
    at = bisect_right(gaps, (seq, SEQ_MAX)) - 1
    if at < 0 or seq > gaps[at][1]:
        return count
    first, last = gaps[at]
    left = [gap for gap in ((first, seq - 1), (seq + 1, last)) if gap[0] <= gap[1]]
    return Count(count.seq, count.ts, _at_most(GAPS_MAX, (*gaps[:at], *left, *gaps[at + 1 :])))


def _at_most(limit: int, gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """The gaps, the oldest ones put together if there are too many."""
    more = len(gaps) - limit
    if more <= 0:
        return gaps
    return ((gaps[0][0], gaps[more][1]), *gaps[more + 1 :])


def _count_of(value: Mapping[str, Any]) -> Count | None:
    """A count as the spool kept it; None, and its device is new, when it cannot be read."""
    try:
        gaps = tuple((int(first), int(last)) for first, last in value["gaps"])
        return Count(int(value["seq"]), datetime.fromisoformat(value["ts"]), gaps)
    except (KeyError, TypeError, ValueError):
        return None
