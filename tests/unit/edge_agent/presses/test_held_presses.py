"""Shots that come and go with a press, also while the disk refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.codec import encode
from broker.messages import Handover
from edge_agent.clock import SystemClock
from edge_agent.errors import StoreError
from edge_agent.pipeline import commit
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.receipts import RECEIVED_SCOPE
from edge_agent.presses.held_presses import UNHEARD, HeldPresses
from edge_agent.shots import scenario
from edge_agent.shots.shot import Shot
from edge_agent.spool import retry
from edge_agent.spool.retry import until_written
from edge_agent.spool.spool import EPOCH, Spool
from tests.chaos.inside import TOPIC, event, frames
from tests.support.agents import settings_for
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on
from twin_core.errors import InputError

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
REVISION = 10**9
"""As another agent has used them."""


class Disk(Spool):
    """Refuses its writes one after the other: the first, then the second, and so on."""

    calls = refuse_at = 0

    def _may(self) -> None:
        self.calls += 1
        if self.calls == self.refuse_at:
            self.calls, self.refuse_at = 0, self.refuse_at + 1
            raise StoreError("database or disk is full")

    def commit(self, *arguments: Any) -> None:
        self._may()
        super().commit(*arguments)

    def exchange(self, *arguments: Any) -> None:
        self._may()
        super().exchange(*arguments)

    def refuse(self) -> None:
        """From now on, until all of a work was done in one go."""
        self.calls, self.refuse_at = 0, 1


class Desk:
    """A pipeline and the presses of a member of a group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = settings_for(folder, 1883)
        self.disk = Disk(self.settings.spool.path)
        self.work = pipeline_on(self.settings, SystemClock(), spool=self.disk)
        self.held = HeldPresses("me", True, self.work, self.work._spool, SystemClock())

    async def pour(self, shot_id: str) -> Shot:
        """A shot that waits to be said, in a mold that is not in the catalogue."""
        await feed(
            self.work, [incoming(f"{TOPIC}/shot", encode(event("poured", START, shot_id, "M")))]
        )
        (found,) = self.work.assembler.shots.of_id(PRESS, shot_id)
        return found

    def kept(self) -> list[str]:
        return [shot["shot_id"] for shot in self.disk.state(SHOT_SCOPE).values()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(commit, "RETRY_S", 0.005)
    monkeypatch.setattr(retry, "RETRY_S", 0.005)
    desk = Desk(tmp_path)
    yield desk
    desk.work._spool.close()


def handover(shot: Shot) -> bytes:
    return encode(
        Handover(
            ts=START,
            site="s",
            press="p1",
            mold_id=shot.mold_id,
            shot_id=shot.shot_id,
            shot_key=shot.shot_key,
            agent_id="another",
            document=shot.model_dump_json(),
        )
    )


async def test_a_press_is_given_up_as_a_whole_whenever_the_disk_refuses(desk: Desk) -> None:
    await desk.pour("s1")
    assert (desk.kept(), desk.held.in_work(PRESS)) == (["s1"], True)
    (frame,) = frames(0, 1, START)
    await feed(desk.work, [incoming(f"{TOPIC}/telemetry", encode(frame))])
    assert list(desk.disk.state(RECEIVED_SCOPE)) == ["s/p1/d"]
    desk.disk.refuse()
    async with asyncio.timeout(60):
        await until_written("commit", desk.held.give_up, PRESS)
    assert desk.disk.refuse_at > 2, "it was refused in the middle"
    assert (desk.kept(), desk.held.in_work(PRESS)) == ([], False)
    assert desk.disk.to_publish(str(PRESS), 9) == []
    assert PRESS not in desk.held
    assert desk.disk.state(RECEIVED_SCOPE) == {}
    assert desk.work.receipts.changes(PRESS) == 0


async def test_a_press_is_taken_as_a_whole_whenever_the_disk_refuses(desk: Desk) -> None:
    await desk.pour("mine")
    left = Shot(
        site="s", press="p1", shot_id="left", mold_id="M", poured_at=START, revision=REVISION
    )
    topics = desk.settings.topics
    retained = {
        topics.handover(PRESS, "M", left.shot_key): handover(left),
        topics.prediction(PRESS, "M"): b"of a newer program",
    }
    desk.disk.refuse()
    async with asyncio.timeout(60):
        await until_written("commit", desk.held.take, PRESS, topics, retained)
    assert desk.disk.refuse_at > 2, "it was refused in the middle"
    assert PRESS in desk.held
    assert desk.kept() == ["left"]
    assert [shot.shot_id for shot in desk.work.assembler.shots] == ["left"]
    (kept,) = desk.disk.retained(str(PRESS), EPOCH, "", 9)
    assert kept.payload == b"of a newer program"
    assert desk.work.revisions.take(PRESS) > REVISION + UNHEARD, "no number is used twice"


async def test_all_shots_of_a_mold_are_taken(desk: Desk, tmp_path: Path) -> None:
    """The messages of several may come again: the one before had not acknowledged them."""
    (tmp_path / "before").mkdir()
    before, topics = Desk(tmp_path / "before"), desk.settings.topics
    events = [
        event(kind, START + timedelta(seconds=300 * number + second), f"s{number}", "M")
        for number in range(3)
        for second, kind in enumerate(("started", "poured", "demolded"))
    ]
    messages = [incoming(f"{TOPIC}/shot", encode(one)) for one in events]
    await feed(before.work, messages)
    shots = list(before.work.assembler.shots)
    before.work._spool.close()
    assert [shot.finished for shot in shots] == [True] * 3
    left = {topics.handover(PRESS, "M", shot.shot_key): handover(shot) for shot in shots}
    await desk.held.take(PRESS, topics, left)
    assert sorted(desk.kept()) == ["s0", "s1", "s2"]
    await feed(desk.work, messages[1:])
    assert [shot.shot_key for shot in desk.work.assembler.shots] == [s.shot_key for s in shots]
    assert [shot.revision for shot in desk.work.assembler.shots] == [s.revision for s in shots]


async def test_a_press_that_nobody_had_is_taken(desk: Desk) -> None:
    async with asyncio.timeout(60):
        await desk.held.take(PRESS, desk.settings.topics, {})
    assert PRESS in desk.held
    assert desk.work.revisions.have(PRESS)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_later_word_that_another_agent_did_not_keep_is_said_anew(
    desk: Desk, killed: bool
) -> None:
    """It was killed after it had published; the history has only ours."""
    shot = await desk.pour("s1")
    end = event("demolded", START + timedelta(seconds=300), "s1", "M")
    await feed(desk.work, [incoming(f"{TOPIC}/shot", encode(end))])
    assert shot.finished
    ours = shot.revision
    theirs = scenario.hold(shot, InputError("unknown"), "final", START)
    theirs = theirs.model_copy(update={"revision": ours + 100})
    topic = desk.settings.topics.prediction(PRESS, "M")
    await desk.held.take(PRESS, desk.settings.topics, {topic: encode(theirs)})
    if killed:  # before it is said, and the next shot of the mold hides the word at the broker
        desk.work._spool.close()
        desk = Desk(desk.folder)
        await desk.held.take(PRESS, desk.settings.topics, {})
        (shot,) = desk.work.assembler.shots
        assert shot.is_behind
    await desk.work.tick()
    await desk.work.batches.flush()
    assert shot.revision > ours + 100
    assert not shot.is_behind
    rows = [row.entry for row in desk.disk.to_forward(99) if row.entry.kind == "prediction"]
    finals = [json.loads(row.document) for row in rows if '"final"' in row.document]
    assert [row["revision"] for row in finals] == [ours, shot.revision]
    assert shot.corrected == [], "nothing came late"
    desk.work._spool.close()
