"""The history piece by piece: the same rows in the same order from every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store, pages
from edge_agent.history.read import RowFilter, open_reader
from tests.conformance.test_histories import STORES, Opened, frame
from tests.support.timescale import migrated_database

EVERYTHING = RowFilter()
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture(params=STORES)
async def history(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    settings = HistorySettings(path=tmp_path / "history.db")
    if request.param != "sqlite":
        url = request.getfixturevalue("server").url
        plain = request.param == "postgres"
        settings = HistorySettings(url=await migrated_database(url, plain=plain))
    store = open_store(settings)
    await store.deliver([])
    reader = open_reader(settings)
    yield Opened(store, reader, settings)
    await reader.close()
    await store.close()


async def seqs(history: Opened, which: RowFilter = EVERYTHING, **more: Any) -> list[int]:
    found = []
    async for rows in pages.telemetry(history.reader, which, **more):
        found += [row["seq"] for row in rows]
    return found


TIMES = ["00", "00.250000", "00.500000", "01", "01.000001", "02.900000", "03", "03"]
"""Seconds of frames 0 to 7: as texts whole seconds would come behind their fractions."""


async def put_frames(history: Opened) -> None:
    frames = [frame(n, f"2026-05-04T08:00:{time}Z") for n, time in enumerate(TIMES)]
    await history.put(*reversed(frames))


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
async def test_telemetry_comes_in_order_of_time_whatever_the_pieces(
    history: Opened, chunk: int
) -> None:
    await put_frames(history)
    assert await seqs(history, chunk=chunk) == list(range(8))
    since = RowFilter(since=START + timedelta(seconds=0.25), until=START + timedelta(seconds=3))
    assert await seqs(history, since, chunk=chunk) == [1, 2, 3, 4, 5]
    assert await seqs(history, RowFilter(device_id="x"), chunk=chunk) == []
    assert await seqs(history, RowFilter(device_id="d", press="p", mold_id="M")) == list(range(8))


async def test_telemetry_goes_on_behind_any_row_and_new_rows_shift_nothing(history: Opened) -> None:
    await put_frames(history)
    rows = [row async for piece in pages.telemetry(history.reader, RowFilter()) for row in piece]
    assert rows[0]["ts"] == "2026-05-04T08:00:00Z"
    assert '"T_core_C"' in rows[0]["sensors"]
    for number, row in enumerate(rows):
        after = pages.position_of(row)
        assert await seqs(history, after=after, chunk=2) == list(range(number + 1, 8))
    await history.put(frame(100, "2026-05-04T07:00:00Z"), frame(101, "2026-05-04T08:00:02.950000Z"))
    assert await seqs(history, after=pages.position_of(rows[4])) == [5, 101, 6, 7]


def shot(number: int, ts: str | None, mold: str = "M") -> Any:
    key = {"site": "s", "press": "p", "shot_key": f"{number:020x}", "shot_id": f"S{number}"}
    return ("shot", {**key, "mold_id": mold, "revision": 1, "poured_at": ts, "simulated": False})


async def test_shots_come_newest_first_page_by_page(history: Opened) -> None:
    times = [f"2026-05-04T08:00:{second}Z" for second in TIMES]
    await history.put(*(shot(n, ts) for n, ts in enumerate(times)), shot(8, None))
    prediction = {
        **{"site": "s", "press": "p", "shot_key": f"{3:020x}", "revision": 2, "basis": "final"},
        **{"t_demold_min_s": 90.0, "document": {}, "shot_id": "S3", "mold_id": "M"},
    }
    await history.put(("prediction", prediction), ("prediction", {**prediction, "revision": 1}))
    given, after, asked = [], None, 0
    while True:
        rows, after = await pages.newest(history.reader, "shot", RowFilter(), after, 3)
        given += rows
        asked += 1
        if after is None:
            break
        await history.put(shot(50 + asked, "2026-05-04T09:00:00Z"))
    assert [row["shot_id"] for row in given] == [f"S{n}" for n in reversed(range(8))]
    assert asked == 3
    assert [row["t_demold_min_s"] for row in given if row["shot_id"] == "S3"] == [90.0]
    of_mold, _ = await pages.newest(history.reader, "shot", RowFilter(mold_id="N"), None, 3)
    assert of_mold == []


async def test_results_come_newest_first_and_all_of_a_shot_by_its_key(history: Opened) -> None:
    key = {"site": "s", "press": "p", "shot_id": "S1", "shot_key": f"{1:020x}", "mold_id": "M"}
    records = [
        ("quality", {**key, "ts": f"2026-05-04T{hour:02}:00:00Z", "content": "c", "document": {}})
        for hour in range(9, 14)
    ]
    await history.put(shot(1, "2026-05-04T08:00:00Z"), *records)  # type: ignore[arg-type]
    rows, after = await pages.newest(history.reader, "quality", RowFilter(), None, 2)
    more, end = await pages.newest(history.reader, "quality", RowFilter(), after, 3)
    assert [row["ts"][11:13] for row in rows + more] == ["13", "12", "11", "10", "09"]
    assert end is None
    found = await pages.of_shot(history.reader, f"{1:020x}")
    assert {name: len(rows) for name, rows in found.items()} == {
        "shot": 1, "prediction": 0, "quality": 5, "event": 0,
    }  # fmt: skip
    assert await pages.of_shot(history.reader, "0" * 20) == {name: [] for name in found}
