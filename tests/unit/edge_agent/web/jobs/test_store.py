"""Jobs in the web's database: order, limits, what stays over a restart, files of older versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_agent.web.access.control import Access
from edge_agent.web.jobs import store as module
from edge_agent.web.jobs.store import JobStore, TooManyJobs
from tests.support.web_access import SetClock, access_in


class Kept:
    """A store with its clock and audit log."""

    def __init__(self, access: Access, clock: SetClock) -> None:
        self.access, self.clock = access, clock
        self.store = JobStore(access.database, access.audit, clock.now)

    def add(self, number: int = 0, **more: Any) -> str:
        return self.store.add("count", {"to": number}, "eva", "", more.get("most", 100)).job_id


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    clock = SetClock()
    with access_in(tmp_path, clock) as access:
        yield Kept(access, clock)


def test_first_come_first_served(kept: Kept) -> None:
    ids = [kept.add(n) for n in range(3)]
    begun = [kept.store.begin_next() for _ in range(4)]
    assert [one and (one[0].job_id, one[1]) for one in begun] == [
        *((job_id, {"to": n}) for n, job_id in enumerate(ids)),
        None,
    ]
    assert [job.state for job in kept.store.newest(10)] == ["running"] * 3
    assert [job.job_id for job in kept.store.newest(2)] == ids[:0:-1]
    assert kept.store.newest(10, "queued") == []


def test_who_asked_is_in_the_audit_log(kept: Kept) -> None:
    job_id = kept.add()
    (entry,) = kept.access.audit.newest(1)
    assert (entry.who, entry.action) == ("eva", "job_asked")
    assert job_id in entry.detail
    assert kept.access.audit.verify().problems == []


def test_more_than_may_wait_are_refused(kept: Kept) -> None:
    kept.add(most=2)
    kept.store.begin_next()
    kept.add(most=2), kept.add(most=2)
    with pytest.raises(TooManyJobs, match="2 jobs wait"):
        kept.add(most=2)


def test_a_restart_interrupts_what_ran_and_keeps_what_waits(kept: Kept) -> None:
    ran, waits = kept.add(), kept.add()
    kept.store.begin_next()
    kept.store.keep_partial(ran, {"done": 3, "of": 9}, {"reached": 3})
    assert kept.store.interrupt_running() == [ran]
    job = kept.store.get(ran)
    assert job is not None
    assert (job.state, job.has_result, job.is_partial) == ("interrupted", True, True)
    assert job.problem is not None
    assert "did not survive" in job.problem["detail"]
    assert (job.progress, kept.store.result(ran)) == ({"done": 3, "of": 9}, {"reached": 3})
    begun = kept.store.begin_next()
    assert begun is not None
    assert begun[0].job_id == waits


def test_an_end_is_the_end(kept: Kept) -> None:
    job_id = kept.add()
    kept.store.begin_next()
    kept.store.end(job_id, "done", result={"reached": 9})
    kept.store.end(job_id, "cancelled")
    kept.store.keep_partial(job_id, None, {"reached": 3})
    job = kept.store.get(job_id)
    assert job is not None
    assert (job.state, job.is_partial, kept.store.result(job_id)) == ("done", False, {"reached": 9})
    assert kept.store.get("0" * 20) is None
    assert kept.store.result("0" * 20) is None


def test_a_result_that_is_too_large_is_said(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESULT_MAX_BYTES", 100)
    job_id = kept.add()
    kept.store.begin_next()
    kept.store.keep_partial(job_id, None, {"reached": 3})
    kept.store.keep_partial(job_id, None, {"reached": "x" * 200})
    kept.store.end(job_id, "done", result={"reached": "x" * 200})
    job = kept.store.get(job_id)
    assert job is not None
    assert job.problem is not None
    assert (job.state, job.problem["code"]) == ("failed", "TOO_LARGE")
    assert kept.store.result(job_id) == {"reached": 3}, "what was kept stays"


def test_old_jobs_go(kept: Kept) -> None:
    ids = []
    for _ in range(4):
        ids.append(kept.add())
        kept.store.begin_next()
        kept.store.end(ids[-1], "done", result={})
        kept.clock.move(days=1)
    alive = kept.add()
    kept.store.trim(3, 30.0)
    assert [job.job_id for job in kept.store.newest(9)] == [alive, *ids[:0:-1]]
    kept.clock.move(hours=1)
    kept.store.trim(3, 2.0)
    assert [job.job_id for job in kept.store.newest(9)] == [alive, ids[3]]


def test_a_database_of_before_jobs(tmp_path: Path) -> None:
    with access_in(tmp_path) as access:
        access.audit.write("eva", "login", "done")
    with closing(sqlite3.connect(tmp_path / "web.db")) as db:
        db.executescript("DROP TABLE job; PRAGMA user_version = 1")
    clock = SetClock()
    with access_in(tmp_path, clock) as access:
        kept = Kept(access, clock)
        assert kept.store.get(kept.add()) is not None
        assert access.audit.verify().entries_count == 2


def test_a_database_of_jobs_that_do_not_say_for_which_mold(tmp_path: Path) -> None:
    with access_in(tmp_path) as access:
        job_id = Kept(access, SetClock()).add()
    with closing(sqlite3.connect(tmp_path / "web.db")) as db:
        db.executescript("ALTER TABLE job DROP COLUMN made_for; PRAGMA user_version = 2")
    clock = SetClock()
    with access_in(tmp_path, clock) as access:
        store = Kept(access, clock).store
        old = store.get(job_id)
        assert old is not None
        assert old.made_for is None
        made_for = {"site": "s", "press": "p1", "mold_id": "PANEL_A"}
        job = store.add("count", {}, "eva", "", 9, made_for)
        assert (job.made_for, store.newest(1)[0].made_for) == (made_for, made_for)
