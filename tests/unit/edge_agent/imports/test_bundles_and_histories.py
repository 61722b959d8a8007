"""Sources that follow the contract already: what was imported comes out as it went in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.rows import quality_row
from edge_agent.imports.open_source import Found
from edge_agent.ports import Stored
from edge_agent.shots.shot_query import ShotQuery
from tests.support.cases import CASES
from tests.support.file_commands import run
from tests.support.foreign_logs import Logs, readings, shot, sqlite_source
from tests.support.sources import fetch, fetched, ids

READ = {"20": 37, "22": 37, "25": 35, "39": 37}
"""Bundles that are read, and how many readings they have."""
REFUSED = {
    "28": "T_core_C stands 2 times",
    "31": "line 39",
    "33": "milliseconds?",
    "40": "62,1",
} | {"71": "mould_id"}


def by_id(found: list[Found]) -> dict[str, Found]:
    """What was found, by the id of its shot."""
    return {one.bundle.meta.shot_id: one for one in found if one.bundle is not None}


def test_through_bundles_and_a_history_shots_stay_the_same(tmp_path: Path) -> None:
    shots = [shot(n, Haerte=50.0 + n) for n in range(8)]
    logs = Logs(shots, [row for n in range(8) for row in readings(n)])
    mapping = sqlite_source(logs, tmp_path)
    assert run("import-logs", "-s", mapping, "-o", tmp_path / "out").exit_code == 0
    assert run("import-logs", "-s", mapping, "--history", tmp_path / "h.db").exit_code == 0
    bundles, history = tmp_path / "bundles.yaml", tmp_path / "history.yaml"
    bundles.write_text(f"kind: bundles\npath: {tmp_path / 'out'}\n")
    history.write_text(f"kind: history\npath: {tmp_path / 'h.db'}\n")
    original = by_id(fetched(mapping))
    for path in (bundles, history):
        again = by_id(fetched(path))
        assert again.keys() == original.keys()
        for name, one in again.items():
            bundle, first = one.bundle, original[name].bundle
            assert bundle is not None
            assert first is not None
            assert bundle.meta == first.meta
            assert bundle.recipe == first.recipe
            assert bundle.series == first.series
            assert bundle.t_demold_actual_s == first.t_demold_actual_s
            quality = {**(bundle.quality or {})}
            assert quality["H_24h_shore"] == (first.quality or {})["H_24h_shore"]
            assert one.problems == []
        assert ids(fetched(path, ShotQuery(lot="L0", mold_id="PANEL_A", limit=2))) == [
            "0000",
            "0002",
        ]


def test_a_history_into_bundles(tmp_path: Path) -> None:
    mapping = sqlite_source(Logs([shot(n) for n in range(4)]), tmp_path)
    run("import-logs", "-s", mapping, "--history", tmp_path / "h.db")
    history = tmp_path / "history.yaml"
    history.write_text(f"kind: history\npath: {tmp_path / 'h.db'}\n")
    done = run("import-logs", "-s", history, "-o", tmp_path / "out", "--order", "A-0")
    assert done.exit_code == 0, done.output
    assert "4 imported" in done.stdout


async def test_12_two_results_of_one_time_come_out_of_a_history(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    mapping = sqlite_source(Logs([shot(1, Dichte=None, Status=None)]), tmp_path)
    await asyncio.to_thread(run, "import-logs", "-s", mapping, "--history", path)
    store = open_store(HistorySettings(path=path))
    for value in ({"H_demold_shore": 41.0}, {"rho_moulded_kg_per_m3": 61.0}):
        record = QualityRecord.model_validate(
            {"ts": "2026-05-01T10:00:00Z", "shot_id": "0001", "mold_id": "PANEL_B", **value}
        )
        row = quality_row(PressAddress("plant1", "p2"), record)
        await store.deliver([Stored(0, record.ts, row)])
    await store.close()
    history = tmp_path / "history.yaml"
    history.write_text(f"kind: history\npath: {path}\n")
    (found,) = await fetch(history)
    assert found.bundle is not None
    assert found.bundle.quality is not None
    assert found.bundle.quality["H_demold_shore"] == 41.0
    assert found.bundle.quality["rho_moulded_kg_per_m3"] == 61.0


@pytest.mark.parametrize("case", [*READ, *REFUSED])
def test_cases_of_log_bundles(case: str, tmp_path: Path) -> None:
    (folder,) = CASES.glob(f"{case}-*")
    path = tmp_path / "bundles.yaml"
    path.write_text(f"kind: bundles\npath: {folder}\n")
    (found,) = fetched(path)
    if case in REFUSED:
        assert found.bundle is None
        assert REFUSED[case] in found.problems[0].words
    else:
        assert found.bundle is not None
        assert len(found.bundle.series) == READ[case]
        assert bool(found.problems) == (case == "25")


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "history.yaml"
    path.write_text(f"kind: history\npath: {tmp_path / 'h.db'}\n")
    done = run("import-logs", "-s", path, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "no such history file" in done.output
