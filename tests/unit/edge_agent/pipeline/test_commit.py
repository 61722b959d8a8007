"""commit: one transaction a batch, then the acknowledgement; a disk that refuses is waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.clock import SystemClock
from edge_agent.errors import StoreError
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline import commit
from edge_agent.pipeline.commit import SHOT_SCOPE, Batch, Writer
from edge_agent.pipeline.publish import Publisher
from edge_agent.pipeline.receipts import Receipts
from edge_agent.pipeline.receive import Inlet
from edge_agent.pipeline.revisions import Revisions
from edge_agent.ports import HistoryRow, Outgoing
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread
from tests.support.pipelines import PRESS, incoming
from tests.support.processes import read_file
from tests.support.waiting import until

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
NEVER_S, AT_ONCE_S = 3600.0, 0.0
FRAME, RESULT = HistoryRow("telemetry", "{}"), HistoryRow("shot", "{}")
SHOT = Shot(site="s", press="p1", shot_id="a", mold_id="M", started_at=NOW)


def test_an_empty_batch_is_not_due() -> None:
    batch = Batch(urgent=True)
    assert not batch.is_due(AT_ONCE_S)
    assert batch.due_in_s(NEVER_S) == 0.0


def test_raw_telemetry_gathers_for_a_while() -> None:
    batch, inlet = Batch(), Inlet(PRESS)
    batch.worked(inlet, incoming("t", b"x"))
    batch.forward.append(FRAME)
    batch.changed(SHOT, urgent=False)
    assert not batch.is_due(NEVER_S)
    assert 0 < batch.due_in_s(NEVER_S) <= NEVER_S
    assert batch.is_due(AT_ONCE_S)


def test_a_quarter_of_the_window_is_written_at_once() -> None:
    batch, inlet, other = Batch(), Inlet(PRESS, window=20), Inlet(PRESS, window=20)
    for _ in range(4):
        batch.worked(inlet, incoming("t", b"x"))
        batch.worked(other, incoming("t", b"x"))
    assert not batch.is_due(NEVER_S)
    batch.worked(inlet, incoming("t", b"x"))
    assert batch.is_due(NEVER_S)


def test_results_are_written_at_once() -> None:
    for add in (
        lambda batch: batch.changed(SHOT, urgent=True),
        lambda batch: batch.add(publisher().issue(Outgoing("s/p1", "k", "t", b""))),
    ):
        batch = Batch()
        add(batch)
        assert batch.is_due(NEVER_S)


def test_a_shot_is_written_as_it_is_when_the_batch_is_closed() -> None:
    shot, batch = SHOT.model_copy(), Batch()
    batch.changed(shot, urgent=False)
    shot.frames_count = 7
    found = batch.changes(publisher(), Revisions({}, NOW)).state
    assert (found[SHOT_SCOPE, shot.shot_key] or {})["frames_count"] == 7
    batch = Batch()
    batch.changed(shot, urgent=False)
    batch.forget(shot)
    assert batch.changes(publisher(), Revisions({}, NOW)).state == {
        (SHOT_SCOPE, shot.shot_key): None
    }


def publisher() -> Publisher:
    return Publisher(SpoolThread.__new__(SpoolThread), SystemClock())


class Disk(Spool):
    """Refuses when it is told to, and may be held up in a commit."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refuses, self.refused = False, 0
        self.written: list[Changes] = []
        self.free = threading.Event()
        self.free.set()

    def commit(self, changes: Changes, now: datetime) -> None:
        assert self.free.wait(30)
        if self.refuses:
            self.refused += 1
            raise StoreError("spool.db: the spool cannot be written: database or disk is full")
        super().commit(changes, now)
        self.written.append(changes)


class Desk:
    """A writer with what is around it."""

    def __init__(self, folder: Path) -> None:
        self.disk = Disk(folder / "spool.db")
        thread = SpoolThread(self.disk)
        self.thread, self.revisions = thread, Revisions({}, NOW)
        self.told: list[bool] = []
        self.acknowledged: list[int] = []
        self.transactions: list[Changes] = []
        self.publisher = Publisher(thread, SystemClock())
        self.writer = Writer(
            thread,
            self.publisher,
            self.revisions,
            Receipts({}),
            SystemClock(),
            Metrics(),
            self.transactions.append,
            lambda: self.told.append(self.writer.unsaved),
        )
        self.inlet = Inlet(PRESS, self.take)

    def take(self, messages: list[Incoming]) -> None:  # type: ignore[misc]
        self.acknowledged += [message.mid for message in messages]

    def batch(self, *mids: int, row: HistoryRow = FRAME) -> Batch:
        batch = Batch()
        for mid in mids:
            message = incoming("t", b"x", mid)
            self.inlet.put([message])
            self.inlet.waiting.clear()
            batch.worked(self.inlet, message)
            batch.forward.append(row)
        return batch


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(commit, "RETRY_S", 0.005)
    desk = Desk(tmp_path)
    yield desk
    desk.disk.free.set()
    desk.thread.close()


async def test_a_batch_is_one_transaction_and_then_acknowledged(desk: Desk) -> None:
    desk.disk.free.clear()
    batch = desk.batch(1, 2, 3)
    batch.changed(SHOT, urgent=True)
    batch.add(desk.publisher.issue(Outgoing("s/p1", "k", "t", b"out", retain=True)))
    writing = desk.writer.start(batch)
    await asyncio.sleep(0)
    assert desk.writer.busy
    assert desk.acknowledged == []
    desk.disk.free.set()
    async with asyncio.timeout(30):
        await writing
    assert not desk.writer.busy
    assert desk.acknowledged == [1, 2, 3]
    assert desk.inlet.held == 0
    (changes,) = desk.disk.written
    assert desk.transactions == [changes]
    assert (len(changes.forward), len(changes.publish), len(changes.retained)) == (3, 1, 1)
    assert {scope for scope, _ in changes.state} == {"shot", "revision"}
    assert desk.revisions.have(PRESS), "the reserve is on disk"


async def test_nothing_is_written_when_there_is_nothing_to_write(desk: Desk) -> None:
    batch = desk.batch()
    batch.worked(desk.inlet, incoming("t", b"x", 9))
    async with asyncio.timeout(30):
        await desk.writer.start(batch)
    assert (desk.disk.written, desk.acknowledged) == ([], [9])


async def test_a_disk_that_refuses_is_waited_for_and_told_of_once(desk: Desk) -> None:
    desk.disk.refuses = True
    with capture_logs() as logs:
        writing = desk.writer.start(desk.batch(1, 2))
        await until(lambda: desk.disk.refused > 5, "refusals")
        assert (desk.acknowledged, desk.told, desk.writer.unsaved) == ([], [True], True)
        desk.disk.refuses = False
        async with asyncio.timeout(30):
            await writing
    assert desk.acknowledged == [1, 2]
    assert desk.told == [True, False]
    assert not desk.writer.unsaved
    assert [len(changes.forward) for changes in desk.disk.written] == [2], "once"
    assert [entry["event"] for entry in logs] == ["spool_write_failed", "spool_write_recovered"]


async def test_a_single_refusal_is_nothing_to_tell(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = asyncio.Event()

    async def paused(_seconds: float) -> None:
        await pause.wait()

    desk.disk.refuses = True
    with monkeypatch.context() as patch:
        patch.setattr(commit.asyncio, "sleep", paused)
        writing = desk.writer.start(desk.batch(1))
        while not desk.disk.refused:
            await asyncio.wait([writing], timeout=0.01)
        desk.disk.refuses = False
        pause.set()
        async with asyncio.timeout(30):
            await writing
    assert (desk.told, desk.acknowledged) == ([], [1])


async def test_a_full_spool_gets_room_from_what_the_history_took(desk: Desk) -> None:
    async with asyncio.timeout(30):
        await desk.writer.start(desk.batch(1, 2, row=RESULT))
    ids = [row.id for row in desk.disk.to_forward(9)]
    assert not desk.writer.make_room(ids), "the next batch does it"
    desk.disk.full = True
    writing = desk.writer.start(desk.batch(3, row=RESULT))
    await until(lambda: desk.writer.unsaved, "refusals")
    assert desk.writer.make_room(ids)
    await until(lambda: read_file(desk.disk.path, "SELECT id FROM forward") == [], "room")
    assert desk.acknowledged == [1, 2]
    desk.disk.full = False  # as who watches the limit does
    async with asyncio.timeout(30):
        await writing
    assert desk.acknowledged == [1, 2, 3]


async def test_what_the_history_took_just_before_the_disk_recovers_is_forgotten_too(
    desk: Desk,
) -> None:
    async with asyncio.timeout(30):
        await desk.writer.start(desk.batch(1, row=RESULT))
    (old,) = desk.disk.to_forward(9)
    desk.disk.refuses = True
    writing = desk.writer.start(desk.batch(2))
    await until(lambda: desk.disk.refused > 1, "refusals")
    desk.writer._remove = _nothing  # type: ignore[method-assign]
    assert desk.writer.make_room([old.id])
    desk.disk.refuses = False
    async with asyncio.timeout(30):
        await writing
        await desk.writer.start(desk.batch(3))
    assert old.id not in {row.id for row in desk.disk.to_forward(9)}


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("names", ["spool.db", "spool.db*"])
async def test_a_spool_whose_file_was_deleted_takes_and_acknowledges_nothing(
    desk: Desk, tmp_path: Path, names: str
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    files = list(tmp_path.glob(names))
    for file in files:
        file.rename(away / file.name)
    writing = desk.writer.start(desk.batch(1))
    await until(lambda: desk.writer.unsaved, "refusals")
    assert (desk.acknowledged, desk.disk.written) == ([], [])
    for file in files:
        (away / file.name).rename(file)
    async with asyncio.timeout(30):
        await writing
    assert desk.acknowledged == [1]


async def test_a_fault_of_the_program_is_not_swallowed(desk: Desk) -> None:
    batch = desk.batch(1)
    batch.forward = [None]  # type: ignore[list-item]
    desk.writer.start(batch)
    await until(lambda: not desk.writer.busy, "the fault")
    with pytest.raises(AttributeError):
        desk.writer.check()
    assert desk.acknowledged == []


async def test_what_the_disk_does_not_take_is_given_up_at_the_end(desk: Desk) -> None:
    desk.disk.refuses = True
    desk.writer.start(desk.batch(1))
    await until(lambda: desk.disk.refused > 0, "a refusal")
    await desk.writer.stop()
    assert (desk.acknowledged, desk.writer.busy) == ([], False)
