"""Telemetry of an older SQLite file moves beside the work; every row stays, whatever is killed."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.messages import TelemetryFrame
from broker.topics import PressAddress
from edge_agent.clock import SystemClock
from edge_agent.config.settings import Settings
from edge_agent.history.older_telemetry import OLDER
from edge_agent.history.read import RowFilter, open_sqlite
from edge_agent.history.rows import telemetry_row
from edge_agent.history.sqlite import SqliteHistory, upgrade
from edge_agent.pipeline import forward
from edge_agent.pipeline.forward import Forwarder
from edge_agent.ports import HistoryRow, Stored
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.support.older_histories import START, make_sqlite
from tests.support.pipelines import pipeline_on, spool_of
from tests.support.waiting import until, wait_for

ROOT = Path(__file__).parents[4]
FRAMES = 8_000
PRESS = PressAddress("s", "p")
MIGRATING = """
import sys
from pathlib import Path
from edge_agent.history import older_telemetry, sqlite
older_telemetry.ROWS_AT_ONCE = 50
sqlite.upgrade(Path(sys.argv[1]))
"""


def rows_in(path: Path, table: str) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return 0
    return int(count)


def sent(number: int, T_core_C: float, named: str | None = None) -> HistoryRow:
    """A frame of the older history, as it is sent again: with its readings or with others."""
    frame = TelemetryFrame(
        ts=START + timedelta(seconds=number // 4),
        device_id=f"d{number % 4}",
        seq=0,
        mold_id="M",
        shot_id=named,
        sensors={"p_cavity_bar": 1.2034, "T_core_C": T_core_C, "T_mold_C": 45.2}
        | {"T_ambient_C": 23.1},
    )
    return telemetry_row(PRESS, frame, "shot-0", None, datetime.now(UTC))


@contextmanager
def migrating(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that brings the file up to date, killed at the end."""
    process = subprocess.Popen([sys.executable, "-c", MIGRATING, path], cwd=ROOT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def test_killed_again_and_again_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    make_sqlite(path, FRAMES)
    left = FRAMES
    last = FRAMES - 1
    T_last_C = round(25.0 + last % 900 * 0.1, 1)
    repeats = [sent(0, 25.0), sent(0, 25.0, "shot-0"), sent(last, T_last_C)]
    others = [sent(0, 99.0), sent(last, 99.0)]
    for _ in range(3):
        with migrating(path) as process:

            def moved(before: int = left) -> bool:
                return 0 < rows_in(path, OLDER) < before

            wait_for(moved, "rows to move")
            assert process.poll() is None
        left = rows_in(path, OLDER)
        assert left + rows_in(path, "telemetry") >= FRAMES
        assert rows_in(path, "telemetry_all") in (FRAMES, FRAMES + 2)
        history = SqliteHistory(path)  # an agent goes on, and everything is sent again
        rows = [Stored(i, START, row) for i, row in enumerate([*repeats, *others])]
        assert (await history.deliver(rows)).rejected == {}
        assert rows_in(path, "telemetry_all") == FRAMES + 2
        await history.close()
    assert 0 < left < FRAMES
    history = SqliteHistory(path)
    while await history.upkeep(START):
        pass
    await history.close()
    assert rows_in(path, OLDER) == 0
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        assert OLDER not in names
        count = "SELECT count(*), count(DISTINCT ts || device_id), min(length(content)) FROM"
        assert db.execute(f"{count} telemetry").fetchone() == (FRAMES + 2, FRAMES, 16)
        assert db.execute("SELECT count(*), min(length(content)) FROM quality").fetchone() == (
            1,
            16,
        )
    reader = open_sqlite(path)
    seen: list[tuple[str, str]] = []

    def take(rows: list[dict[str, object]]) -> None:
        seen.extend((str(row["ts"]), str(row["device_id"])) for row in rows)

    await reader.each("telemetry", RowFilter(), take)
    await reader.close()
    assert (len(seen), seen == sorted(seen)) == (FRAMES + 2, True)


async def test_readers_see_both_tables_in_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    make_sqlite(path, 9_000)
    history = SqliteHistory(path)
    assert history.move_some() > 0
    await history.deliver([Stored(0, START, sent(5_000, 99.0))])
    assert 0 < rows_in(path, OLDER) < 9_000
    reader = open_sqlite(path)
    found = [row["ts"] for row in (await reader.shot("shot-0"))["telemetry"]]
    assert (len(found), found == sorted(found)) == (4_801, True)
    assert "T_core_C" in await reader.names_in("sensors", RowFilter(shot_id="shot-1"))
    await reader.close()
    await history.close()


async def test_telemetry_moves_while_frames_never_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch had rows, so upkeep never came."""
    path = tmp_path / "history.db"
    make_sqlite(path, 6_000)
    monkeypatch.setattr(forward, "UPKEEP_S", 0.0)
    settings = Settings(
        site="s",
        agent_id="a",
        presses=["p"],
        spool={"path": tmp_path / "spool.db"},
        history={"path": path, "gather_s": 0.1},
    )
    clock = SystemClock()
    work = pipeline_on(settings, clock, spool=Spool(settings.spool.path))
    history = SqliteHistory(path)
    forwarder = Forwarder(settings, work._spool, history, work, clock)
    deliver, counts = forwarder.batch, list[int]()

    async def always_some() -> int:
        now = datetime.now(UTC)
        frame = TelemetryFrame(ts=now, device_id="live", seq=len(counts), sensors={"T_core_C": 1.0})
        spool_of(work).commit(Changes(forward=[telemetry_row(PRESS, frame, None)]), now)
        counts.append(await deliver())
        return counts[-1]

    monkeypatch.setattr(forwarder, "batch", always_some)
    running = asyncio.create_task(forwarder.run())
    await until(lambda: rows_in(path, OLDER) == 0 and len(counts) > 2, "the older table to go")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert min(counts) > 0
    await history.close()
    work._spool.close()
    assert rows_in(path, "telemetry") >= 6_000 + len(counts) - 1


async def test_an_agent_that_ends_while_rows_move_does_not_crash(tmp_path: Path) -> None:
    """The file was closed under the thread that wrote: the process died of it."""
    path = tmp_path / "history.db"
    make_sqlite(path, 9_000)
    history = SqliteHistory(path)
    moving = asyncio.create_task(history.upkeep(START))
    await until(history._in_use.locked, "a thread to write")
    moving.cancel()
    await history.close()
    with pytest.raises(asyncio.CancelledError):
        await moving
    upgrade(path)
    assert rows_in(path, "telemetry") == 9_000


def test_rows_that_are_no_json_move_too(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    make_sqlite(path, 10)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE telemetry SET sensors = 'torn' WHERE device_id = 'd1'")
        db.execute("UPDATE telemetry SET metrics = NULL, sensors = NULL WHERE device_id = 'd2'")
        db.commit()
    upgrade(path)
    assert rows_in(path, "telemetry") == 10
