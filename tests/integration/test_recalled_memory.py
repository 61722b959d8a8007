"""An agent with a new spool remembers what one with the old spool does, from either history."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.messages import Prediction
from broker.timestamps import parse_timestamp
from edge_agent.config.settings import HistorySettings, Settings, SpoolSettings
from edge_agent.history import open_store
from edge_agent.inference.earlier_shots import EARLIER_SCOPE
from edge_agent.learning.recall import AGAIN_S, RECALLED_SCOPE
from edge_agent.links.publish_packet import Incoming
from edge_agent.pipeline.infer import Inference
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.support.agents import running
from tests.support.agents import settings_for as agent_for
from tests.support.case_press import Arrival
from tests.support.pipelines import feed, pipeline_on, spool_of
from tests.support.played import LATER, messages_of, settings_for, virtual_plant
from tests.support.shots import rows_of, write_history
from tests.support.timescale import TimescaleServer, migrated_database
from tests.support.waiting import until
from twin_core.learning.features import Row

SHOTS, BEFORE = 12, 10
REMEMBERED = ("prev_", "press_", "site_", "dev_")


class Seen:
    """Remembered columns of each shot at its pour."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: dict[str, Row] = {}
        corrected = Inference.corrected

        def with_row(
            inference: Inference,
            shot: Shot,
            simulation: ShotSimulation,
            prediction: Prediction,
            *more: Any,
        ) -> Any:
            if prediction.basis == "poured":
                row = inference.rows.row(shot, simulation, "pour")
                self.rows[shot.shot_id] = {
                    name: value for name, value in row.items() if name.startswith(REMEMBERED)
                }
            return corrected(inference, shot, simulation, prediction, *more)

        monkeypatch.setattr(Inference, "corrected", with_row)

    def take(self) -> dict[str, Row]:
        found, self.rows = self.rows, {}
        return found


async def work_on(settings: Settings, messages: Sequence[Incoming], *, recall: bool) -> Pipeline:
    clock = Arrival()
    work = pipeline_on(settings, clock)
    if recall:
        await recalled(work, settings)
    for message in messages:
        clock.time = parse_timestamp(json.loads(message.payload)["ts"])
        await feed(work, [message])
    return work


async def recalled(work: Pipeline, settings: Settings) -> None:
    """Let it read the history, and write what it found."""
    presses = settings.addresses()
    for _ in range(3000):
        work.recall.tick(LATER, settings, presses)
        await asyncio.sleep(0.02)
        if work.recall._running is None or work.recall._running.done():
            break
    await work.batches.flush()
    assert work._spool._spool.state(RECALLED_SCOPE).keys() == {str(press) for press in presses}


async def into_history(work: Pipeline, settings: Settings) -> None:
    store, spool = open_store(settings.history), spool_of(work)
    while rows := spool.to_forward(5000):
        receipt = await store.deliver(rows)
        spool.commit(Changes(forwarded=receipt.accepted), LATER)
    await store.close()


def same(a: Row, b: Row) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert b[name] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), name


def forget_physics(path: Path) -> None:
    """As if another physics had answered: the shots must be simulated again."""
    with closing(sqlite3.connect(path)) as db, db:
        documents = db.execute("SELECT rowid, document FROM prediction").fetchall()
        for number, text in documents:
            document: dict[str, Any] = json.loads(text)
            document["versions"]["physics_hash"] = "another"
            document["kpis"]["rho_moulded_kg_per_m3"] = 1.0
            values = json.dumps(document), number
            db.execute("UPDATE prediction SET document = ? WHERE rowid = ?", values)


async def live(settings: Settings, seen: Seen) -> tuple[list[Incoming], dict[str, Row]]:
    """An agent works until before the last shots; then these, and what it remembers at each."""
    messages = messages_of(settings, virtual_plant(SHOTS).shots())
    poured = [n for n, m in enumerate(messages) if b'"event":"poured"' in m.payload]
    before, after = messages[: poured[BEFORE]], messages[poured[BEFORE] :]
    first = await work_on(settings, before, recall=False)
    await into_history(first, settings)
    first._spool.close()
    seen.take()
    work = await work_on(settings, after, recall=False)
    work._spool.close()
    rows = seen.take()
    assert len(rows) == SHOTS - BEFORE
    assert max(row["prev_rho_moulded_count"] for row in rows.values()) >= 3
    return after, rows


async def is_as(
    rows: dict[str, Row], after: list[Incoming], settings: Settings, seen: Seen, spool: Path
) -> None:
    """An agent with a new spool remembers the same."""
    fresh = settings.model_copy(update={"spool": SpoolSettings(path=spool)})
    work = await work_on(fresh, after, recall=True)
    work._spool.close()
    new = seen.take()
    assert new.keys() == rows.keys()
    for shot_id, row in rows.items():
        same(row, new[shot_id])


async def test_a_new_spool_knows_what_the_old_one_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, seen = settings_for(tmp_path, virtual_plant(SHOTS)), Seen(monkeypatch)
    after, rows = await live(settings, seen)
    await is_as(rows, after, settings, seen, tmp_path / "new.db")
    again = pipeline_on(
        settings.model_copy(update={"spool": SpoolSettings(path=tmp_path / "new.db")}), Arrival()
    )
    again.recall.tick(LATER, settings, settings.addresses())
    assert again.recall._running is None, "it is read once"
    again._spool.close()
    forget_physics(settings.history.path)
    await is_as(rows, after, settings, seen, tmp_path / "newer.db")


@pytest.mark.peers
@pytest.mark.needs("postgres")
@pytest.mark.xdist_group("db")
async def test_a_database_remembers_as_a_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: TimescaleServer
) -> None:
    settings = settings_for(tmp_path, virtual_plant(SHOTS))
    history, seen = HistorySettings(url=await migrated_database(server.url)), Seen(monkeypatch)
    settings = settings.model_copy(update={"history": history})
    after, rows = await live(settings, seen)
    await is_as(rows, after, settings, seen, tmp_path / "new.db")


async def test_a_history_that_is_away_is_asked_again(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, virtual_plant(1))
    work = pipeline_on(settings, Arrival())
    recall, presses = work.recall, settings.addresses()
    recall.tick(LATER, settings, presses)
    assert recall._running is not None
    assert await recall._running is False, "there is no file yet"
    recall.tick(LATER, settings, presses)
    assert recall._running is None, "not at once"
    await write_history(settings.history.path, [])
    recall.tick(LATER + timedelta(seconds=2 * AGAIN_S), settings, presses)
    assert recall._running is not None
    assert await recall._running is True
    assert [k for scope, k in work.results.batch.state if scope == RECALLED_SCOPE] == [
        str(presses[0])
    ]
    work._spool.close()


async def test_an_agent_reads_it_when_it_starts(tmp_path: Path) -> None:
    settings = agent_for(tmp_path, 1)  # no broker there: that has nothing to do with it
    rows = [row for number in range(3) for row in rows_of(number)]
    await write_history(settings.history.path, rows)
    async with running(settings) as ran:
        earlier = ran.agent._pipeline.recall.earlier
        await until(lambda: len(earlier) == 3, "the shots of the history")
        registry = ran.agent._metrics.registry
        labels = {"press": "p1", "source": "history"}
        await until(
            lambda: registry.get_sample_value("pur_recalled_shots_total", labels) == 3, "the count"
        )
    spool = Spool(settings.spool.path)
    (note,) = spool.state(RECALLED_SCOPE).values()
    assert (note["shots_count"], note["molds_count"]) == (3, 1)
    kept = list(spool.state(EARLIER_SCOPE).values())
    assert len(kept) == 3
    assert all(row["records"] and row["measured"]["meas_T_core_max_C"] > 100.0 for row in kept)
    spool.close()


async def test_an_agent_that_is_stopped_breaks_it_off(tmp_path: Path) -> None:
    settings = agent_for(tmp_path, 1)
    await write_history(settings.history.path, rows_of(0))
    async with running(settings) as ran:
        recall = ran.agent._pipeline.recall
        await until(lambda: recall._running is not None, "the reading begins")
    spool = Spool(settings.spool.path)
    assert spool.state(RECALLED_SCOPE) == {}, "the next life reads it"
    spool.close()
