"""Spool: transactions, uniqueness, what a second opening finds, and spools of older programs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.errors import StoreError
from edge_agent.ports import HistoryRow, Outgoing, Retained
from edge_agent.spool.changes import Changes, Depth
from edge_agent.spool.spool import Spool
from tests.support.old_spools import old_spool

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def row(seq: int | None) -> HistoryRow:
    key = {"site": "s", "press": "p", "device_id": "d", "ts": "2026-05-04T08:00:00Z", "seq": seq}
    return HistoryRow("telemetry", json.dumps({**key, "sensors": {"T_C": 1.0}}))


def test_what_is_committed_survives_until_others_have_it(tmp_path: Path) -> None:
    message = Outgoing("s/p", "k", "t", b"out", retain=True)
    with closing(Spool(tmp_path / "spool.db")) as spool:
        changes = Changes(publish=[message], retained={"t": message}, forward=[row(1)])
        changes.state["shot", "a"] = {"n": 1}
        spool.commit(changes, NOW)
    with closing(Spool(tmp_path / "spool.db")) as spool:
        assert spool.depth() == Depth(1, 1)
        assert spool.state("shot") == {"a": {"n": 1}}
        (stored,) = spool.to_publish("s/p", 10)
        assert (stored.entry, stored.created_at) == (message, NOW)
        assert spool.to_publish("s/p", 10, after=stored.id) == []
        assert spool.to_publish("s/other", 10) == []
        (waits,) = spool.to_forward(10)
        assert spool.to_forward(10, {"results": 0, "telemetry": waits.id}) == []
        spool.commit(Changes(settled=["k"], forwarded=[waits.id]), NOW)
        assert spool.depth() == Depth(0, 0)
        # kept for the next session
        assert spool.retained("s/p", NOW, "", 9) == [Retained("t", b"out", NOW)]


def test_retained_messages_come_by_topic_and_age(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.db")) as spool:
        for number in range(5):
            message = Outgoing("s/p", f"k{number}", f"t{number}", b"out", retain=True)
            changes = Changes(retained={message.topic: message})
            spool.commit(changes, NOW + timedelta(hours=number))
        topics = [kept.topic for kept in spool.retained("s/p", NOW, "", 2)]
        assert topics == ["t0", "t1"]
        late = spool.retained("s/p", NOW + timedelta(hours=1), "t1", 9)
        assert [kept.topic for kept in late] == ["t2", "t3", "t4"]
        spool.trim_retained(NOW + timedelta(hours=3))
        assert [kept.topic for kept in spool.retained("s/p", NOW, "", 9)] == ["t3", "t4"]


def test_what_is_said_of_a_press_is_exchanged_for_what_another_has_said(tmp_path: Path) -> None:
    said = [Outgoing(press, f"{press}-k", f"{press}-t", b"old", retain=True) for press in "pq"]
    with closing(Spool(tmp_path / "spool.db")) as spool:
        spool.commit(Changes(publish=said, retained={m.topic: m for m in said}), NOW)
        spool.exchange("p", {"other-t": b"new"}, NOW)
        assert spool.to_publish("p", 9) == []
        assert spool.retained("p", NOW, "", 9) == [Retained("other-t", b"new", NOW)]
        assert len(spool.to_publish("q", 9)) == 1
        assert spool.retained("q", NOW, "", 9) == [Retained("q-t", b"old", NOW)]


def test_a_failed_commit_changes_nothing(tmp_path: Path) -> None:
    bad = HistoryRow("telemetry", None)  # type: ignore[arg-type]
    with closing(Spool(tmp_path / "spool.db")) as spool:
        spool.commit(Changes(publish=[Outgoing("p", "before", "t", b"")]), NOW)
        changes = Changes(publish=[Outgoing("p", "k", "t", b"")], settled=["before"], forward=[bad])
        with pytest.raises(StoreError):
            spool.commit(changes, NOW)
        assert [stored.entry.key for stored in spool.to_publish("p", 9)] == ["before"]
        assert spool.depth() == Depth(1, 0)


def test_the_same_key_is_published_once(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.db")) as spool:
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


@pytest.mark.parametrize("version", [1, 2])
def test_a_spool_of_an_older_program_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "spool.db"
    old_spool(path, version, inbox=[("t/1", b"1"), ("t/2", b"2")])
    before = datetime.now(UTC) - timedelta(seconds=2)
    with closing(Spool(path)) as spool:
        assert spool.inbox(0, 9) == [(1, "t/1", b"1", None), (2, "t/2", b"2", None)]
        assert spool.inbox(1, 9) == [(2, "t/2", b"2", None)]
        assert [stored.entry.document for stored in spool.to_forward(9)] == ['{"n": 1}']
        assert [stored.entry.key for stored in spool.to_publish("s/p1", 9)] == ["k"]
        (kept,) = spool.retained("s/p1", before, "", 9)
        assert (kept.topic, kept.payload) == ("topic", b"out"), "it is as old as the update"
        spool.commit(Changes(drained=[1, 2], forward=[row(1)]), NOW)
    with closing(Spool(path)) as spool:
        assert spool.inbox(0, 9) == []
    with closing(sqlite3.connect(path)) as db:
        tables = {found for (found,) in db.execute("SELECT name FROM sqlite_master")}
    assert "inbox" not in tables, "nothing was left in it"
