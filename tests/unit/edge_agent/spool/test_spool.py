"""Spool and SQLite history: transactions, uniqueness, what a second opening finds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.errors import StoreError
from edge_agent.ports import Envelope, HistoryRow, Outgoing
from edge_agent.spool.spool import Changes, Depth, Spool

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def envelope(payload: bytes = b"x") -> Envelope:
    return Envelope(NOW, "pur/v1/s/p/shot", payload, "application/json")


def row(seq: int | None) -> HistoryRow:
    key = {"site": "s", "press": "p", "device_id": "d", "ts": "2026-05-04T08:00:00Z", "seq": seq}
    return HistoryRow("telemetry", json.dumps({**key, "sensors": {"T_C": 1.0}}))


def test_inbox_survives_and_is_done_with_its_result(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([envelope(b"1"), envelope(b"2")])
    spool.close()
    spool = Spool(tmp_path / "spool.db")
    first, second = spool.inbox(0, 10)
    assert (first.envelope, second.envelope.payload) == (envelope(b"1"), b"2")
    message = Outgoing("s/p", "k", "t", b"out", retain=True)
    changes = Changes(done=[first.id], publish=[message], forward=[row(1)])
    changes.state["shot", "a"] = {"n": 1}
    spool.commit(changes, NOW)
    assert spool.depth() == Depth(1, 1, 1)
    assert spool.state("shot") == {"a": {"n": 1}}
    assert spool.retained("s/p") == [("t", b"out")]
    assert [stored.entry for stored in spool.to_publish("s/p", 10)] == [message]
    assert spool.to_publish("s/other", 10) == []
    spool.settle_published([spool.to_publish("s/p", 1)[0].id])
    assert spool.retained("s/p") == [("t", b"out")]  # kept for the next session


def test_what_is_said_of_a_press_is_exchanged_for_what_another_has_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    assert spool.newest() == 0
    spool.append([envelope(), envelope()])
    assert spool.newest() == 2
    said = [Outgoing(press, f"{press}-k", f"{press}-t", b"old", retain=True) for press in "pq"]
    spool.commit(Changes(done=[1, 2], publish=said), NOW)
    assert spool.newest() == 2  # done or not
    spool.exchange("p", {"other-t": b"new"})
    assert (spool.to_publish("p", 9), spool.retained("p")) == ([], [("other-t", b"new")])
    assert (len(spool.to_publish("q", 9)), spool.retained("q")) == (1, [("q-t", b"old")])


def test_a_failed_commit_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([envelope()])
    (inbox_row,) = spool.inbox(0, 1)
    bad = HistoryRow("telemetry", None)  # type: ignore[arg-type]
    changes = Changes(done=[inbox_row.id], publish=[Outgoing("p", "k", "t", b"")], forward=[bad])
    with pytest.raises(StoreError):
        spool.commit(changes, NOW)
    assert spool.depth() == Depth(1, 0, 0)
    spool.close()


def test_the_same_key_is_published_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    for _ in range(2):
        spool.commit(Changes(publish=[Outgoing("p", "k", "t", b"")]), NOW)
    assert spool.depth().publish_count == 1


def test_a_newer_spool_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    Spool(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="update the program"):
        Spool(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/spool\.db"):
        Spool(tmp_path / "file" / "spool.db")
