"""Writes steps into the outbox, in order, as many at once as have come meanwhile.

A source hands over a batch and waits until it is safe; sources and ticks that come while a
transaction is being written share the next one. A disk that refuses is tried again without end:
nothing is acknowledged to the sources meanwhile, so they bring nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from edge_agent.clock import Clock
from edge_agent.gateway.outbox_entry import Step
from edge_agent.gateway.outbox_thread import OutboxThread
from edge_agent.monitoring.watchdog import Watch
from edge_agent.spool.retry import until_written

STEPS_AT_ONCE = 256


class Committer:
    """The only writer of steps."""

    def __init__(
        self,
        outbox: OutboxThread,
        clock: Clock,
        watch: Watch,
        committed: Callable[[Sequence[Step]], None],
    ) -> None:
        """Nothing is written yet.

        Args:
            watch: of this loop; its ``trouble`` says why the disk refuses.
            committed: called with steps that are on disk.
        """
        self._outbox, self._clock, self._watch = outbox, clock, watch
        self._committed = committed
        self._waiting: list[tuple[Step, asyncio.Future[None]]] = []
        self._writing: list[tuple[Step, asyncio.Future[None]]] = []
        self._come, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()

    @property
    def refused(self) -> str | None:
        """Why the disk does not take what is to be written; None when all is well."""
        return self._watch.trouble

    def add(self, step: Step) -> asyncio.Future[None]:
        """Have a step written, after all that were added before; the future says when it is."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, written))
        self._idle.clear()
        self._come.set()
        return written

    async def flushed(self) -> None:
        """Wait until all that was added is written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._come.wait()
            self._come.clear()
            while self._waiting or self._writing:
                await self._write()
            self._idle.set()

    async def _write(self) -> None:
        if not self._writing:
            self._writing = self._waiting[:STEPS_AT_ONCE]
            del self._waiting[:STEPS_AT_ONCE]
        steps = [step for step, _ in self._writing]
        commit = self._watch.tries(self._outbox.commit)
        with self._watch.work():
            await until_written("commit", commit, steps, self._clock.now(), what="outbox")
        for _, written in self._writing:
            if not written.done():
                written.set_result(None)
        self._writing = []
        self._committed(steps)
