"""The pipeline: its loop, its turns, a spool of an older program, and a disk that refuses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker import alert_codes as codes
from broker.codec import decode, encode
from broker.messages import Alert, Prediction, QualityRecord, ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.clock import AcceleratedClock, SystemClock
from edge_agent.errors import StoreError
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import commit, pipeline
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.receive import Inlet
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from edge_agent.spool.limit import SpoolLimit
from edge_agent.spool.spool import Spool
from tests.chaos.inside import TOPIC, event, frames
from tests.support.agents import settings_for
from tests.support.old_spools import old_spool
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on, spool_of
from tests.support.played_session import PlayedSession
from tests.support.processes import read_file
from tests.support.waiting import until

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Loop(Pipeline):
    """Only the loop, with messages that never end or never come."""

    def __init__(self, busy: bool) -> None:
        self.wake = asyncio.Event()
        self._watch = Watch("pipeline")
        self._inference = Inference(Path("no-models"), Metrics())
        self.busy, self.ticks, self.steps = busy, 0, 0

    async def start(self) -> None:
        pass

    def _pause_s(self) -> float:
        return 0.01

    async def step(self) -> bool:
        self.steps += 1
        await asyncio.sleep(0)
        return self.busy

    async def tick(self) -> None:
        self.ticks += 1


@pytest.mark.parametrize("busy", [True, False])
async def test_time_passes_for_a_busy_agent_too(
    busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "TICK_S", 0.01)
    loop = Loop(busy)
    with suppress(TimeoutError):
        await asyncio.wait_for(loop.run(), 0.2)
    assert loop.ticks >= 3
    assert loop.steps > loop.ticks - 2


@pytest.mark.parametrize("turns", range(4))
async def test_the_loop_ends_also_when_it_is_woken_just_then(turns: int) -> None:
    """A cancellation that comes together with what it waits for must not get lost."""
    loop = Loop(busy=False)
    loop._pause_s = lambda: 60.0  # type: ignore[method-assign]
    running = asyncio.create_task(loop.run())
    await until(lambda: loop._watch.resting and loop.steps > 0, "the loop to wait")
    loop.wake.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running}, timeout=30)
    ended = running.done()
    running.cancel()
    assert ended


class Disk(Spool):
    """Refuses when it is told to."""

    refuses = False
    commits = 0

    def commit(self, changes: Changes, now: datetime) -> None:
        if self.refuses:
            raise StoreError("spool.db: the spool cannot be written: database or disk is full")
        super().commit(changes, now)
        self.commits += 1


class Desk:
    """A pipeline with an inlet, and what was acknowledged in it."""

    def __init__(self, folder: Path, *, gather_s: float = 60.0, limit: int = 256) -> None:
        settings = settings_for(folder, 1883)
        spool = settings.spool.model_copy(update={"gather_s": gather_s})
        self.settings = settings.model_copy(update={"spool": spool})
        self.disk = Disk(self.settings.spool.path)
        self.work = pipeline_on(self.settings, AcceleratedClock(1.0, START), spool=self.disk)
        self.acknowledged: list[int] = []
        self.inlet = self.inlet_of(limit)

    def inlet_of(self, limit: int) -> Inlet:
        inlet = Inlet(PRESS, self._take, limit)
        self.work.open(inlet)
        return inlet

    def _take(self, messages: Sequence[Incoming]) -> None:
        self.acknowledged += [message.mid for message in messages]

    async def told(self, *messages: TelemetryFrame | ShotEvent) -> None:
        """Have messages worked on; they are not necessarily written."""
        found = []
        for message in messages:
            channel = "shot" if isinstance(message, ShotEvent) else "telemetry"
            self.mid = getattr(self, "mid", 0) + 1
            found.append(incoming(f"{TOPIC}/{channel}", encode(message), self.mid))
        self.inlet.put(found)
        while self.inlet.waiting:
            await self.work.step()

    def predictions(self) -> list[Prediction]:
        rows = self.disk.to_publish(str(PRESS), 1000)
        found = [row.entry for row in rows if row.entry.key.startswith("prediction/")]
        return [decode(Prediction, entry.payload) for entry in found]


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(commit, "RETRY_S", 0.005)
    desk = Desk(tmp_path)
    await desk.work.reserve()
    yield desk
    await desk.work._writer.stop()
    desk.work._spool.close()


def unknown(shot_id: str = "s1", after_s: float = 0.0, mold_id: str = "UNKNOWN") -> ShotEvent:
    """A pour into a mold that is not in the catalogue: answered without a simulation."""
    return event("poured", START + timedelta(seconds=after_s), shot_id, mold_id)


async def test_telemetry_gathers_and_results_are_written_at_once(desk: Desk) -> None:
    before = desk.disk.commits
    await desk.told(*frames(0, 60, START))
    assert not desk.work._writer.busy
    await desk.told(*frames(60, 4, START))  # a quarter of what the broker hands over
    await until(lambda: len(desk.acknowledged) == 64, "the acknowledgement")
    assert desk.disk.commits == before + 1
    await desk.told(*frames(64, 1, START), unknown())
    await until(lambda: len(desk.acknowledged) == 66, "the acknowledgement")
    assert desk.disk.commits == before + 2
    assert [found.basis for found in desk.predictions()] == ["poured"]


async def test_the_next_batch_is_worked_on_while_one_is_written(desk: Desk) -> None:
    blocked, written = threading.Event(), Spool.commit

    def slow(spool: Spool, changes: Changes, now: datetime) -> None:
        assert blocked.wait(30)
        written(spool, changes, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spool, "commit", slow)
        await desk.told(unknown("s1"))
        assert desk.work._writer.busy
        await desk.told(unknown("s2", 60.0), unknown("s3", 120.0))
        assert desk.acknowledged == []
        assert len(desk.work.results.batch.issued) > 2, "answered, and in the next batch"
        blocked.set()
        async with asyncio.timeout(30):
            await desk.work.flush()
    assert desk.acknowledged == [1, 2, 3]
    assert desk.disk.commits == 3, "the reserve, and two batches"


async def test_what_a_turn_leads_to_is_in_one_batch(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is acknowledged by a batch that was written while its shot was simulated."""
    simulated, going_on = asyncio.Event(), asyncio.Event()
    answer = desk.work._changed.answer

    async def slow(*args: Any, **named: Any) -> None:
        simulated.set()
        await going_on.wait()
        await answer(*args, **named)

    monkeypatch.setattr(desk.work._changed, "answer", slow)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.told(unknown()))
        await simulated.wait()
        flushing = tasks.create_task(desk.work.flush())  # a press comes to the agent just now
        for _ in range(100):
            await asyncio.sleep(0)
        assert not flushing.done()
        assert desk.acknowledged == []
        going_on.set()
    await desk.work.flush()
    assert desk.acknowledged == [1]
    kept = {row.entry.kind for row in desk.disk.to_forward(100)}
    assert kept == {"event", "shot", "prediction"}


async def test_a_disk_that_refuses_stops_acknowledging_and_not_predicting(desk: Desk) -> None:
    told: list[bool] = []
    desk.work._refuses = told.append
    session = PlayedSession(accepts=True)
    sender = desk.work.publisher.open(PRESS, session, Watch("p"))  # type: ignore[arg-type]
    desk.disk.refuses = True
    await desk.told(unknown("s1"))
    await until(lambda: told == [True], "people to be told")
    await desk.told(unknown("s2", 60.0, "UNKNOWN_TOO"))
    said = {decode(Prediction, s.payload).shot_id: s.unsaved for s in session.sent if s.retain}
    assert said == {"s1": False, "s2": True}
    assert desk.acknowledged == []
    desk.disk.refuses = False
    await until(lambda: told == [True, False], "the disk")
    async with asyncio.timeout(30):
        await desk.work.flush()
    desk.work.publisher.close(sender)
    assert desk.acknowledged == [1, 2]
    kept = [row.entry.kind for row in desk.disk.to_forward(100)]
    assert kept == ["prediction", "shot", "event"] * 2
    assert "s2" in {found.shot_id for found in desk.predictions()}, "said again, without the mark"


async def test_a_deleted_spool_marks_what_is_said(desk: Desk) -> None:
    told: list[bool] = []
    desk.work._refuses = told.append
    desk.work.spool_is_lost(True)
    assert (told, desk.work.results.unsaved) == ([True], True)
    desk.work.spool_is_lost(True)
    desk.work.spool_is_lost(False)
    assert (told, desk.work.results.unsaved) == ([True, False], False)


async def test_a_press_in_flood_waits_for_the_others(desk: Desk) -> None:
    """A turn is some messages; one step gives every press its turn."""
    other = desk.inlet_of(256)
    desk.inlet.put([incoming(f"{TOPIC}/telemetry", encode(f)) for f in frames(0, 500)])
    other.put([incoming(f"{TOPIC}/shot", encode(unknown()))])
    await desk.work.step()
    assert not other.waiting
    assert len(desk.inlet.waiting) >= 500 - pipeline.TURN
    desk.work.close(desk.inlet)
    assert not desk.inlet.waiting


async def test_a_writer_that_is_done_wakes_the_loop(desk: Desk) -> None:
    await desk.told(unknown())
    async with asyncio.timeout(30):
        desk.work.wake.clear()
        await desk.work.flush()
        await desk.work.wake.wait()


async def test_a_spool_of_an_older_program_is_worked_off_once(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, 1883)
    shot = Shot(site="s", press="p1", shot_id="s1", mold_id="UNKNOWN", started_at=START)
    kept = shot.model_dump(mode="json", exclude={"shot_key"})
    left = [(f"{TOPIC}/telemetry", encode(frame)) for frame in frames(0, 300, START)]
    left += [(f"{TOPIC}/shot", encode(unknown())), (f"{TOPIC}/#", b"\x32\x00")]
    old_spool(settings.spool.path, inbox=left, shots={"s/p1/s1": kept})
    work = pipeline_on(settings, AcceleratedClock(1.0, START))
    assert [found.shot_id for found in work.assembler.shots] == ["s1"]
    async with asyncio.timeout(60):
        await work.start()
    spool = spool_of(work)
    rows = [row.entry for row in spool.to_forward(1000)]
    kinds = [row.kind for row in rows]
    assert kinds.count("telemetry") == 301, "one was waiting for the history"
    assert (kinds.count("dead_letter"), kinds.count("shot")) == (1, 1)
    assert spool.inbox(0, 1000) == []
    (state,) = spool.state(SHOT_SCOPE).values()
    assert list(spool.state(SHOT_SCOPE)) == [shot.shot_key]
    assert state["poured_at"] is not None
    work._spool.close()
    work = pipeline_on(settings, AcceleratedClock(1.0, START))
    async with asyncio.timeout(60):
        await work.start()
    assert len(spool_of(work).to_forward(1000)) == len(rows)
    work._spool.close()


async def test_shots_are_kept_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    """The newest shot of an id is found by it, after a restart, too."""
    settings = settings_for(tmp_path, 1883)
    work = pipeline_on(settings, AcceleratedClock(1.0, START))
    pours = [event("poured", START + timedelta(minutes=n), "again", f"M{n}") for n in range(12)]
    shots = [
        Shot(
            site="s", press="p1", shot_id="again", mold_id=pour.mold_id, poured_at=pour.ts
        )  # as those of several molds that share a cycle number
        for pour in pours
    ]
    state = {(SHOT_SCOPE, shot.shot_key): shot.model_dump(mode="json") for shot in shots}
    spool_of(work).commit(Changes(state=dict(state)), START)
    work._spool.close()
    work = pipeline_on(settings, AcceleratedClock(1.0, START))
    assert work.assembler.shots.of_id(PRESS, "again") == shots
    assert work.assembler.shots.open_of(PRESS) == shots
    work._spool.close()


async def test_a_full_spool_opens_again_while_somebody_waits_for_it(desk: Desk) -> None:
    """In a group, a press is taken or given up when all is on disk; nothing else moves then."""
    await desk.told(unknown("s1"))
    async with asyncio.timeout(30):
        await desk.work.flush()
    ids = [row.id for row in desk.disk.to_forward(100)]
    desk.work._size.limit = SpoolLimit(desk.work._spool, 1e-6)
    await desk.work.keep_in_size()
    assert desk.disk.full
    await desk.told(unknown("s2", 60.0, "UNKNOWN_TOO"))

    async def take() -> None:
        async with desk.work.lock:
            await desk.work.flush()

    taking = asyncio.create_task(take())
    stepping = asyncio.create_task(desk.work.step())
    await until(lambda: desk.work._writer.unsaved, "refusals")
    assert desk.work._watch.resting, "waiting for the disk is not being stuck"
    desk.work.delivered(ids)
    desk.work._size.limit = SpoolLimit(desk.work._spool, 100.0)
    await desk.work.keep_in_size()
    async with asyncio.timeout(30):
        await asyncio.gather(taking, stepping)
    assert 2 in desk.acknowledged


async def test_a_shot_of_a_press_that_is_configured_no_more_times_out(tmp_path: Path) -> None:
    """Its numbers were used by an earlier life of the agent, and nobody reserves new ones."""
    settings = settings_for(tmp_path, 1883)
    gone = Shot(site="s", press="gone", shot_id="a", mold_id="M", poured_at=START)
    gone.system_id, gone.recipe = "SYSTEM_R1", unknown().recipe
    state = {(SHOT_SCOPE, gone.shot_key): gone.model_dump(mode="json")}
    work = pipeline_on(settings, AcceleratedClock(1.0, START))
    spool_of(work).commit(Changes(state=dict(state)), START)
    work._spool.close()
    clock = Later()
    work = pipeline_on(settings, clock)
    await work.reserve()
    async with asyncio.timeout(60):
        while any(not shot.finished for shot in work.assembler.shots):
            clock.passed += timedelta(days=1)
            await work.tick()
            await work.flush()
    (row,) = [row.entry for row in spool_of(work).to_forward(9) if '"final"' in row.entry.document]
    assert row.kind == "prediction"
    work._spool.close()


class Later(SystemClock):
    """Goes ahead as the test says."""

    passed = timedelta()

    def now(self) -> datetime:
        return super().now() + self.passed


async def test_a_quality_record_has_the_key_of_its_shot(tmp_path: Path) -> None:
    """In document, spool and history; after a restart, and when the shot is long forgotten."""
    settings, keys = settings_for(tmp_path, 1883), list[str]()
    for life in range(2):
        work = pipeline_on(settings, AcceleratedClock(1.0, START + timedelta(hours=2)))
        pours = [unknown("7", 3600.0 * life), unknown("8", 3600.0 * life + 60.0)]
        await feed(work, [incoming(f"{TOPIC}/shot", encode(pour)) for pour in pours])
        keys += [shot.shot_key for shot in work.assembler.shots if shot.shot_id == "7"][-1:]
        for shot in work.assembler.shots:
            work.results.batch.forget(shot)
        await work.flush()
        work._spool.close()
    work = pipeline_on(settings, AcceleratedClock(1.0, START + timedelta(hours=2)))
    assert len(work.assembler.shots) == 0
    times = [START + timedelta(seconds=after_s) for after_s in (-1.0, 0.0, 3599.0, 3600.0)]
    lab = [QualityRecord(ts=ts, shot_id="7", H_24h_shore=55.0) for ts in times]
    await feed(work, [incoming(f"{TOPIC}/quality", encode(record)) for record in lab])
    rows = [row for row in spool_of(work).to_forward(99) if row.entry.kind == "quality"]
    documents = [json.loads(row.entry.document) for row in rows]
    expected = [None, keys[0], keys[0], keys[1]]
    assert [document["shot_key"] for document in documents] == expected
    assert [document["document"].get("shot_key") for document in documents] == expected
    told = [row.entry for row in spool_of(work).to_publish(str(PRESS), 99)]
    alerts = [decode(Alert, one.payload) for one in told if one.key.startswith("alert/")]
    assert [alert.code for alert in alerts] == [codes.RECORD_WITHOUT_SHOT]
    history = SqliteHistory(settings.history.path)
    await history.deliver(rows)
    await history.close()
    work._spool.close()
    stored = read_file(settings.history.path, "SELECT shot_key FROM quality ORDER BY ts")
    assert [key for (key,) in stored] == expected


async def test_a_press_whose_numbers_ran_out_waits_for_the_disk_and_holds_up_nobody(
    desk: Desk,
) -> None:
    """They are reserved on disk before they are used; the disk refuses."""
    other, counter = PressAddress("s", "p2"), desk.work.revisions._of(PRESS)
    await desk.work.reserve(other)
    desk.disk.refuses = True
    await desk.told(unknown("s0"))
    await until(lambda: desk.work._writer.unsaved, "refusals")
    counter.last = counter.reserved - 1
    heard = PlayedSession(accepts=True)
    sender = desk.work.publisher.open(other, heard, Watch("p"))  # type: ignore[arg-type]
    inlet = Inlet(other, window=256)
    desk.work.open(inlet)
    inlet.put([incoming("pur/v1/s/p2/shot", encode(unknown("s2")), 1)])
    desk.inlet.put([incoming(f"{TOPIC}/shot", encode(unknown("s1", 60.0, "OTHER")), 2)])
    async with asyncio.timeout(30):
        while await desk.work.step():
            pass
        await desk.work.tick()
    assert [sent.retain for sent in heard.sent] == [True], "the other press has its prediction"
    assert len(desk.inlet.waiting) == 1
    assert not desk.work.lock.locked()
    desk.work.publisher.close(sender)
    desk.disk.refuses = False
    async with asyncio.timeout(30):
        while desk.inlet.waiting:
            if not await desk.work.step():
                await desk.work.flush()
        await desk.work.flush()
    assert [found.shot_id for found in desk.predictions()] == ["s0", "s1"]


async def test_waiting_for_numbers_is_not_being_stuck(desk: Desk) -> None:
    """While the disk refuses, each try is progress; a disk that hangs is not."""
    watch, watches = desk.work._reserve_watch, desk.work._metrics.watches
    desk.disk.refuses = True
    waiting = asyncio.create_task(desk.work.reserve(PressAddress("s", "new")))
    await until(lambda: watch.trouble is not None, "a refusal")
    since = watch._busy_since
    await until(lambda: watch._busy_since != since, "the next try")
    assert watches.stuck(60.0) == []
    assert "disk is full" in str(watches.troubles()["reserve"])
    desk.disk.refuses = False
    async with asyncio.timeout(30):
        await waiting
    assert (watch.resting, watch.trouble) == (True, None)


async def test_a_tick_that_waits_for_somebody_is_not_stuck(desk: Desk) -> None:
    async with desk.work.lock:
        desk.work._watch.progress()
        ticking = asyncio.create_task(desk.work.tick())
        await until(lambda: desk.work._watch.resting, "the tick to wait")
    async with asyncio.timeout(30):
        await ticking


@pytest.mark.parametrize("size", ["small", "large"])
async def test_sessions_that_break_while_the_disk_refuses_fill_no_memory(
    desk: Desk, size: str
) -> None:
    """Each brings what the broker hands over without an acknowledgement, again."""
    note = {"status": {f"s{n}": "x" * 250 for n in range(250)}} if size == "large" else {}
    sent = [frame.model_copy(update=note) for frame in frames(0, 256, START)]
    payloads = [encode(frame) for frame in sent]
    desk.disk.refuses = True
    desk.work.close(desk.inlet)
    for _ in range(20):
        inlet = desk.inlet_of(256)
        inlet.put([incoming(f"{TOPIC}/telemetry", p, mid) for mid, p in enumerate(payloads, 1)])
        async with asyncio.timeout(30):
            while await desk.work.step():
                pass
        desk.work.close(inlet)
    batch = desk.work.results.batch
    assert len(batch.forward) <= 2 * 256 + pipeline.TURN
    bound = commit.BYTES_TAKEN + pipeline.TURN * len(payloads[0])
    assert sum(len(row.document) for row in batch.forward) <= 2 * bound
    assert desk.acknowledged == []
    inlet = desk.inlet_of(256)
    inlet.put([incoming(f"{TOPIC}/telemetry", p, mid) for mid, p in enumerate(payloads, 1)])
    desk.disk.refuses = False
    async with asyncio.timeout(60):
        while inlet.held:
            if not await desk.work.step():
                await desk.work.flush()
    assert sorted(desk.acknowledged) == list(range(1, 257)), "in the last session, each once"
    rows = read_file(desk.disk.path, "SELECT count(DISTINCT document) FROM forward")
    assert rows == [(256,)]


async def test_simulations_of_shots_that_went_elsewhere_are_forgotten(desk: Desk) -> None:
    await desk.told(unknown("s1"))
    (shot,) = desk.work.assembler.shots
    await desk.work.tick()
    assert shot.shot_key in desk.work._simulations._known
    desk.work.assembler.shots.remove(shot)
    await desk.work.tick()
    assert desk.work._simulations._known == {}


async def test_a_shot_that_is_answered_again_after_a_crash_has_another_number(
    tmp_path: Path,
) -> None:
    """What was said and not written is said again, perhaps in other words."""
    said: list[Prediction] = []
    for _ in range(3):
        desk = Desk(tmp_path)
        await desk.work.reserve()
        session = PlayedSession(accepts=True)
        sender = desk.work.publisher.open(PRESS, session, Watch("p"))  # type: ignore[arg-type]
        desk.disk.refuses = True  # nothing of this life is written
        await desk.told(unknown())
        said += [decode(Prediction, sent.payload) for sent in session.sent if sent.retain]
        desk.work.publisher.close(sender)
        await desk.work._writer.stop()
        assert desk.acknowledged == []
        desk.work._spool.close()
    assert len(said) == 3
    assert len({found.revision for found in said}) == 3
    assert {(found.shot_key, found.basis) for found in said} == {(said[0].shot_key, "poured")}
