"""Spool and SQLite history: transactions, uniqueness, what a second opening finds."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.errors import StoreError
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.ports import Envelope, HistoryRow, Outgoing, Stored
from edge_agent.spool import Changes, Depth, Spool

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def envelope(payload: bytes = b"x") -> Envelope:
    return Envelope(NOW, "pur/v1/s/p/shot", payload, "application/json")


def row(seq: int | None) -> HistoryRow:
    key = {"site": "s", "press": "p", "device_id": "d", "ts": "2026-05-04T08:00:00Z", "seq": seq}
    return HistoryRow("telemetry", str(seq), {**key, "sensors": {"T_C": 1.0}})


def test_inbox_survives_and_is_done_with_its_result(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([envelope(b"1"), envelope(b"2")])
    spool.close()
    spool = Spool(tmp_path / "spool.db")
    first, second = spool.inbox(0, 10)
    assert (first.envelope, second.envelope.payload) == (envelope(b"1"), b"2")
    message = Outgoing("s/p", "k", "t", b"out", retain=True)
    spool.commit(Changes([first.id], [message], [row(1)], {("shot", "a"): {"n": 1}}), NOW)
    assert spool.depth() == Depth(1, 1, 1)
    assert spool.state("shot") == {"a": {"n": 1}}
    assert spool.retained("s/p") == [("t", b"out")]
    assert [stored.entry for stored in spool.to_publish("s/p", 10)] == [message]
    assert spool.to_publish("s/other", 10) == []
    spool.settle_published([spool.to_publish("s/p", 1)[0].id])
    assert spool.retained("s/p") == [("t", b"out")]  # kept for the next session


def test_a_failed_commit_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([envelope()])
    (inbox_row,) = spool.inbox(0, 1)
    bad = HistoryRow("telemetry", "k", {"bad": object()})
    with pytest.raises(TypeError):
        spool.commit(Changes([inbox_row.id], [Outgoing("p", "k", "t", b"")], [bad]), NOW)
    assert spool.depth() == Depth(1, 0, 0)


def test_the_same_key_is_published_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    for _ in range(2):
        spool.commit(Changes(publish=[Outgoing("p", "k", "t", b"")]), NOW)
    assert spool.depth().publish_count == 1


def test_a_newer_spool_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    Spool(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="update the program"):
        Spool(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/spool\.db"):
        Spool(tmp_path / "file" / "spool.db")


def test_history_takes_a_row_once_and_rejects_alone(tmp_path: Path) -> None:
    store = SqliteHistory(tmp_path / "history.db")
    good, poison = row(1), row(None)
    for _ in range(2):
        receipt = store.deliver([Stored(1, NOW, good), Stored(2, NOW, poison)])
        assert receipt.accepted == [1]
        assert "NOT NULL" in receipt.rejected[2]
    with sqlite3.connect(tmp_path / "history.db") as db:
        assert db.execute("SELECT count(*) FROM telemetry").fetchone() == (1,)


def test_a_shot_row_is_completed_not_reopened(tmp_path: Path) -> None:
    store = SqliteHistory(tmp_path / "history.db")
    poured = {"site": "s", "press": "p", "shot_id": "a", "mold_id": "M", "frames_count": 0}
    poured["poured_at"] = "2026-05-04T08:00:00Z"
    ended = {**poured, "outcome": "demolded", "frames_count": 7}
    for columns in (poured, ended, poured):
        store.deliver([Stored(1, NOW, HistoryRow("shot", "a", columns))])
    (shot,) = store.shot("a")["shot"]
    assert (shot["outcome"], shot["frames_count"]) == ("demolded", 7)
    assert [s["shot_id"] for s in store.shots("M", NOW - timedelta(hours=1), 5)] == ["a"]
    assert store.shots("other", NOW - timedelta(hours=1), 5) == []


def test_reading_a_missing_history_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such history file"):
        SqliteHistory(tmp_path / "none.db", read_only=True)
