"""Numbers of predictions, reserved on disk: none is used twice, no press holds up another."""

from __future__ import annotations

import asyncio
from pathlib import Path

from broker.codec import decode, encode
from broker.messages import Prediction
from broker.topics import PressAddress
from edge_agent.monitoring.watchdog import Watch
from edge_agent.pipeline.receive import Inlet
from tests.chaos.inside import TOPIC
from tests.support.desks import Desk, unknown
from tests.support.pipelines import PRESS, incoming
from tests.support.played_session import PlayedSession
from tests.support.waiting import until


async def test_a_press_whose_numbers_ran_out_waits_for_the_disk_and_holds_up_nobody(
    desk: Desk,
) -> None:
    """They are reserved on disk before they are used; the disk refuses."""
    other, counter = PressAddress("s", "p2"), desk.work.revisions._of(PRESS)
    await desk.work.reserve(other)
    desk.disk.refuses = True
    await desk.told(unknown("s0"))
    await until(lambda: desk.work.batches._writer.unsaved, "refusals")
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
                await desk.work.batches.flush()
        await desk.work.batches.flush()
    assert [found.shot_id for found in desk.predictions()] == ["s0", "s1"]


async def test_waiting_for_numbers_is_not_being_stuck(desk: Desk) -> None:
    """While the disk refuses, each try is progress; a disk that hangs is not."""
    watch, watches = desk.work.numbers._watch, desk.work._metrics.watches
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
        await desk.work.batches._writer.stop()
        assert desk.acknowledged == []
        desk.work._spool.close()
    assert len(said) == 3
    assert len({found.revision for found in said}) == 3
    assert {(found.shot_key, found.basis) for found in said} == {(said[0].shot_key, "poured")}
