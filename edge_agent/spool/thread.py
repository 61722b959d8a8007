"""The spool as the event loop uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from edge_agent.ports import HistoryRow, Outgoing, Retained, Stored
from edge_agent.spool.changes import Changes, Depth
from edge_agent.spool.spool import NOTHING, Spool

T = TypeVar("T")


class SpoolThread:
    """One thread that makes all calls to the spool, in order, off the event loop."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spool")

    async def _call(self, method: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, method, *arguments)

    @property
    def full(self) -> bool:
        """Is there no room for anything new?"""
        return self._spool.full

    @full.setter
    def full(self, full: bool) -> None:
        self._spool.full = full

    def problem(self) -> str | None:
        """See ``Spool.problem``; it does not wait for the thread."""
        return self._spool.problem()

    def state_at_start(self, scope: str) -> dict[str, dict[str, Any]]:
        """See ``Spool.state``, before the event loop runs."""
        return self._spool.state(scope)

    async def commit(self, changes: Changes, now: datetime) -> None:
        """See ``Spool.commit``."""
        await self._call(self._spool.commit, changes, now)

    async def state(self, scope: str) -> dict[str, dict[str, Any]]:
        """See ``Spool.state``."""
        return await self._call(self._spool.state, scope)

    async def inbox(self, after: int, limit: int) -> list[tuple[int, str, bytes, str | None]]:
        """See ``Spool.inbox``."""
        return await self._call(self._spool.inbox, after, limit)

    async def retained(self, press: str, since: datetime, after: str, limit: int) -> list[Retained]:
        """See ``Spool.retained``."""
        return await self._call(self._spool.retained, press, since, after, limit)

    async def trim_retained(self, before: datetime) -> None:
        """See ``Spool.trim_retained``."""
        await self._call(self._spool.trim_retained, before)

    async def to_publish(self, press: str, limit: int, after: int = 0) -> list[Stored[Outgoing]]:
        """See ``Spool.to_publish``."""
        return await self._call(self._spool.to_publish, press, limit, after)

    async def to_forward(
        self, limit: int, after: Mapping[str, int] = NOTHING
    ) -> list[Stored[HistoryRow]]:
        """See ``Spool.to_forward``."""
        return await self._call(self._spool.to_forward, limit, after)

    async def exchange(self, press: str, retained: Mapping[str, bytes], now: datetime) -> None:
        """See ``Spool.exchange``."""
        await self._call(self._spool.exchange, press, retained, now)

    async def used_bytes(self) -> int:
        """See ``Spool.used_bytes``."""
        return await self._call(self._spool.used_bytes)

    async def thin_telemetry(self, now: datetime) -> int:
        """See ``Spool.thin_telemetry``."""
        return await self._call(self._spool.thin_telemetry, now)

    async def depth(self) -> Depth:
        """See ``Spool.depth``."""
        return await self._call(self._spool.depth)

    async def tidy(self) -> None:
        """See ``Spool.tidy``; beside the thread, so that no commit waits for it."""
        await asyncio.to_thread(self._spool.tidy)

    def close(self) -> None:
        """Finish what is running and close the file."""
        self._pool.shutdown(wait=True)
        self._spool.close()
