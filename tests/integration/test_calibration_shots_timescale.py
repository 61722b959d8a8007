"""Shots for a calibration from a TimescaleDB are those from a file."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge_agent.calibration import shots_from_history
from edge_agent.calibration.calibration_shot import ShotsFound
from edge_agent.calibration.shot_choice import in_turn
from edge_agent.calibration.shots_from_history import shots_of_history
from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.settings import CatalogueSettings, HistorySettings
from edge_agent.history import open_store
from edge_agent.history.read import open_reader
from edge_agent.shots.shot_query import ShotQuery
from tests.support.shots import rows_of, stored
from tests.support.timescale import TimescaleServer, migrated_database

pytestmark = [pytest.mark.peers, pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]


async def found_in(settings: HistorySettings) -> ShotsFound:
    rows = [
        row for number in range(8)
        for row in rows_of(number, mold="PANEL_A" if number < 6 else "PANEL_B")
    ]  # fmt: skip
    store = open_store(settings)
    await store.deliver(stored(rows))
    reader = open_reader(settings)
    catalogue = read_catalogue(CatalogueSettings())
    query = ShotQuery(system_id="SYSTEM_R1")
    found = await shots_of_history(reader, query, lambda c: islice(in_turn(c), 5), catalogue)
    await reader.close()
    await store.close()
    return found


async def test_both_histories_give_the_same_shots(
    server: TimescaleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shots_from_history, "PAGE", 3)
    there = await found_in(HistorySettings(url=await migrated_database(server.url)))
    here = await found_in(HistorySettings(path=tmp_path / "history.db"))
    assert [shot.name for shot in there.shots] == ["S3", "S4", "S5", "S6", "S7"]
    assert dict(there.left_out) == dict(here.left_out) == {"older": 3}
    for one, other in zip(there.shots, here.shots, strict=True):
        assert (one.key, one.scenario, one.results) == (other.key, other.scenario, other.results)
        for sensor, rows in one.series.items():
            np.testing.assert_array_equal(rows, other.series[sensor])
