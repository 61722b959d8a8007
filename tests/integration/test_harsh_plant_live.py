"""Shots and events of a harsh plant through the pipeline: all arrive, with when they arrived."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge_agent.ports import HistoryRow
from edge_agent.virtual_plant import HARSH, PRESETS, VirtualPlant
from edge_agent.virtual_plant.harsh_sizes import HARSH_ASSUMED
from edge_agent.virtual_plant.rows import shot_rows, told_row
from tests.support.case_press import Arrival
from tests.support.pipelines import feed, pipeline_on
from tests.support.played import deliver, due_messages, settings_for
from twin_core import load_systems
from twin_core.shipped_files import configs_folder

SIZES = replace(
    HARSH, cleaning_days_min=0.05, cleaning_days_max=0.1, told_hours_max=1.0, outage_days=0.1
)


async def test_a_harsh_plant_played_is_one_written(tmp_path: Path) -> None:
    """Its rows are those of the command, arrival included, and the twin answers every shot."""
    systems = load_systems(configs_folder() / "systems")
    plant = VirtualPlant(
        5, [systems[name] for name in PRESETS["harsh"].systems], preset="harsh", presses=1,
        shots=4, site="s", assumed=replace(HARSH_ASSUMED, lab_share=1.0), sizes=SIZES,
    )  # fmt: skip
    shots, events = list(plant.shots()), plant.events()
    assert events
    assert any(shot.mistakes.out for shot in shots)
    settings, clock = settings_for(tmp_path, plant), Arrival()
    work = pipeline_on(settings, clock)
    for clock.time, message in due_messages(settings, shots, events):
        await feed(work, [message])
    await deliver(work, settings)
    work._spool.close()

    with closing(sqlite3.connect(settings.history.path)) as db:
        answers = db.execute(
            "SELECT DISTINCT shot_id, status, simulated FROM prediction"
        ).fetchall()
        quality = db.execute(
            "SELECT ts, received_at, rho_moulded_kg_per_m3 FROM quality"
        ).fetchall()
        told = db.execute(
            "SELECT kind, ts, received_at, content FROM event WHERE kind IN "
            "('maintenance', 'cleaning', 'lot_change', 'sensor_replaced')"
        ).fetchall()
    assert {(shot.shot_id, "predicted", 1) for shot in shots} <= set(answers)
    rows = [row for shot in shots for row in shot_rows(shot) if row.kind == "quality"]
    assert sorted(quality) == columns_of(rows, "ts", "received_at", "rho_moulded_kg_per_m3")
    rows = [told_row(*event) for event in events]
    assert sorted(told) == columns_of(rows, "kind", "ts", "received_at", "content")
    assert any(ts != received_at for _, ts, received_at, _ in told)


def columns_of(rows: list[HistoryRow], *names: str) -> list[tuple[object, ...]]:
    """Columns of rows that the plant writes, sorted."""
    documents = [json.loads(row.document) for row in rows]
    return sorted(tuple(document[name] for name in names) for document in documents)
