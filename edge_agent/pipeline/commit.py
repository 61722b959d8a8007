"""commit: all that a batch of messages led to -> one transaction, and then the acknowledgement.

While one batch is being written the next one is worked on. A disk that refuses changes nothing but
that nothing is acknowledged: the batch waits, the broker hands over no more than it may, and what
is issued meanwhile carries the mark ``unsaved``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from broker.topics import PressAddress
from edge_agent import fault_points
from edge_agent.clock import Clock
from edge_agent.errors import StoreError
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.publish import Issued, Publisher
from edge_agent.pipeline.receipts import Heard, Receipts
from edge_agent.pipeline.receive import Inlet
from edge_agent.pipeline.revisions import Revisions, State
from edge_agent.ports import HistoryRow
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.retry import RETRY_S
from edge_agent.spool.thread import SpoolThread

if TYPE_CHECKING:
    from edge_agent.pipeline.edge_nodes import EdgeNodes

SHOT_SCOPE = "shot"
"""Scope of the shots in the spool's state."""
WINDOWS_TAKEN, BYTES_TAKEN = 2, 16_000_000
"""Of a press, in a batch: so many times what its broker hands over at once, and bytes of payload.
Sessions that break and are opened anew while the disk refuses bring the same messages again."""
UNSAVED_FROM = 2
"""Refusals in a row after which what is issued is marked, and people are told."""


@dataclass
class Batch:
    """Results of the messages since the last transaction."""

    issued: list[Issued] = field(default_factory=list)
    forward: list[HistoryRow] = field(default_factory=list)
    forwarded: list[int] = field(default_factory=list)
    state: State = field(default_factory=dict)
    shots: dict[str, Shot] = field(default_factory=dict)
    """Shots that changed; they are written as they are at the end of the batch."""
    messages: dict[Inlet, list[Incoming]] = field(default_factory=dict)
    """Messages that may be acknowledged when the batch is on disk, by inlet."""
    taken: dict[PressAddress, tuple[int, int]] = field(default_factory=dict)
    """Messages that it is made of, and their bytes, by press: of sessions that ended, too."""
    heard: list[Heard] = field(default_factory=list)
    """Messages with a number of their device, in their order."""
    urgent: bool = False
    """Somebody waits for it: it is not only raw telemetry."""
    since: float | None = None
    """When the first of it came, by the monotonic clock."""

    def worked(self, inlet: Inlet, message: Incoming) -> None:
        """A message is done."""
        self.messages.setdefault(inlet, []).append(message)
        count, size = self.taken.get(inlet.press, (0, 0))
        self.taken[inlet.press] = count + 1, size + len(message.payload)
        self.begin()

    def has_room(self, inlet: Inlet) -> bool:
        """May it take one more message of this press?"""
        count, size = self.taken.get(inlet.press, (0, 0))
        return count < WINDOWS_TAKEN * inlet.window and size < BYTES_TAKEN

    def begin(self) -> None:
        """Begin the batch: there is something in it."""
        if self.since is None:
            self.since = monotonic()

    def add(self, issued: Issued) -> None:
        """A message was issued."""
        self.issued.append(issued)
        self.urgent = True
        self.begin()

    def changed(self, shot: Shot, *, urgent: bool) -> None:
        """A shot is not what it was."""
        self.shots[shot.shot_key] = shot
        self.urgent |= urgent
        self.begin()

    def forget(self, shot: Shot) -> None:
        """Forget the state of a shot: only the history needs to know it."""
        self.shots.pop(shot.shot_key, None)
        self.state[SHOT_SCOPE, shot.shot_key] = None
        self.begin()

    def is_due(self, gather_s: float) -> bool:
        """True if it is to be written now."""
        if self.since is None:
            return False
        full = any(len(held) >= inlet.full_at for inlet, held in self.messages.items())
        return self.urgent or full or monotonic() - self.since >= gather_s

    def due_in_s(self, gather_s: float) -> float:
        """Time until it is to be written, if nothing more comes."""
        return 0.0 if self.since is None else max(0.0, gather_s - (monotonic() - self.since))

    def changes(
        self, publisher: Publisher, revisions: Revisions, nodes: EdgeNodes | None = None
    ) -> Changes:
        """The transaction, as everything is now.

        Args:
            publisher: knows what the broker has accepted.
            revisions: counters of the presses.
            nodes: edge nodes of Sparkplug, which have messages of their own.
        """
        for shot in self.shots.values():
            self.state[SHOT_SCOPE, shot.shot_key] = shot.model_dump(mode="json")
        self.state |= revisions.asks({shot.address for shot in self.shots.values()})
        old = (held for inlet, held in self.messages.items() if inlet.inbox)
        stored, settled = publisher.to_store(self.issued), publisher.take_settled()
        if nodes is not None:
            more_stored, more_settled, aliases = nodes.take_changes()
            stored, settled = stored + more_stored, settled + more_settled
            self.state |= aliases
        return Changes(
            publish=stored,
            settled=settled,
            retained={i.entry.topic: i.entry for i in self.issued if i.entry.retain},
            forward=self.forward,
            forwarded=self.forwarded,
            state=self.state,
            drained=[message.mid for held in old for message in held],
        )


class Writer:
    """Writes one batch at a time, and acknowledges what it was made of."""

    def __init__(
        self,
        spool: SpoolThread,
        publisher: Publisher,
        revisions: Revisions,
        receipts: Receipts,
        clock: Clock,
        metrics: Metrics,
        written: Callable[[Changes], None],
        refuses: Callable[[], None],
        nodes: EdgeNodes | None = None,
    ) -> None:
        """Nothing is being written.

        Args:
            written: called with every transaction.
            refuses: called when the disk has refused twice, and when it takes again.
            nodes: edge nodes of Sparkplug.
        """
        self._nodes = nodes
        self._spool, self._publisher, self._revisions = spool, publisher, revisions
        self._receipts = receipts
        self._clock, self._metrics = clock, metrics
        self._written, self._refuses = written, refuses
        observe = metrics.stage_seconds.labels("commit").observe
        self._watch = metrics.watches.add(Watch("commit", observe))
        self._task: asyncio.Task[None] | None = None
        self.since: float | None = None
        """When the batch that is being written began, by the monotonic clock."""
        self._refusals = 0
        self._room: list[int] = []

    @property
    def busy(self) -> bool:
        """True while a batch is written."""
        return self._task is not None and not self._task.done()

    @property
    def unsaved(self) -> bool:
        """True while the disk refuses, so that what is issued must say so."""
        return self._refusals >= UNSAVED_FROM

    def start(self, batch: Batch) -> asyncio.Task[None]:
        """Write a batch; ``busy`` until the disk has taken it."""
        assert not self.busy
        room, self._room = self._room, []
        batch.forwarded += room
        batch.state |= self._receipts.asks(batch.heard)
        changes = batch.changes(self._publisher, self._revisions, self._nodes)
        self.since = batch.since
        self._task = asyncio.create_task(self._write(batch, changes))
        return self._task

    async def written(self) -> None:
        """Wait until nothing is being written.

        Raises:
            Exception: a fault of the program ended the writing.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    def check(self) -> None:
        """Raise the fault of the program that ended the writing, if there was one."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def stop(self) -> None:
        """Give up what the disk does not take; the broker has it, too."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, StoreError):
                await self._task

    def make_room(self, forwarded: list[int]) -> bool:
        """Rows that the history has, while the disk refuses a batch: they may go before it."""
        if self._refusals:
            self._room += forwarded
        return bool(self._refusals)

    async def _write(self, batch: Batch, changes: Changes) -> None:
        if any(issued.entry.retain for issued in batch.issued):
            fault_points.reach(fault_points.PUBLISHED)
        if changes:
            with self._watch.work():
                await self._until_written(changes)
        self.since = None
        self._revisions.committed(changes.state)
        self._receipts.committed()
        self._publisher.committed(changes)
        if self._nodes is not None:
            self._nodes.committed(changes)
        for inlet, messages in batch.messages.items():
            inlet.committed(messages)
        self._written(changes)

    async def _until_written(self, changes: Changes) -> None:
        while True:
            try:
                await self._watch.tries(self._spool.commit)(changes, self._clock.now())
                break
            except StoreError as error:
                self._refused(error)
            await asyncio.sleep(RETRY_S)
            await self._remove()
            self._revisions.renew(changes.state)
        if self._refusals:
            was_unsaved = self.unsaved
            self._refusals = 0
            get_logger().info("spool_write_recovered", stage="commit")
            if was_unsaved:
                self._refuses()

    def _refused(self, error: StoreError) -> None:
        self._refusals += 1
        if self._refusals == 1:
            get_logger().error("spool_write_failed", stage="commit", error=str(error))
        if self._refusals == UNSAVED_FROM:
            self._refuses()

    async def _remove(self) -> None:
        """A spool without room gets it from what the history has taken."""
        room, self._room = self._room, []
        if not room:
            return
        try:
            await self._spool.commit(Changes(forwarded=room), self._clock.now())
        except StoreError:
            self._room = room + self._room
