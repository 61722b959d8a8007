"""A SQLite history that an older program made goes on, every row in it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.topics import PressAddress
from edge_agent.errors import StoreError
from edge_agent.history.read import open_sqlite
from edge_agent.history.sqlite import SqliteHistory, upgrade
from edge_agent.pipeline.assemble import Shot
from edge_agent.ports import HistoryRow, RowKind, Stored
from edge_agent.shots.shot_key import shot_key

VERSION_2 = """
CREATE TABLE telemetry ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "device_id" TEXT NOT NULL,
    "ts" TEXT NOT NULL, "seq" INTEGER NOT NULL, "mold_id" TEXT, "shot_id" TEXT, "sensors" TEXT,
    "metrics" TEXT, "status" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("site", "press", "device_id", "ts", "seq"));
CREATE TABLE shot ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "shot_id" TEXT NOT NULL,
    "mold_id" TEXT, "system_id" TEXT, "outcome" TEXT, "started_at" TEXT, "poured_at" TEXT,
    "closed_at" TEXT, "t_demold_actual_s" REAL, "T_core_max_C" REAL, "p_cavity_max_bar" REAL,
    "frames_count" INTEGER, "recipe" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("site", "press", "shot_id"));
CREATE TABLE prediction ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "shot_id" TEXT NOT NULL,
    "basis" TEXT NOT NULL, "revision" INTEGER NOT NULL, "mold_id" TEXT, "system_id" TEXT,
    "issued_at" TEXT, "poured_at" TEXT, "status" TEXT, "t_demold_min_s" REAL,
    "t_demold_opt_s" REAL, "t_demold_max_s" REAL, "quality_status" TEXT, "pressure_status" TEXT,
    "defect_risk" REAL, "document" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("site", "press", "shot_id", "basis", "revision"));
CREATE TABLE quality ("site" TEXT NOT NULL, "press" TEXT NOT NULL, "shot_id" TEXT NOT NULL,
    "ts" TEXT NOT NULL, "mold_id" TEXT, "rho_moulded_kg_per_m3" REAL,
    "rho_free_rise_kg_per_m3" REAL, "H_demold_shore" REAL, "H_24h_shore" REAL, "defects" TEXT,
    "defect_risk_operator" REAL, "document" TEXT, "simulated" INTEGER,
    PRIMARY KEY ("site", "press", "shot_id", "ts"));
CREATE TABLE dead_letter ("id" TEXT NOT NULL PRIMARY KEY, "site" TEXT, "press" TEXT, "ts" TEXT,
    "topic" TEXT, "reason" TEXT, "detail" TEXT, "payload_base64" TEXT,
    "payload_bytes_count" INTEGER, "payload_sha256" TEXT);
CREATE INDEX telemetry_ts ON telemetry (ts);
CREATE INDEX telemetry_shot ON telemetry (shot_id, ts);
CREATE INDEX shot_mold ON shot (mold_id, poured_at);
PRAGMA user_version = 2;
"""
POURED = datetime(2026, 5, 4, 8, 0, 5, 250_000, tzinfo=UTC)
AT = "2026-05-04T08:00:05.250000Z"
PRESS = PressAddress("s", "p")
KEY = shot_key(PRESS, "M", "a", "poured", POURED)
LATER = "2026-05-05T08:00:00Z"
LATER_KEY = shot_key(
    PressAddress("s", "p"), "M", "a", "poured", datetime(2026, 5, 5, 8, tzinfo=UTC)
)
OF_SHOT = {"site": "s", "press": "p", "shot_id": "a", "mold_id": "M"}


def frame(seq: int, ts: str, **columns: Any) -> dict[str, Any]:
    key = {"site": "s", "press": "p", "device_id": "d", "ts": ts, "seq": seq, "shot_id": "a"}
    return key | {"sensors": json.dumps({"T_core_C": 40.0})} | columns


def old_file(path: Path, version: int = 2) -> Path:
    """One shot open, with an id that a second one had again after it."""
    said = [("poured", 1, AT), ("live", 2, AT), ("final", 2, AT), ("live", 3, LATER)]
    rows = [
        *(("telemetry", frame(seq, f"2026-05-04T08:00:1{seq}Z")) for seq in range(5)),
        ("shot", OF_SHOT | {"started_at": "2026-05-04T08:00:00Z", "poured_at": AT}),
        *(
            ("prediction", OF_SHOT | {"basis": b, "revision": r, "poured_at": at, "issued_at": at})
            for b, r, at in said
        ),
        ("quality", {"site": "s", "press": "p", "shot_id": "a", "ts": LATER, "document": "{}"}),
    ]
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_2)
        for table, columns in rows:
            marks = ", ".join("?" * len(columns))
            names = ", ".join(columns)
            db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(columns.values()))
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
    return path


async def put(history: SqliteHistory, *rows: tuple[RowKind, dict[str, Any]]) -> None:
    stored = [
        Stored(number, POURED, HistoryRow(kind, json.dumps(columns)))
        for number, (kind, columns) in enumerate(rows)
    ]
    receipt = await history.deliver(stored)
    assert receipt.rejected == {}


@pytest.mark.parametrize("version", [1, 2])
async def test_every_row_stays_and_has_its_key(tmp_path: Path, version: int) -> None:
    history = SqliteHistory(old_file(tmp_path / "history.db", version))
    reader = open_sqlite(tmp_path / "history.db")
    found = await reader.shot("a")
    assert [row["shot_key"] for row in found["shot"]] == [KEY]
    said = [(row["shot_key"], row["revision"], row["basis"]) for row in found["prediction"]]
    assert said == [
        (KEY, 1, "poured"),
        (KEY, 2, "live"),
        (KEY, 3, "final"),  # had the number of the one before it
        (LATER_KEY, 3, "live"),
    ]
    assert [row["seq"] for row in found["telemetry"]] == [0, 1, 2, 3, 4]
    assert len(found["quality"]) == 1
    await history.close()
    await reader.close()


async def test_a_shot_that_is_open_during_the_update_stays_one_row(tmp_path: Path) -> None:
    """Its state comes from the spool of the older program, without a key."""
    history = SqliteHistory(old_file(tmp_path / "history.db"))
    open_shot = Shot.model_validate(OF_SHOT | {"poured_at": AT, "started_at": AT})
    ended = OF_SHOT | {"shot_key": open_shot.shot_key, "poured_at": AT, "outcome": "demolded"}
    sent = {"sensors": {"T_core_C": 40.0}, "shot_key": open_shot.shot_key}
    again = frame(1, "2026-05-04T08:00:11Z", **sent)
    later = frame(9, "2026-05-04T08:00:19Z", sensors={}, shot_key=open_shot.shot_key)
    await put(history, ("shot", ended), ("telemetry", again), ("telemetry", later))
    with closing(sqlite3.connect(tmp_path / "history.db")) as db:
        assert db.execute("SELECT outcome FROM shot").fetchall() == [("demolded",)]
        assert db.execute("SELECT count(*) FROM telemetry_all").fetchone() == (6,)
    await history.close()


async def test_a_reader_names_the_way_out_of_an_older_file(tmp_path: Path) -> None:
    path = old_file(tmp_path / "history.db")
    reader = open_sqlite(path)
    with pytest.raises(StoreError, match=r"no such .*pur-mold-twin history upgrade"):
        await reader.shot("a")
    upgrade(path)
    assert len((await reader.shot("a"))["shot"]) == 1
    await reader.close()


async def test_old_raw_rows_go_from_older_tables_too(tmp_path: Path) -> None:
    history = SqliteHistory(old_file(tmp_path / "history.db"), raw_days=1)
    assert not await history.upkeep(POURED.replace(microsecond=0) + timedelta(days=1, seconds=8))
    with closing(sqlite3.connect(tmp_path / "history.db")) as db:
        assert db.execute("SELECT min(seq) FROM telemetry_all").fetchone() == (3,)
    await history.close()


async def test_an_update_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = old_file(tmp_path / "history.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE quality RENAME TO away")
        before = list(db.iterdump())
    with pytest.raises(StoreError, match=r"history\.db.*no such table: quality"):
        SqliteHistory(path)
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before
        assert db.execute("PRAGMA user_version").fetchone() == (2,)


async def test_version_4_gets_a_column_for_what_was_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = SqliteHistory(path)
    await put(before, ("telemetry", frame(1, "2026-05-04T08:00:00Z")))
    await before.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP VIEW telemetry_all")
        db.execute("ALTER TABLE telemetry DROP COLUMN left_out")
        db.execute("PRAGMA user_version = 4")
    left = {"T_core_C": {"reason": "impossible"}}
    new = frame(2, "2026-05-04T08:00:01Z", left_out=left)
    history = SqliteHistory(path)
    await put(history, ("telemetry", new))
    await history.close()
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT seq, left_out FROM telemetry_all ORDER BY seq").fetchall()
    assert [(seq, text and json.loads(text)) for seq, text in found] == [(1, None), (2, left)]
