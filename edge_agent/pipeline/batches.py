"""batches: when all that messages led to is written. One batch grows while another is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from edge_agent.pipeline.commit import Batch, Writer
from edge_agent.pipeline.results import Results

FLUSH_S = 5.0
"""How long the end of the agent waits for the disk."""


class Batches:
    """Gives the batch of the results to the writer when it is due, between the turns of presses."""

    def __init__(
        self,
        results: Results,
        gather_s: float,
        writer: Callable[[Callable[[], None]], Writer],
        wake: Callable[[], None],
        refuses: Callable[[bool], None],
    ) -> None:
        """Nothing is written.

        Args:
            results: collect the batch.
            gather_s: raw telemetry waits so long for more [s].
            writer: makes the one that writes, from what it calls when the disk begins or ends to
                refuse.
            wake: called when there may be something to write.
            refuses: called when the disk refuses again and again, and when it takes again.
        """
        self._results, self.gather_s = results, gather_s
        self._wake, self._refuses = wake, refuses
        self._writer, self._lost = writer(self._refused), False
        self.turn = asyncio.Lock()
        """Held while a turn lasts: what it leads to is in one batch, with its acknowledgement."""

    @property
    def writing(self) -> bool:
        """True while one is written."""
        return self._writer.busy

    def write_if_due(self) -> None:
        """Write what there is, if it is time and nothing is being written.

        Raises:
            Exception: a fault of the program ended the writing before.
        """
        self._writer.check()
        if not self._writer.busy and self._results.batch.is_due(self.gather_s):
            self._write()

    async def flush(self) -> None:
        """Write all that was worked on; it takes as long as the disk refuses."""
        while True:
            while self._writer.busy:
                await self._writer.written()
            async with self.turn:
                if not self._writer.busy:
                    writing = self._write()
                    break
        await writing

    async def stop(self) -> None:
        """Write what there is, if the disk takes it at once; the broker has the rest."""
        if not self._writer.unsaved:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self.flush()
        await self._writer.stop()

    def hurry(self) -> None:
        """Write what there is without gathering more."""
        self._results.batch.urgent = True
        self._wake()

    def settle(self) -> None:
        """Write in time, though no message came: something else is to be noted on disk."""
        self._results.batch.begin()
        self._wake()

    def delivered(self, ids: list[int]) -> None:
        """The history has these rows, or will never take them."""
        if not self._writer.make_room(ids):
            self._results.batch.forwarded += ids
            self._results.batch.begin()

    def spool_is_lost(self, lost: bool) -> None:
        """Take note whether the spool's file is lost; nothing is written to it then."""
        self._lost = lost
        self._refused()

    def _refused(self) -> None:
        """Take note whether the disk refuses: what is issued says so."""
        refuses = self._writer.unsaved or self._lost
        if refuses != self._results.unsaved:
            self._results.unsaved = refuses
            self._refuses(refuses)

    def due_in_s(self) -> float | None:
        """Time until the batch is to be written; None when nothing waits for time to pass."""
        if self._results.batch.since is None or self._writer.busy:
            return None
        return self._results.batch.due_in_s(self.gather_s)

    def held_s(self) -> float:
        """How long the oldest message has been in hand, worked on and not on disk."""
        begun = [at for at in (self._writer.since, self._results.batch.since) if at is not None]
        return monotonic() - min(begun) if begun else 0.0

    def _write(self) -> asyncio.Task[None]:
        batch, self._results.batch = self._results.batch, Batch()
        writing = self._writer.start(batch)
        writing.add_done_callback(lambda _task: self._wake())
        return writing
