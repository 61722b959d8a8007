"""Keeps a source connected: later and later tried again, its batches handed on and made safe."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from edge_agent.clock import Clock
from edge_agent.errors import LinkError, MissingExtra, SettingsError
from edge_agent.gateway.source_state import SourceState
from edge_agent.links.tag_source import LeavesOut, Position, SampleBatch, TagSource
from edge_agent.logs import get_logger

RECONNECT_FIRST_S = 0.25
Take = Callable[[str, SampleBatch], Awaitable[None]]
"""Takes a batch of a source; returns when it is safe on disk."""


class SourceLoop:
    """One source, over all its connections."""

    def __init__(
        self,
        source: TagSource,
        clock: Clock,
        reconnect_max_s: float,
        take: Take,
        position: Callable[[str], Awaitable[Position]],
        lost: Callable[[str], None],
    ) -> None:
        """Nothing is connected yet.

        Args:
            reconnect_max_s: the longest pause before it is tried again [s].
            take: takes its batches.
            position: gives where it stands, when all its batches are safe.
            lost: called when its link is lost.
        """
        self._source, self._clock = source, clock
        self._longest_s = reconnect_max_s
        self._take, self._position, self._lost = take, position, lost
        self.state = SourceState(source.name, clock.now())
        if isinstance(source, LeavesOut):
            self.state.left_out = source.left_out
        self.failed = asyncio.Event()
        """Set while it is as it is configured that hinders it."""

    async def run(self) -> None:
        """Run until cancelled."""
        delay, now = RECONNECT_FIRST_S, asyncio.get_running_loop().time
        name = self._source.name
        while True:
            began, samples_before = now(), self.state.samples_count
            try:
                await self._source.run(self._deliver, await self._position(name))
                problem: Exception = LinkError("ended by itself")
            except (LinkError, SettingsError, MissingExtra) as error:
                problem = error
            except Exception as error:  # a fault of the program costs this source, not the others
                problem = error
            was_connected = self.state.connected
            if was_connected:
                self._lost(name)
            if was_connected and now() - began > self._longest_s:
                delay = RECONNECT_FIRST_S  # it worked for long: this is new trouble
            elif self.state.samples_count > samples_before:
                delay = min(delay, 1.0)
            if isinstance(problem, SettingsError | MissingExtra):
                delay = self._longest_s
            pause = random.uniform(0.5, 1.0) * min(delay, self._longest_s)
            self._tell(problem, pause)
            await asyncio.sleep(pause)
            delay = min(2.0 * delay, self._longest_s)

    async def _deliver(self, batch: SampleBatch) -> None:
        self.failed.clear()
        self.state.delivered(batch.samples, self._clock.now())
        await self._take(self._source.name, batch)

    def _tell(self, problem: Exception, pause_s: float) -> None:
        known = isinstance(problem, LinkError | SettingsError | MissingExtra)
        by_settings = isinstance(problem, SettingsError | MissingExtra)
        words = str(problem) if known else repr(problem)[:500]
        state: Any = "lost" if isinstance(problem, LinkError) else "failed"
        if self.state.ended(state, words, self._clock.now()):
            hint = getattr(problem, "hint", "")
            more: dict[str, Any] = {"hint": hint} if hint else {}
            if not known:
                more["exception"] = _trace_of(problem)
            write = get_logger().warning if state == "lost" else get_logger().error
            write(
                f"source_{state}",
                source=self._source.name,
                error=words,
                delay_s=round(pause_s, 2),
                **more,
            )
        if by_settings:
            self.failed.set()


def _trace_of(problem: Exception) -> str:
    return "".join(traceback.format_exception(problem))[-4000:]
