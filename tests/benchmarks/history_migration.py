"""Time and disk that a history of an older program needs to get today's tables, beside live work.

    python -m tests.benchmarks.history_migration --frames 10000000
    python -m tests.benchmarks.history_migration --frames 10000000 --url postgresql://…/empty

The history is made first. Then frames are stored four times a second, as the agent does it, until
its upkeep has nothing left to do. A file is made in the folder ``--folder`` and removed again; a
database must be empty.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import asyncpg

from broker.messages import TelemetryFrame
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import open_store
from edge_agent.history.rows import telemetry_row
from edge_agent.ports import HistoryStore, Stored
from tests.support.older_histories import make_postgres, make_sqlite

FRAMES, EVERY_S = 25, 0.25
"""Stored at once, and how often: 100 frames a second."""


class Beside:
    """Live work while the tables are brought up to date."""

    def __init__(self, store: HistoryStore) -> None:
        self._store, self._busy = store, asyncio.Lock()
        self.delivered = self.refused = 0
        self.deliver_s: list[float] = []
        self.lag_s = 0.0
        """The longest that the event loop did not come round."""

    async def live(self) -> None:
        """Store frames."""
        while True:
            now = datetime.now(UTC)
            rows = []
            for seq in range(FRAMES):
                sensors = {"T_core_C": 40.0 + seq, "p_cavity_bar": 1.2}
                frame = TelemetryFrame(ts=now, device_id="live", seq=seq, sensors=sensors)
                row = telemetry_row(PressAddress("s", "p"), frame, "now", None, now)
                rows.append(Stored(seq, now, row))
            async with self._busy:  # as the forwarder does it: one thing after the other
                began = perf_counter()
                try:
                    await self._store.deliver(rows)
                    self.delivered += FRAMES
                except StoreError:
                    self.refused += FRAMES
                self.deliver_s.append(perf_counter() - began)
            await asyncio.sleep(EVERY_S)

    async def beat(self) -> None:
        """Watch the event loop."""
        while True:
            began = perf_counter()
            await asyncio.sleep(0.01)
            self.lag_s = max(self.lag_s, perf_counter() - began - 0.01)

    async def upkeep(self) -> None:
        """Until there is nothing to do."""
        more = True
        while more:
            async with self._busy:
                more = await self._store.upkeep(datetime.now(UTC))
            await asyncio.sleep(0)


async def measure(
    settings: HistorySettings, size: Callable[[], Awaitable[int]], frames_count: int
) -> None:
    """Bring the history up to date and print what that took."""
    before = peak = await size()
    began = perf_counter()
    store = open_store(settings)
    await store.deliver([])
    opened_s = perf_counter() - began
    beside = Beside(store)

    async def watch_size() -> None:
        nonlocal peak
        while True:
            peak = max(peak, await size())
            await asyncio.sleep(0.5)

    tasks = [asyncio.create_task(work()) for work in (beside.live, beside.beat, watch_size)]
    began = perf_counter()
    await beside.upkeep()
    took_s = perf_counter() - began
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await store.close()
    after = await size()
    waits = sorted(beside.deliver_s)
    print(
        f"{frames_count} frames: opened in {opened_s:.2f} s, up to date after {took_s:.1f} s more"
    )
    print(f"on disk: {before / 1e6:.0f} MB, at most {peak / 1e6:.0f} MB, then {after / 1e6:.0f} MB")
    print(
        f"meanwhile {beside.delivered} frames stored, {beside.refused} refused; storing took "
        f"{1000 * waits[len(waits) // 2]:.0f} ms (median), at most {waits[-1]:.2f} s; the event "
        f"loop was held up for at most {1000 * beside.lag_s:.0f} ms"
    )


async def file(folder: Path, frames_count: int) -> None:
    """Of a SQLite file."""
    path = folder / "history.db"
    began = perf_counter()
    make_sqlite(path, frames_count)
    print(f"{path}: {frames_count} frames made in {perf_counter() - began:.0f} s")

    async def size() -> int:
        return sum(part.stat().st_size for part in folder.glob("history.db*"))

    await measure(HistorySettings(path=path), size, frames_count)


async def database(url: str, frames_count: int) -> None:
    """Of a database."""
    began = perf_counter()
    await make_postgres(url, frames_count)
    print(f"{frames_count} frames made in {perf_counter() - began:.0f} s")
    watcher = await asyncpg.connect(url)

    async def size() -> int:
        return int(await watcher.fetchval("SELECT pg_database_size(current_database())"))

    await measure(HistorySettings(url=url), size, frames_count)
    await watcher.close()


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty database")
    parser.add_argument("--folder", type=Path, help="where to make a file; default: the system's")
    options = parser.parse_args()
    if options.url:
        asyncio.run(database(options.url, options.frames))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(file(Path(folder), options.frames))


if __name__ == "__main__":
    main()
