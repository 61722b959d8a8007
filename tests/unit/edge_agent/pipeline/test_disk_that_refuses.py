"""A disk that refuses: predictions go on, acknowledgements wait, memory stays bounded."""

from __future__ import annotations

import asyncio

import pytest

from broker.codec import decode, encode
from broker.messages import Prediction
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline import commit, pipeline
from edge_agent.spool.limit import SpoolLimit
from tests.chaos.inside import TOPIC, frames
from tests.support.desks import START, Desk, unknown
from tests.support.pipelines import PRESS, incoming
from tests.support.played_session import PlayedSession
from tests.support.processes import read_file
from tests.support.waiting import until


async def test_a_disk_that_refuses_stops_acknowledging_and_not_predicting(desk: Desk) -> None:
    told: list[bool] = []
    desk.work.batches._refuses = told.append
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
        await desk.work.batches.flush()
    desk.work.publisher.close(sender)
    assert desk.acknowledged == [1, 2]
    kept = [row.entry.kind for row in desk.disk.to_forward(100)]
    assert kept == ["prediction", "shot", "event"] * 2
    assert "s2" in {found.shot_id for found in desk.predictions()}, "said again, without the mark"


async def test_a_deleted_spool_marks_what_is_said(desk: Desk) -> None:
    told: list[bool] = []
    desk.work.batches._refuses = told.append
    desk.work.batches.spool_is_lost(True)
    assert (told, desk.work.results.unsaved) == ([True], True)
    desk.work.batches.spool_is_lost(True)
    desk.work.batches.spool_is_lost(False)
    assert (told, desk.work.results.unsaved) == ([True, False], False)


async def test_a_full_spool_opens_again_while_somebody_waits_for_it(desk: Desk) -> None:
    """In a group, a press is taken or given up when all is on disk; nothing else moves then."""
    await desk.told(unknown("s1"))
    async with asyncio.timeout(30):
        await desk.work.batches.flush()
    ids = [row.id for row in desk.disk.to_forward(100)]
    desk.work._size.limit = SpoolLimit(desk.work._spool, 1e-6)
    await desk.work.keep_in_size()
    assert desk.disk.full
    await desk.told(unknown("s2", 60.0, "UNKNOWN_TOO"))

    async def take() -> None:
        async with desk.work.lock:
            await desk.work.batches.flush()

    taking = asyncio.create_task(take())
    stepping = asyncio.create_task(desk.work.step())
    await until(lambda: desk.work.batches._writer.unsaved, "refusals")
    assert desk.work._watch.resting, "waiting for the disk is not being stuck"
    desk.work.batches.delivered(ids)
    desk.work._size.limit = SpoolLimit(desk.work._spool, 100.0)
    await desk.work.keep_in_size()
    async with asyncio.timeout(30):
        await asyncio.gather(taking, stepping)
    assert 2 in desk.acknowledged


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
                await desk.work.batches.flush()
    assert sorted(desk.acknowledged) == list(range(1, 257)), "in the last session, each once"
    rows = read_file(desk.disk.path, "SELECT count(DISTINCT document) FROM forward")
    assert rows == [(256,)]
