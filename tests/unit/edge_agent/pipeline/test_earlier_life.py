"""An earlier life of the agent: a pipeline goes on with what its spool holds."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

from broker import alert_codes as codes
from broker.codec import decode, encode
from broker.messages import Alert, QualityRecord
from edge_agent.clock import AcceleratedClock, SystemClock
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.shots.shot import Shot
from edge_agent.spool.changes import Changes
from tests.chaos.inside import TOPIC, event, frames
from tests.support.agents import settings_for
from tests.support.desks import START, unknown
from tests.support.old_spools import old_spool
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on, spool_of
from tests.support.processes import read_file


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


class Later(SystemClock):
    """Goes ahead as the test says."""

    passed = timedelta()

    def now(self) -> datetime:
        return super().now() + self.passed


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
            await work.batches.flush()
    (row,) = [row.entry for row in spool_of(work).to_forward(9) if '"final"' in row.entry.document]
    assert row.kind == "prediction"
    work._spool.close()


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
        await work.batches.flush()
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
