"""Messages of QoS 0 that wait to be read: the broker does not stop, so here is a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from edge_agent.links.mqtt import Session
from edge_agent.links.publish_packet import Incoming

AT_ONCE = 500
OVERHEAD = 500
"""Bytes of a message beside its payload, about."""


class BoundedInbox:
    """Takes what comes in a session, beyond its bound at the expense of the oldest.

    Attributes:
        dropped_count: how many messages were given up.
    """

    def __init__(self, session: Session, bytes_max: int) -> None:
        """Nothing is taken yet.

        Args:
            session: whose messages.
            bytes_max: so much may wait; each message counts with some bytes beside its payload.
        """
        self._session, self._bytes_max = session, bytes_max
        self._waiting: deque[Incoming] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._ended: asyncio.Task[None] | None = None
        self.dropped_count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Take messages until the context is left."""
        self._ended = asyncio.create_task(self._fill(), name="take Sparkplug messages")
        try:
            yield
        finally:
            self._ended.cancel()
            await asyncio.gather(self._ended, return_exceptions=True)

    async def _fill(self) -> None:
        try:
            while True:
                batch = await self._session.next_batch(AT_ONCE)
                self._session.acknowledge(batch)
                for message in batch:
                    self._waiting.append(message)
                    self._bytes += len(message.payload) + OVERHEAD
                while self._bytes > self._bytes_max:
                    self._bytes -= len(self._waiting.popleft().payload) + OVERHEAD
                    self.dropped_count += 1
                self._arrived.set()
        finally:
            self._arrived.set()

    async def next_batch(self, wait_s: float) -> list[Incoming]:
        """The next messages; none where none comes.

        Args:
            wait_s: so long it is waited [s].

        Raises:
            LinkError: the session is over, and all that came is read.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._arrived.wait()
        found = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        self._bytes -= sum(len(one.payload) + OVERHEAD for one in found)
        if not self._waiting:
            self._arrived.clear()
        if self._ended is not None and self._ended.done():
            if not found:
                self._ended.result()
            self._arrived.set()
        return found
