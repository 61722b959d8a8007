"""One plant through every kind of source: the same shots by the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.shots.shot_query import ShotQuery
from tests.support.foreign_logs import KINDS, Logs, readings, shot, source
from tests.support.sources import fetched, ids


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_units_become_those_of_the_contract(kind: str, tmp_path: Path) -> None:
    logs = Logs([shot(n) for n in range(8)], [r for n in range(8) for r in readings(n)])
    with source(kind, logs, tmp_path) as path:
        found = fetched(path)
    assert ids(found) == [f"{n:04d}" for n in range(8)]
    assert [one.problems for one in found] == [[]] * 8
    bundle = found[1].bundle
    assert bundle is not None
    meta, recipe = bundle.meta, bundle.recipe
    assert (meta.mold_id, meta.line_id, meta.system_id) == ("PANEL_B", "p2", "SYSTEM_R1")
    assert meta.timestamp_start == datetime(2026, 5, 1, 0, 1, tzinfo=UTC)
    assert (meta.order_id, meta.lot_polyol) == ("A-0", "L0")
    assert (recipe.m_polyol_kg, recipe.m_iso_kg) == (1.001, 1.2)
    assert recipe.T_mold_C == pytest.approx(45.0)
    assert bundle.t_demold_actual_s == 300.0
    assert bundle.quality == {"rho_moulded_kg_per_m3": 61.0, "quality_status": "OK"}
    assert bundle.readings("T_core_C")[1] == (1.0, pytest.approx(37.85))
    assert bundle.readings("p_cavity_bar")[2] == (2.0, pytest.approx(1.113))


QUERIES = [
    (ShotQuery(since=datetime(2026, 5, 1, 0, 6, tzinfo=UTC)), {6, 7, 8, 9, 10, 11}),
    (ShotQuery(until=datetime(2026, 5, 1, 0, 2, tzinfo=UTC)), {0, 1}),
    (ShotQuery(mold_id="PANEL_B"), {1, 3, 5, 7, 9, 11}),
    (ShotQuery(press="p3", system_id="SYSTEM_R1"), {2, 5, 8, 11}),
    (ShotQuery(system_id="SYSTEM_M1"), set()),
    (ShotQuery(lot="L0", order_id="A-1"), {10, 11}),
    (ShotQuery(quality_status="FAIL"), {9}),
    (ShotQuery(mold_id="PANEL_A", offset=1, limit=2), {2, 4}),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_filter_in_every_source(kind: str, tmp_path: Path) -> None:
    with source(kind, Logs([shot(n) for n in range(12)]), tmp_path) as path:
        for query, expected in QUERIES:
            assert {int(one) for one in ids(fetched(path, query))} == expected, query.words
