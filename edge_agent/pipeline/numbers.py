"""numbers: those of the next predictions, reserved on disk before any of them is issued."""

from __future__ import annotations

from collections.abc import Iterable

from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.batches import Batches
from edge_agent.pipeline.results import Results
from edge_agent.pipeline.revisions import Revisions
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.retry import until_written
from edge_agent.spool.thread import SpoolThread


class Numbers:
    """Has numbers for the predictions of every press, without making a live shot wait for them."""

    def __init__(
        self,
        spool: SpoolThread,
        revisions: Revisions,
        results: Results,
        batches: Batches,
        watch: Watch,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """Nothing is reserved yet.

        Args:
            spool: takes what is reserved.
            revisions: counters of the presses.
            results: their batch asks for more.
            batches: says when it is written.
            watch: of the pipeline, which rests while it waits for the disk.
            metrics: has the watch of a reservation.
            clock: the agent's.
        """
        self._spool, self._revisions, self._clock = spool, revisions, clock
        self._results, self._batches, self._pipeline = results, batches, watch
        self._watch = metrics.watches.add(Watch("reserve"))

    async def reserve(self, presses: Iterable[PressAddress]) -> None:
        """Have numbers for the predictions of presses. It takes as long as the disk refuses."""
        state = self._revisions.asks(presses)
        if not state:
            return
        changes = Changes(state=state)
        try:
            with self._watch.work():
                commit = self._watch.tries(self._spool.commit)
                await until_written("commit", commit, changes, self._clock.now())
        finally:
            self._watch.trouble = None
        self._revisions.committed(changes.state)

    def has(self, press: PressAddress) -> bool:
        """Are there enough? If not, more are asked for with the next transaction."""
        if self._revisions.plenty(press):
            return True
        if not self._batches.writing:
            self._results.batch.state |= self._revisions.asks([press])
            self._results.batch.urgent = True
            self._batches.settle()
        return False

    async def have_one(self, shot: Shot) -> None:
        """Have a number for the next prediction of a shot."""
        if not self._revisions.have(shot.address):
            self._pipeline.rest()
            await self.reserve([shot.address])
            self._pipeline.progress()
