"""Changes of the live state, for those who follow them: event streams.

A follower keeps the number of the last change that it has seen and asks for what came after it.
Nothing is queued for anybody: a slow follower skips what has been overtaken, and costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable


class Feed:
    """Keys of the live state, each with the number of its last change."""

    def __init__(self) -> None:
        self.number = 0
        """Of the last change of all."""
        self.closed = False
        """The server ends: followers end, too."""
        self._numbers: dict[Hashable, int] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    def touch(self, key: Hashable) -> None:
        """Note a change of what ``key`` names, and wake who waits."""
        self.number += 1
        self._numbers.pop(key, None)
        self._numbers[key] = self.number  # the newest last
        self._wake()

    def number_of(self, key: Hashable) -> int:
        """Number of the last change of ``key``; 0 for one that never changed."""
        return self._numbers.get(key, 0)

    def close(self) -> None:
        """End every follower."""
        self.closed = True
        self._wake()

    def since(self, number: int) -> list[Hashable]:
        """Keys that changed after change ``number``, the newest first."""
        found: list[Hashable] = []
        for key in reversed(self._numbers):
            if self._numbers[key] <= number:
                break
            found.append(key)
        return found

    async def wait(self, number: int, timeout_s: float) -> bool:
        """Wait for a change after ``number``; false when there is none in this time."""
        if self.number > number or self.closed:
            return True
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            async with asyncio.timeout(timeout_s):
                await waiting
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)
        return True

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
