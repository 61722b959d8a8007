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


def test_no_row_gets_an_id_that_another_one_had(tmp_path: Path) -> None:
    """A delivery that is under way still names the rows that are gone."""
    with closing(Spool(tmp_path / "spool.db")) as spool:
        spool.commit(Changes(forward=[row(1), row(2)]), NOW)
        given = [stored.id for stored in spool.to_forward(10)]
        spool.commit(Changes(forwarded=given, forward=[row(3)]), NOW)
        spool.commit(Changes(forward=[row(4)]), NOW)
        assert [stored.id for stored in spool.to_forward(10)] == [given[-1] + 1, given[-1] + 2]
    with closing(Spool(tmp_path / "spool.db")) as spool:
        spool.commit(Changes(forward=[row(5)]), NOW)
        assert [stored.id for stored in spool.to_forward(10)] == [3, 4, 5]


def test_a_long_state_is_stored_small_and_comes_back(tmp_path: Path) -> None:
    value = {"readings": [[1_795_874_356_129_990 + i, 25.0 + i] for i in range(200)]}
    with closing(Spool(tmp_path / "spool.db")) as spool:
        spool.commit(Changes(state={("shot", "a"): value, ("shot", "b"): {"n": 1}}), NOW)
        spool.commit(Changes(state={("shot", "a"): value | {"n": 2}}), NOW)
        assert spool.state("shot") == {"a": value | {"n": 2}, "b": {"n": 1}}
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
        (length,) = db.execute("SELECT length(value) FROM state WHERE key = 'a'").fetchone()
        assert length < 0.4 * len(json.dumps(value))
        db.execute("UPDATE state SET value = ? WHERE key = 'a'", (json.dumps(value),))
        db.execute("UPDATE state SET value = x'00' WHERE key = 'b'")
        db.commit()
    with closing(Spool(tmp_path / "spool.db")) as spool:  # of an older program; damaged
        assert spool.state("shot") == {"a": value}


def test_the_log_goes_into_the_file_when_it_has_grown_not_every_second(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with closing(Spool(path)) as spool:
        spool.checkpoint()
        empty = path.stat().st_size
        big = HistoryRow("telemetry", json.dumps({"pad": "x" * 100_000}))
        commits = 0
        while path.stat().st_size == empty:
            spool.commit(Changes(forward=[big]), NOW)
            spool.tidy()
            commits += 1
        assert 20 < commits < 60
