"""How long an event loop was held by its own process, on a machine that is busy otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

EVERY_S = 0.002


@dataclass
class Lag:
    """Longest time that the loop came too late."""

    worst_s: float = 0.0
    """By this process: as long as it computed meanwhile, at most as long as it took. Times in which
    other processes had the processor do not count."""


@asynccontextmanager
async def loop_lag() -> AsyncIterator[Lag]:
    """Measure while the block runs."""
    lag = Lag()

    async def measure() -> None:
        while True:
            wall, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(EVERY_S)
            late = time.perf_counter() - wall - EVERY_S
            lag.worst_s = max(lag.worst_s, min(late, time.process_time() - used))

    task = asyncio.create_task(measure())
    await asyncio.sleep(5 * EVERY_S)
    lag.worst_s = 0.0
    try:
        yield lag
        await asyncio.sleep(5 * EVERY_S)
    finally:
        task.cancel()
