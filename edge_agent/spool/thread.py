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
        """True if there is no room for anything new."""
        return self._spool.full

    @full.setter
    def full(self, full: bool) -> None:
        self._spool.full = full

    def problem(self) -> str | None:
        """Call ``Spool.problem``, without waiting for the thread."""
        return self._spool.problem()

    def state_at_start(self, scope: str) -> dict[str, dict[str, Any]]:
        """Call ``Spool.state``, before the event loop runs."""
        return self._spool.state(scope)

    def waiting_at_start(self, press: str) -> tuple[int, int]:
        """Call ``Spool.waiting``, before the event loop runs."""
        return self._spool.waiting(press)

    async def waiting(self, press: str) -> tuple[int, int]:
        """Call ``Spool.waiting`` on the thread."""
        return await self._call(self._spool.waiting, press)

    async def drop_oldest(self, press: str, size: int, row_bytes: int) -> tuple[int, int]:
        """Call ``Spool.drop_oldest`` on the thread."""
        return await self._call(self._spool.drop_oldest, press, size, row_bytes)

    async def commit(self, changes: Changes, now: datetime) -> None:
        """Call ``Spool.commit`` on the thread."""
        await self._call(self._spool.commit, changes, now)

    async def state(self, scope: str) -> dict[str, dict[str, Any]]:
        """Call ``Spool.state`` on the thread."""
        return await self._call(self._spool.state, scope)

    async def inbox(self, after: int, limit: int) -> list[tuple[int, str, bytes, str | None]]:
        """Call ``Spool.inbox`` on the thread."""
        return await self._call(self._spool.inbox, after, limit)

    async def retained(self, press: str, since: datetime, after: str, limit: int) -> list[Retained]:
        """Call ``Spool.retained`` on the thread."""
        return await self._call(self._spool.retained, press, since, after, limit)

    async def trim_retained(self, before: datetime) -> None:
        """Call ``Spool.trim_retained`` on the thread."""
        await self._call(self._spool.trim_retained, before)

    async def to_publish(self, press: str, limit: int, after: int = 0) -> list[Stored[Outgoing]]:
        """Call ``Spool.to_publish`` on the thread."""
        return await self._call(self._spool.to_publish, press, limit, after)

    async def to_forward(
        self, limit: int, after: Mapping[str, int] = NOTHING
    ) -> list[Stored[HistoryRow]]:
        """Call ``Spool.to_forward`` on the thread."""
        return await self._call(self._spool.to_forward, limit, after)

    async def exchange(self, press: str, retained: Mapping[str, bytes], now: datetime) -> None:
        """Call ``Spool.exchange`` on the thread."""
        await self._call(self._spool.exchange, press, retained, now)

    async def used_bytes(self) -> int:
        """Call ``Spool.used_bytes`` on the thread."""
        return await self._call(self._spool.used_bytes)

    async def thin_telemetry(self, now: datetime) -> int:
        """Call ``Spool.thin_telemetry`` on the thread."""
        return await self._call(self._spool.thin_telemetry, now)

    async def depth(self) -> Depth:
        """Call ``Spool.depth`` on the thread."""
        return await self._call(self._spool.depth)

    async def tidy(self) -> None:
        """Call ``Spool.tidy`` beside the thread, so that no commit waits for it."""
        await asyncio.to_thread(self._spool.tidy)

    def close(self) -> None:
        """Finish what is running and close the file."""
        self._pool.shutdown(wait=True)
        self._spool.close()
