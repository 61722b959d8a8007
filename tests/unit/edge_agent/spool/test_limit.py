"""A spool that grows too large: raw telemetry is thinned, nothing else ever goes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.errors import StoreError
from edge_agent.ports import HistoryRow
from edge_agent.spool import spool as spool_module
from edge_agent.spool.changes import Changes
from edge_agent.spool.limit import FULL, ROOM, THINS, SpoolLimit
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
FRAMES = 2_000


@pytest.fixture
def thread(tmp_path: Path) -> Iterator[SpoolThread]:
    thread = SpoolThread(Spool(tmp_path / "spool.db"))
    yield thread
    thread.close()


def fill(spool: Spool, frames: int = FRAMES, shots: int = 20) -> None:
    rows = [HistoryRow("telemetry", json.dumps({"n": i, "pad": "x" * 500})) for i in range(frames)]
    rows += [HistoryRow("shot", json.dumps({"n": i, "pad": "x" * 500})) for i in range(shots)]
    spool.commit(Changes(forward=rows), NOW)


def kinds(spool: Spool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for stored in spool.to_forward(100_000):
        found.setdefault(stored.entry.kind, []).append(json.loads(stored.entry.document)["n"])
    return found


async def test_every_second_of_the_oldest_frames_goes(
    thread: SpoolThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "THIN_AT_ONCE", FRAMES // 2)
    fill(thread._spool)
    limit = SpoolLimit(thread, thread._spool.used_bytes() / 1e6 * 0.9)
    assert await limit.check(NOW) is THINS
    left = kinds(thread._spool)
    assert left["telemetry"] == [*range(0, FRAMES // 2, 2), *range(FRAMES // 2, FRAMES)]
    assert left["shot"] == list(range(20))
    assert thread._spool.state("spool")["thinned"]["count"] == FRAMES // 4
    assert await limit.check(NOW) is ROOM  # a quarter of the frames was enough
    assert await limit.check(NOW) is None


async def test_what_cannot_be_thinned_closes_the_door_until_there_is_room(
    thread: SpoolThread,
) -> None:
    spool = thread._spool
    fill(spool, frames=1, shots=500)
    limit = SpoolLimit(thread, spool.used_bytes() / 1e6 / 2)
    assert await limit.check(NOW) is FULL
    assert await limit.check(NOW) is None  # said once
    with pytest.raises(StoreError, match="the spool is full"):
        spool.commit(Changes(forward=[HistoryRow("telemetry", "{}")]), NOW)
    spool.commit(Changes(state={("revision", "s/p"): {"n": 1}}), NOW)  # it needs no room
    assert len(kinds(spool)["shot"]) == 500
    spool.commit(Changes(forwarded=[row.id for row in spool.to_forward(100_000)]), NOW)
    assert await limit.check(NOW) is ROOM
    spool.commit(Changes(forward=[HistoryRow("telemetry", "{}")]), NOW)


async def test_thinning_goes_on_and_is_counted(thread: SpoolThread) -> None:
    fill(thread._spool)
    limit = SpoolLimit(thread, 0.3)
    news = [await limit.check(NOW) for _ in range(40)]
    assert news[0] is THINS
    assert set(news[1:]) <= {None, ROOM, THINS, FULL}
    left = kinds(thread._spool)
    thinned = thread._spool.state("spool")["thinned"]
    assert len(left.get("telemetry", [])) + thinned["count"] == FRAMES
    assert len(left["shot"]) == 20
    path = thread._spool.path
    shown = CliRunner().invoke(main, ["spool", "status", str(path)]).stdout
    assert f"given up {thinned['count']:8} raw frames" in shown
    with closing(sqlite3.connect(path)) as db:
        (text,) = db.execute("SELECT value FROM state WHERE key = 'thinned'").fetchone()
    assert json.loads(text) == thinned
