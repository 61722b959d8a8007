"""Every history keeps and answers the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.parquet import export
from edge_agent.history.read import HistoryReader, RowFilter, open_reader
from edge_agent.ports import HistoryRow, HistoryStore, RowKind, Stored
from edge_agent.shots.shot_key import shot_key
from tests.support.timescale import TimescaleServer, new_database

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
EVER = NOW - timedelta(days=1)


@pytest.fixture(scope="module")
def server() -> Iterator[TimescaleServer]:
    with TimescaleServer() as server:
        yield server


@dataclass
class Opened:
    """A store, and a reader of the same history."""

    store: HistoryStore
    reader: HistoryReader

    async def put(self, *rows: tuple[RowKind, dict[str, Any]]) -> Any:
        stored = [
            Stored(number, NOW, HistoryRow(kind, json.dumps(columns)))
            for number, (kind, columns) in enumerate(rows, start=1)
        ]
        return await self.store.deliver(stored)


STORES = [
    "sqlite",
    pytest.param("timescale", marks=[pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]),
    pytest.param("postgres", marks=[pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]),
]


@pytest.fixture(params=STORES)
async def history(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    settings = HistorySettings(path=tmp_path / "history.db")
    if request.param != "sqlite":
        url = request.getfixturevalue("server").url
        settings = HistorySettings(url=await new_database(url, plain=request.param == "postgres"))
    store = open_store(settings)
    if request.param == "sqlite":
        reader = open_reader(settings)
    else:
        await store.deliver([])  # connects, and makes the tables
        reader = open_reader(settings)
    yield Opened(store, reader)
    await reader.close()
    await store.close()


def frame(seq: int | None, ts: str = "2026-05-04T08:00:00Z", **sensors: float) -> Any:
    sensors = sensors or {"T_core_C": 40.0}
    key = {"site": "s", "press": "p", "device_id": "d", "ts": ts, "seq": seq}
    more = {"metrics": {"valve": 1.5}, "status": {"mode": "auto"}, "simulated": True}
    return ("telemetry", {**key, "shot_id": "a", "mold_id": "M", "sensors": sensors, **more})


KEY, OTHER = "0" * 20, "1" * 20


def shot(**columns: Any) -> Any:
    key = {"site": "s", "press": "p", "shot_id": "a", "mold_id": "M", "T_core_max_C": 101.5}
    return ("shot", {**key, "shot_key": KEY, "poured_at": "2026-05-04T08:00:00Z", **columns})


def prediction(revision: int, basis: str, **columns: Any) -> Any:
    key = {"site": "s", "press": "p", "shot_id": "a", "shot_key": KEY, "mold_id": "M"}
    said = {"basis": basis, "revision": revision, "t_demold_min_s": 100.0 * revision}
    return ("prediction", {**key, **said, "document": {"v": 1}, **columns})


async def test_a_row_is_there_once_and_whole(history: Opened) -> None:
    for _ in range(3):
        receipt = await history.put(frame(1), frame(2), frame(1), shot(simulated=False))
        assert receipt.accepted == [1, 2, 3, 4]
    found = await history.reader.shot("a")
    assert [row["seq"] for row in found["telemetry"]] == [1, 2]
    first = found["telemetry"][0]
    assert first["ts"] == "2026-05-04T08:00:00Z"
    assert first["sensors"] == {"T_core_C": 40.0}
    assert (first["status"], first["simulated"]) == ({"mode": "auto"}, True)
    (row,) = found["shot"]
    assert (row["T_core_max_C"], row["recipe"], row["simulated"]) == (101.5, None, False)


async def test_poison_is_refused_alone(history: Opened) -> None:
    receipt = await history.put(frame(1), frame(None), frame(2), frame(3))
    assert receipt.accepted == [1, 3, 4]
    assert list(receipt.rejected) == [2]
    assert "seq" in receipt.rejected[2]
    assert len((await history.reader.shot("a"))["telemetry"]) == 3


async def test_a_shot_is_completed_not_reopened(history: Opened) -> None:
    ended = shot(outcome="demolded", frames_count=7)
    await history.put(shot(), ended, shot())
    await history.put(shot())
    (row,) = (await history.reader.shot("a"))["shot"]
    assert (row["outcome"], row["frames_count"]) == ("demolded", 7)


async def test_shots_come_with_their_latest_prediction(history: Opened) -> None:
    await history.put(prediction(1, "poured"), prediction(2, "final"))
    later = shot(shot_id="b", shot_key=OTHER, poured_at="2026-05-04T09:00:00Z", mold_id="N")
    await history.put(shot(), later)
    shots = await history.reader.shots(None, EVER, 10)
    assert [(row["shot_id"], row["t_demold_min_s"]) for row in shots] == [("b", None), ("a", 200.0)]
    assert [row["shot_id"] for row in await history.reader.shots("M", EVER, 10)] == ["a"]
    assert await history.reader.shots(None, NOW + timedelta(hours=2), 10) == []


async def test_a_shot_id_that_comes_again_is_another_shot(history: Opened) -> None:
    again = {"shot_key": OTHER, "poured_at": "2026-05-04T09:00:00Z"}
    await history.put(shot(), prediction(1, "poured"), prediction(2, "final"))
    await history.put(shot(**again), prediction(1, "poured", **again, t_demold_min_s=50.0))
    await history.put(shot(outcome="demolded"), shot(**again, outcome="aborted"))
    found = await history.reader.shot("a")
    assert [(r["shot_key"], r["outcome"]) for r in found["shot"]] == [
        (KEY, "demolded"),
        (OTHER, "aborted"),
    ]
    rows = await history.reader.shots(None, EVER, 10)
    assert [(r["shot_key"], r["t_demold_min_s"]) for r in rows] == [(OTHER, 50.0), (KEY, 200.0)]


async def test_the_first_content_of_a_revision_stays(history: Opened) -> None:
    await history.put(prediction(1, "poured"), prediction(1, "poured"), prediction(1, "live"))
    await history.put(prediction(1, "final"))
    assert [r["basis"] for r in (await history.reader.shot("a"))["prediction"]] == ["poured"]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("order", [(5, 9), (9, 5)])
async def test_of_two_agents_of_a_group_the_last_word_counts(
    history: Opened, order: tuple[int, int], at_once: bool
) -> None:
    """One was killed before it told the other that it had answered; its rows may come later."""
    rows = [
        (
            prediction(revision - 1, "poured"),
            prediction(revision, "final"),
            shot(outcome="demolded", revision=revision, T_core_max_C=float(revision)),
        )
        for revision in order
    ]
    for part in [[row for agent in rows for row in agent]] if at_once else rows:
        await history.put(prediction(1, "live"), *part)
    found = await history.reader.shot("a")
    words = sorted((r["revision"], r["basis"]) for r in found["prediction"])
    assert words == [(1, "live"), (8, "poured"), (9, "final")]
    assert [(r["revision"], r["T_core_max_C"]) for r in found["shot"]] == [(9, 9.0)]


async def test_rows_that_an_older_program_left_in_the_spool_get_a_key(history: Opened) -> None:
    """The one that says that the shot was poured, and the one that ends it, which knows more."""
    older = {"shot_key", "T_core_max_C"}
    rows = [
        (kind, {name: value for name, value in columns.items() if name not in older})
        for kind, columns in (
            shot(),
            prediction(1, "poured", poured_at="2026-05-04T08:00:00Z"),
            shot(started_at="2026-05-04T07:59:00Z", closed_at=None, outcome="demolded"),
        )
    ]
    receipt = await history.put(*rows)
    assert receipt.rejected == {}
    key = shot_key(PressAddress("s", "p"), "M", "a", "poured", NOW)
    found = await history.reader.shot("a")
    assert [(r["shot_key"], r["outcome"]) for r in found["shot"]] == [(key, "demolded")]
    assert [r["shot_key"] for r in found["prediction"]] == [key]


async def test_old_raw_telemetry_goes_and_results_stay(history: Opened) -> None:
    history.store._raw_days = 2  # type: ignore[attr-defined]
    await history.put(frame(1, "2026-05-01T08:00:00Z"), frame(2), shot())
    while await history.store.upkeep(NOW + timedelta(minutes=5)):
        pass
    found = await history.reader.shot("a")
    assert [row["seq"] for row in found["telemetry"]] == [2]
    assert len(found["shot"]) == 1


async def test_parquet_has_a_column_for_each_sensor(history: Opened, tmp_path: Path) -> None:
    await history.put(frame(1, T_core_C=40.0), frame(2, p_cavity_bar=1.5), shot())
    counts = await export(history.reader, RowFilter(since=EVER), tmp_path / "out", lambda *_: None)
    assert counts["telemetry"] == 2
    table = pq.read_table(tmp_path / "out" / "telemetry.parquet")
    assert table["T_core_C"].to_pylist() == [40.0, None]
    assert table["p_cavity_bar"].to_pylist() == [None, 1.5]
    assert table["metric_valve"].to_pylist() == [1.5, 1.5]
    assert table["ts"].to_pylist() == [NOW, NOW]
    assert pq.read_table(tmp_path / "out" / "shot.parquet")["T_core_max_C"].to_pylist() == [101.5]
    none = await export(history.reader, RowFilter(shot_id="x"), tmp_path / "no", lambda *_: None)
    assert set(none.values()) == {0}
