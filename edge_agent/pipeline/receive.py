"""receive: messages of a session, in memory, unacknowledged until what they led to is on disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from broker.topics import Channel, PressAddress
from edge_agent.links.mqtt import Session
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.watchdog import Watch

BATCH = 256
RAW_TOGETHER, RAW_WAITS_S = 8, 0.1
"""Frames that are taken together, and how long the first waits: to wake for one costs more than
its work. An event waits for nothing, and takes those before it along."""
QOS_0_WAITING_MAX, QOS_0_WAITING_BYTES_MAX = 10_000, 16_000_000
"""Beyond that messages are dropped that came with QoS 0: no acknowledgement holds them back."""


class Inlet:
    """Messages of one session on their way into the pipeline.

    The broker hands over no more than ``window`` of them before the first is acknowledged; a
    quarter of that is committed at once, or the press would have to wait.
    """

    def __init__(
        self,
        press: PressAddress,
        acknowledge: Callable[[Sequence[Incoming]], None] | None = None,
        window: int = BATCH,
        inbox: bool = False,
    ) -> None:
        """Make an empty inlet.

        Args:
            press: whose messages these are.
            acknowledge: takes messages when what they led to is on disk.
            window: messages that the broker hands over without an acknowledgement.
            inbox: these are from the inbox of an older program; ``mid`` is the row.
        """
        self.press, self.inbox = press, inbox
        self.acknowledge = acknowledge or _nobody
        self.window, self.full_at = window, max(1, window // 4)
        self.waiting: deque[Incoming] = deque()
        self._waiting_bytes = 0
        self.held = 0
        """Messages in hand, acknowledged neither here nor to the broker."""
        self.wake: Callable[[], None] = lambda: None
        self.dropped: Callable[[], None] = lambda: None
        """Called for each message that is dropped."""
        self._moved = asyncio.Event()

    def put(self, messages: Sequence[Incoming]) -> None:
        """These have come in."""
        for message in messages:
            if message.qos or self.inbox or self._has_room():
                self.waiting.append(message)
                self._waiting_bytes += len(message.payload)
                self.held += 1
            else:
                self.dropped()
        self.wake()

    def next(self) -> Incoming:
        """Take the oldest that waits."""
        message = self.waiting.popleft()
        self._waiting_bytes -= len(message.payload)
        return message

    def _has_room(self) -> bool:
        few = len(self.waiting) < QOS_0_WAITING_MAX
        return few and self._waiting_bytes < QOS_0_WAITING_BYTES_MAX

    def committed(self, messages: Sequence[Incoming]) -> None:
        """Acknowledge messages: what they led to is on disk."""
        self.held -= len(messages)
        self.acknowledge(messages)
        self._moved.set()

    def close(self) -> None:
        """The session has ended: nothing can be acknowledged in it any more."""
        self.waiting.clear()
        self.acknowledge = _nobody

    async def emptied(self, progress: Callable[[], None] = lambda: None) -> None:
        """Wait until nothing is in hand."""
        while self.held:
            progress()
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._moved.wait()


def _is_raw(message: Incoming) -> bool:
    return message.topic.endswith(f"/{Channel.TELEMETRY}")


def _nobody(_messages: Sequence[Incoming]) -> None:
    """Ignore what is acknowledged: no session waits for it."""


async def receive(session: Session, inlet: Inlet, watch: Watch) -> None:
    """Take messages from a session until it ends; raw telemetry by the handful.

    Raises:
        LinkError: the session is over; the broker has everything that was not acknowledged.
    """
    session.gather(_is_raw, min(RAW_TOGETHER, inlet.full_at), RAW_WAITS_S)
    while True:
        batch = await session.next_batch(BATCH)
        with watch.work():
            inlet.put(batch)
