"""The outbox as the event loop uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from broker.messages import Received
from edge_agent.gateway.outbox import Entry, Outbox
from edge_agent.gateway.outbox_entry import Step

T = TypeVar("T")


class OutboxThread:
    """One thread that makes all calls to the outbox, in order, off the event loop."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    async def _call(self, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: method(*arguments, **options))

    async def commit(self, steps: Sequence[Step], now: datetime) -> int:
        """Call ``Outbox.commit`` on the thread."""
        return await self._call(self.outbox.commit, steps, now)

    async def pending(self, press: str, limit: int, after: int = 0) -> list[Entry]:
        """Call ``Outbox.pending`` on the thread."""
        return await self._call(self.outbox.pending, press, limit, after)

    async def oldest(self, press: str) -> int | None:
        """Call ``Outbox.oldest`` on the thread."""
        return await self._call(self.outbox.oldest, press)

    async def taken(self, press: str, ids: Iterable[int], now: datetime) -> None:
        """Call ``Outbox.taken`` on the thread."""
        await self._call(self.outbox.taken, press, ids, now)

    async def confirm(self, press: str, received: Received) -> int:
        """Call ``Outbox.confirm`` on the thread."""
        return await self._call(self.outbox.confirm, press, received)

    async def refuse(self, entry: Entry, reason: str, *, may_try_again: bool) -> None:
        """Call ``Outbox.refuse`` on the thread."""
        await self._call(self.outbox.refuse, entry, reason, may_try_again=may_try_again)

    async def try_again(self, press: str) -> int:
        """Call ``Outbox.try_again`` on the thread."""
        return await self._call(self.outbox.try_again, press)

    async def expire(self, unconfirmed_h: float, now: datetime) -> int:
        """Call ``Outbox.expire`` on the thread."""
        return await self._call(self.outbox.expire, unconfirmed_h, now)

    async def drop_readings(self, now: datetime) -> int:
        """Call ``Outbox.drop_readings`` on the thread."""
        return await self._call(self.outbox.drop_readings, now)

    async def used_bytes(self) -> int:
        """Call ``Outbox.used_bytes`` on the thread."""
        return await self._call(self.outbox.used_bytes)

    async def oldest_at(self) -> datetime | None:
        """Call ``Outbox.oldest_at`` on the thread."""
        return await self._call(self.outbox.oldest_at)

    async def counted(self, what: str) -> int:
        """Call ``Outbox.counted`` on the thread."""
        return await self._call(self.outbox.counted, what)

    def close(self) -> None:
        """Finish what is running and close the file."""
        self._pool.shutdown(wait=True)
        self.outbox.close()
