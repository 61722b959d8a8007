"""An import that is taken back out of TimescaleDB, with its minutes in the roll-up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from broker.messages import Recipe
from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.brought_by_device import take_back
from edge_agent.imports.into_history import IntoHistory
from edge_agent.logged_shots.bundle import Bundle, Meta
from tests.support.timescale import TimescaleServer, migrated_database

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("postgres"),
    pytest.mark.xdist_group("db"),
]
FIRST = datetime(2025, 3, 1, tzinfo=UTC)
COUNT = 450
"""More than are taken back at once."""
STEP = timedelta(seconds=150)
"""A minute has readings of two shots."""


def imported(number: int) -> Bundle:
    """A shot with readings of two minutes."""
    poured_at = FIRST + number * STEP
    return Bundle(
        path=Path("table shots"),
        meta=Meta(
            shot_id=f"{number:04d}",
            system_id="R1",
            mold_id="M",
            site="s",
            line_id="p",
            timestamp_start=poured_at,
        ),
        recipe=Recipe(m_polyol_kg=1.0, m_iso_kg=1.1),
        t_demold_actual_s=120.0,
        series={10.0 * t: {"T_core_C": 30.0 + t} for t in range(12)},
    )


async def test_minutes_of_the_roll_up_go_and_those_of_others_stay(server: TimescaleServer) -> None:
    url = await migrated_database(server.url)
    settings = HistorySettings(url=url)
    for source, parity in (("mes", 0), ("other", 1)):
        target = IntoHistory(settings, source, "the history")
        shots = [imported(n) for n in range(2 * COUNT) if n % 2 == parity]
        await target.put([(bundle, False) for bundle in shots])
        await target.close()
    store = open_store(settings)
    db = await asyncpg.connect(url)
    while await store.upkeep(datetime.now(UTC)):
        pass
    minutes = "SELECT * FROM telemetry_1m WHERE device_id = $1 ORDER BY sensor, bucket"
    kept = [await db.fetch(minutes, "import-other")]
    kept.append(await db.fetch("SELECT * FROM telemetry WHERE device_id = 'import-other'"))
    assert len(await db.fetch(minutes, "import-mes")) >= 2 * COUNT
    taken = await take_back(settings, "import-mes", lambda done: None)
    assert taken.rows == {"telemetry": 12 * COUNT, "quality": 0, "event": 2 * COUNT, "shot": COUNT}
    assert await db.fetch(minutes, "import-mes") == []
    while await store.upkeep(datetime.now(UTC)):
        pass
    assert await db.fetch(minutes, "import-mes") == []
    assert await db.fetch(minutes, "import-other") == kept[0]
    left = await db.fetch("SELECT * FROM telemetry")
    assert sorted(map(tuple, left), key=str) == sorted(map(tuple, kept[1]), key=str)
    await db.close()
    await store.close()


async def test_readings_are_sent_where_there_are_none_and_never_twice(
    server: TimescaleServer,
) -> None:
    url = await migrated_database(server.url)
    target = IntoHistory(HistorySettings(url=url), "mes", "the history")
    shots = [imported(n) for n in range(3)]
    await target.put([(replace(bundle, series={}), False) for bundle in shots])
    db = await asyncpg.connect(url)
    for word in ("readings sent that the history did not have", "events and readings not sent"):
        taken = await target.put([(bundle, True) for bundle in shots])
        assert [(words.startswith(word), n) for words, n in taken.counts.items()] == [(True, 3)]
        assert await db.fetchval("SELECT count(*) FROM telemetry") == 3 * 12
    others = [replace(bundle, series={1.0: {"T_core_C": 9.0}}) for bundle in shots]
    taken = await target.put([(bundle, True) for bundle in others])
    assert len(taken.other_readings) == 3
    assert await db.fetchval("SELECT count(*) FROM telemetry") == 3 * 12
    await db.close()
    await target.close()
