"""A feature set from a TimescaleDB is the one from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.settings import CatalogueSettings, HistorySettings
from edge_agent.history import open_store
from edge_agent.history.read import open_reader
from edge_agent.learning.feature_set import Builder, FeatureSet
from edge_agent.logged_shots.from_history import from_history
from tests.support.shots import rows_of, stored
from tests.support.timescale import TimescaleServer, migrated_database

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]


async def features(settings: HistorySettings) -> FeatureSet:
    rows = [row for number in range(3) for row in rows_of(number, named=number != 1)]
    store = open_store(settings)
    await store.deliver(stored(rows))
    reader = open_reader(settings)
    builder = Builder(read_catalogue(CatalogueSettings()))
    await from_history(reader, builder.take)
    await reader.close()
    await store.close()
    return builder.finish("test")


async def test_both_histories_give_the_same_rows(server: TimescaleServer, tmp_path: Path) -> None:
    url = await migrated_database(server.url)
    there = await features(HistorySettings(url=url))
    here = await features(HistorySettings(path=tmp_path / "history.db"))
    assert len(there) == 3
    for name, values in here.columns.items():
        same = np.array_equal(values, there.columns[name], equal_nan=values.dtype.kind == "f")
        assert same, name
