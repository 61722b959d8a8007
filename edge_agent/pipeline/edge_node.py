"""An edge node of Sparkplug: what is known of a press and its molds, and what waits to be sent.

What changes is sent at once if the node is born, else it is kept. The next transaction stores what
the broker has not worked on by then; what is stored is sent as historical once there is a session,
and what the broker worked on later goes with a later transaction: as ``publish`` does it.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Protocol

from broker.sparkplug.metric_book import Kept, MetricBook
from broker.sparkplug.mold_metrics import Reading, milliseconds
from broker.sparkplug.node_session import stored_form
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.ports import Outgoing
from edge_agent.spool.sent_marks import WORKED_ON, SentMarks

METRICS_SCOPE = "sparkplug-metrics"
"""Scope of the aliases in the spool's state, by press and mold."""
VALUES_SCOPE = "sparkplug-values"
"""What the twin has said of each, as an agent that starts again is born with it."""
NODE_SCOPE = "sparkplug"
"""Scope of the number of the last connect, by press."""
ROW_BYTES = 120
"""Of a stored message, beside its payload."""
Changed = list[tuple[Kept, Reading]]


@dataclass(eq=False, slots=True)
class Sample:
    """Values of one device at one moment, until the broker has worked on them."""

    key: str
    device: str | None
    changed: Changed
    at_ms: int
    late: bool = False
    """Something newer of the device was said before: it does not change the present value."""
    stored_bytes: int = 0
    """Above 0: it is in the spool, or in the transaction that is being written."""
    settled: bool = False


class NodeSends(Protocol):
    """A session of the node that is open."""

    def send(self, sample: Sample) -> bool:
        """Send at once; false if that cannot be now."""
        ...

    def device_death(self, device: str) -> None:
        """Nothing is heard of a device any more."""
        ...

    def stored(self) -> None:
        """The spool may hold something that was not sent in this session."""
        ...


class EdgeNode:
    """The node of one press."""

    def __init__(
        self,
        press: PressAddress,
        group: str,
        book: MetricBook,
        marks: SentMarks,
        clock: Clock,
        moved: Callable[[], None],
    ) -> None:
        """Make a node that is not born.

        Args:
            press: its press; the id of the node.
            group: id of the group.
            book: its metrics.
            marks: what was sent lately.
            clock: the agent's.
            moved: called when a transaction is due, though no message came.
        """
        self.press, self.group, self.book = press, group, book
        self.queue = f"spBv1.0/{press}"
        """By which its messages are found in the spool."""
        self.marks, self.clock, self._moved = marks, clock, moved
        self.born_here = False
        """Was it born in the last session?"""
        self.bd_seq: int | None = None
        """Of the last connect."""
        self.sends: NodeSends | None = None
        self.silent: set[str] = set()
        """Molds of which nothing was heard for long: they are not born."""
        self.waiting_count = self.waiting_bytes = self.dropped_count = 0
        self.sent_count = 0
        """Messages that a broker has worked on."""
        self.known: set[str] = set()
        """Keys of what is under way, and of what is settled and still in the spool."""
        self._capped_ms: dict[str | None, int] = {}
        """Time given last to a reading of a device whose clock is ahead."""
        self.gap_s = 0.0
        """How long what was sent is remembered, in case the primary host was dead already."""
        self._recent: deque[tuple[float, str, str | None, bytes]] = deque()
        """When it was answered, key, device and payload."""
        self._again: list[Outgoing] = []
        self._unstored: list[Sample] = []
        self._settled: list[str] = []

    def now_ms(self) -> int:
        """The time, as Sparkplug has it."""
        return milliseconds(self.clock.now())

    def take(
        self, device: str | None, readings: Sequence[Reading], at: datetime, key: str = ""
    ) -> None:
        """Take note of readings, and send those that are not what they were.

        Args:
            device: the mold; None for what is of the press.
            readings: by name.
            at: when they were so.
            key: the same for the same message that comes again after a crash.
        """
        now_ms, at_ms = self.now_ms(), milliseconds(at)
        if at_ms > now_ms:  # a clock is ahead; hosts know no future, and one value at a time
            at_ms = max(now_ms, self._capped_ms.get(device, 0) + 1)
            self._capped_ms[device] = at_ms
        changed, late = self.book.take(device, readings, at_ms, now_ms)
        if device is not None:
            self.silent.discard(device)
        key = f"sparkplug/{self.press}/{key or uuid.uuid4().hex}"
        if changed and self.marks.before(key) != WORKED_ON:
            self._issue(Sample(key, device, changed, at_ms, late))

    def grow_stale(self, after_ms: int) -> None:
        """Say of readings that come no more that they are stale."""
        now_ms = self.now_ms()
        for device, kept in self.book.grow_stale(now_ms, after_ms).items():
            changed = [(one, Reading(one.spec.name, one.value, one.quality)) for one in kept]
            key = f"sparkplug/{self.press}/{uuid.uuid4().hex}"
            self._issue(Sample(key, device, changed, now_ms))
            self._moved()

    def fall_silent(self, after_ms: int) -> None:
        """Say of molds of which nothing is heard any more that they are offline."""
        now_ms = self.now_ms()
        for name, device in self.book.devices.items():
            heard = device.heard_ms and now_ms - device.heard_ms > after_ms
            if name is not None and heard and name not in self.silent:
                self.silent.add(name)
                if self.sends is not None:
                    self.sends.device_death(name)

    def note_buffer(self) -> None:
        """Take note of what waits, for a birth that says so."""
        now_ms = self.now_ms()
        self.book.take(None, self._buffer(), now_ms, now_ms)

    def tell_buffer(self) -> None:
        """Say how much waits; only while somebody hears it, or it would wait itself."""
        if self.sends is not None:
            self.take(None, self._buffer(), self.clock.now())
            if self._unstored:
                self._moved()

    def _buffer(self) -> list[Reading]:
        return [
            Reading("Buffer/waiting_count", self.waiting_count),
            Reading("Buffer/dropped_count", self.dropped_count),
        ]

    def to_store(self) -> list[Outgoing]:
        """What the broker has not worked on: it is in the next transaction."""
        unstored, self._unstored = self._unstored, []
        found, self._again = self._again, []
        for sample in unstored:
            if sample.settled:
                continue
            payload = stored_form(sample.changed, sample.at_ms)
            sample.stored_bytes = len(payload) + ROW_BYTES
            self.waiting_count += 1
            self.waiting_bytes += sample.stored_bytes
            found.append(Outgoing(self.queue, sample.key, sample.device or "", payload))
        return found

    def remember(self, key: str, device: str | None, payload: bytes) -> None:
        """Remember what was sent for a moment, where it may have to be said again."""
        if self.gap_s:
            now = monotonic()
            self._recent.append((now, key, device, payload))
            while self._recent[0][0] < now - self.gap_s:
                self._recent.popleft()

    def say_again(self) -> None:
        """The primary host is gone: keep what it may not have heard."""
        since, recent = monotonic() - self.gap_s, list(self._recent)
        self._recent.clear()
        for at, key, device, payload in recent:
            if at >= since:
                self._again.append(Outgoing(self.queue, f"{key}/again", device or "", payload))
                self.waiting_count += 1
                self.waiting_bytes += len(payload) + ROW_BYTES
        if self._again:
            self._moved()

    def take_settled(self) -> list[str]:
        """Keys of stored messages that the spool may forget."""
        settled, self._settled = self._settled, []
        return settled

    def take_state(self) -> dict[tuple[str, str], dict[str, Any] | None]:
        """State of the spool: aliases of metrics that are new, values for the next birth."""
        found: dict[tuple[str, str], dict[str, Any] | None] = {}
        for name, device in self.book.devices.items():
            if device.changed:
                device.changed = False
                aliases = self.book.kept(name)
                found[METRICS_SCOPE, f"{self.press}/{name or ''}"] = {"aliases": aliases}
            if device.said:
                device.said = False
                values = self.book.values(name)
                found[VALUES_SCOPE, f"{self.press}/{name or ''}"] = {"values": values}
        return found

    def committed(self, stored: Sequence[Outgoing], settled: Sequence[str]) -> None:
        """A transaction is on disk."""
        self.known.difference_update(settled)
        if self.sends is not None and any(one.key not in self.known for one in stored):
            self.sends.stored()

    def settle(self, key: str, stored_bytes: int) -> None:
        """The broker has worked on a message, or it will never be sent.

        Args:
            key: its key.
            stored_bytes: 0 for one that is in no transaction.
        """
        if not stored_bytes:
            self.known.discard(key)
            return
        self.waiting_count -= 1
        self.waiting_bytes -= stored_bytes
        self._settled.append(key)
        self._moved()

    def given_up(self, count: int, size: int) -> None:
        """Messages were taken out of the spool for lack of room."""
        self.waiting_count -= count
        self.waiting_bytes -= size
        self.dropped_count += count

    def _issue(self, sample: Sample) -> None:
        self._unstored.append(sample)
        if self.sends is not None:
            self.sends.send(sample)
