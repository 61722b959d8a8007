"""Jobs in real processes: progress, cancel, faults, limits, and the end of the server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from edge_agent.web.access.roles import Role
from edge_agent.web.jobs.one_job import NICE
from edge_agent.web.jobs.runner import Jobs
from edge_agent.web.jobs.store import Job, JobStore
from edge_agent.what_if.frames import frame
from edge_agent.what_if.worker import hello
from tests.support.job_kinds import KINDS
from tests.support.processes import ROOT, wait_for
from tests.support.waiting import LIMIT_S
from tests.support.web_access import access_in, bearer, client_of, token_of
from tests.support.web_app import running_app, web_settings
from twin_core.errors import InputError

pytestmark = pytest.mark.xdist_group("jobs")
LONG = {"to": 100_000, "pause_s": 0.005}


@asynccontextmanager
async def jobs_in(folder: Path, kind: type[JobStore] = JobStore, **web: Any) -> AsyncIterator[Jobs]:
    with access_in(folder) as access:
        store = kind(access.database, access.audit, access.audit._now)
        jobs = Jobs(web_settings(folder, web=web), store, KINDS)
        running = asyncio.create_task(jobs.run())
        try:
            yield jobs
        finally:
            await jobs.stop()
            await running


async def ended(jobs: Jobs, kind: str, **asked: Any) -> Job:
    job = await jobs.ask(kind, asked, "eva")
    found = await jobs.ended(job.job_id, LIMIT_S)
    assert found is not None
    assert not found.alive, found
    return found


async def has_begun(jobs: Jobs, job_id: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while (job := await jobs.get(job_id)) is None or not job.has_result:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_one_after_the_other_with_low_priority(tmp_path: Path) -> None:
    async with jobs_in(tmp_path) as jobs:
        first = await jobs.ask("count", LONG, "eva")
        await has_begun(jobs, first.job_id)
        second = await jobs.ask("count", {"to": 3}, "eva")
        assert [job.state for job in await jobs.newest(2)] == ["queued", "running"]
        await jobs.cancel(first.job_id)
        done = await jobs.ended(second.job_id, LIMIT_S)
        assert done is not None
        assert (done.state, done.is_partial) == ("done", False)
        assert done.progress == {"done": 3, "of": 3, "best": {"number": 3}, "phase": ""}
        result = await jobs.result(second.job_id)
        assert result is not None
        assert (result["reached"], result["nice"] >= NICE) == (3, True)
        cancelled = await jobs.get(first.job_id)
        assert cancelled is not None
        assert (cancelled.state, cancelled.is_partial) == ("cancelled", True)
        partial = await jobs.result(first.job_id)
        assert partial is not None
        assert 0 < partial["reached"] < LONG["to"]
        with pytest.raises(InputError, match="known: count"):
            await jobs.ask("other", {}, "eva")


class HeldStore(JobStore):
    """A store that has begun a job, and answers only when it may."""

    begun, may_answer = Event(), Event()

    def begin_next(self) -> tuple[Job, dict[str, Any]] | None:
        found = super().begin_next()
        if found is not None:
            self.begun.set()
            assert self.may_answer.wait(LIMIT_S)
        return found


async def test_a_cancel_while_the_job_leaves_the_queue(tmp_path: Path) -> None:
    async with jobs_in(tmp_path, HeldStore) as jobs:
        job = await jobs.ask("count", LONG, "eva")
        assert await asyncio.to_thread(HeldStore.begun.wait, LIMIT_S)
        cancel = asyncio.create_task(jobs.cancel(job.job_id))
        await asyncio.wait({cancel}, timeout=0.05)
        HeldStore.may_answer.set()
        await cancel
        assert jobs._running[job.job_id]._stopped.is_set(), "its process is told"


async def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    async with jobs_in(tmp_path, jobs_at_once=4) as jobs:
        refused, fault, died = await asyncio.gather(
            ended(jobs, "refuse"), ended(jobs, "fault"), ended(jobs, "die")
        )
        assert refused.problem == {
            "code": "INVALID_INPUT",
            "detail": "scenario: process.T_mold_C: is missing",
            "hint": "give it",
        }
        assert (fault.state, fault.problem and fault.problem["code"]) == (
            "failed",
            "INTERNAL_ERROR",
        )
        assert (died.problem and died.problem["code"], died.is_partial) == ("DIED", True)
        assert await jobs.result(died.job_id) == {"reached": 1}, "what was found is kept"
        waiting = await jobs.ask("deaf", {}, "eva")
        await has_begun(jobs, waiting.job_id)
        jobs._running[waiting.job_id].grace_s = 0.0
        await jobs.cancel(waiting.job_id)
        deaf = await jobs.ended(waiting.job_id, LIMIT_S)
        assert deaf is not None
        assert (deaf.state, await jobs.result(deaf.job_id)) == ("cancelled", {"reached": 1})


async def test_the_time_of_a_job_is_limited(tmp_path: Path) -> None:
    async with jobs_in(tmp_path, job_limit_s=0.8) as jobs:
        job = await ended(jobs, "count", **LONG)
        assert (job.state, job.problem and job.problem["code"]) == ("cancelled", "TIMEOUT")
        found = await jobs.result(job.job_id)
        assert found is not None
        assert found["reached"] < LONG["to"]


async def test_a_server_that_ends_interrupts_and_the_queue_goes_on(tmp_path: Path) -> None:
    async with jobs_in(tmp_path) as jobs:
        first = await jobs.ask("count", LONG, "eva")
        await has_begun(jobs, first.job_id)
        second = await jobs.ask("count", {"to": 3}, "eva")
        third = await jobs.ask("count", {"to": 3}, "eva")
        await jobs.cancel(third.job_id)
    async with jobs_in(tmp_path) as jobs:
        found = await jobs.get(first.job_id)
        assert found is not None
        assert (found.state, found.has_result) == ("interrupted", True)
        done = await jobs.ended(second.job_id, LIMIT_S)
        assert (done and done.state) == "done"
        cancelled = await jobs.get(third.job_id)
        assert cancelled is not None
        assert (cancelled.state, cancelled.has_result) == ("cancelled", False)


def test_a_job_does_not_outlive_a_server_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_agent.jobs.process"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdin is not None
    asked = {"kind": KINDS["deaf"], "asked": {}, "settings": hello(web_settings(tmp_path))}
    process.stdin.write(frame(asked))
    process.stdin.flush()
    assert process.poll() is None
    process.stdin.close()
    wait_for(lambda: process.poll() is not None, "the end of the job")
    assert process.returncode == -9
    assert not os.path.exists(f"/proc/{process.pid}")


async def test_jobs_over_rest(tmp_path: Path) -> None:
    async with running_app(web_settings(tmp_path)) as (app, access), client_of(app) as rest:
        jobs = app.state.web.jobs
        jobs._kinds = KINDS
        engineer = bearer(token_of(access, Role.ENGINEER))
        operator = bearer(token_of(access, Role.OPERATOR, "ben"))
        job = await jobs.ask("count", LONG, "eva")
        await has_begun(jobs, job.job_id)
        path = f"/api/v1/jobs/{job.job_id}"
        waiting = await jobs.ask("count", LONG, "eva")
        listed = (await rest.get("/api/v1/jobs?state=running")).json()["items"]
        assert [one["job_id"] for one in listed] == [job.job_id]
        shown = await rest.get(path)
        assert shown.json()["progress"]["of"] == LONG["to"]
        partial = (await rest.get(f"{path}/result")).json()
        assert (partial["is_partial"], partial["result"]["reached"] > 0) == (True, True)
        none = await rest.get(f"/api/v1/jobs/{waiting.job_id}/result")
        assert (none.status_code, none.json()["code"]) == (409, "NO_RESULT")
        assert (await rest.get(f"/api/v1/jobs/{'0' * 20}")).status_code == 404
        assert (await rest.get("/api/v1/jobs?stat=done")).status_code == 422
        for headers, status in (({}, 401), (operator, 403), (engineer, 202)):
            assert (await rest.delete(path, headers=headers)).status_code == status
        gone = await rest.delete(f"/api/v1/jobs/{waiting.job_id}", headers=engineer)
        assert gone.json()["state"] == "cancelled"
        await jobs.ended(job.job_id, LIMIT_S)
        again = await rest.delete(path, headers=engineer)
        assert (again.status_code, again.json()["code"]) == (409, "ENDED")
        entries = access.audit.newest(5)
        assert any(path in one.detail and "DELETE" in one.detail for one in entries)
        assert access.audit.verify().problems == []
