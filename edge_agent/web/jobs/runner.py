"""Jobs beside the server: the queue, and those that run, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError
from edge_agent.jobs.kinds import KINDS
from edge_agent.logs import get_logger
from edge_agent.web.jobs.one_job import CANCELLED, COMMAND, DIED, OneJob, Outcome
from edge_agent.web.jobs.store import Job, JobStore
from edge_agent.what_if.worker import hello
from twin_core.errors import InputError

DISK_RETRY_S = 2.0
Document = dict[str, Any]


class Jobs:
    """The queue and the jobs that run."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        kinds: Mapping[str, str] = KINDS,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Nothing is started.

        Args:
            settings: limits of the web; catalogue and quality for the jobs.
            store: keeps the jobs.
            kinds: ``module:function`` by name.
            command: starts the process of a job.
        """
        self._settings, self._store = settings, store
        self._kinds, self._command = kinds, command
        self._running: dict[str, OneJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake, self._changed = asyncio.Event(), asyncio.Condition()
        self._beginning = asyncio.Lock()
        """Held while a job leaves the queue: until it can be cancelled as one that runs."""
        self._stopping = False
        self._over = asyncio.Event()
        """Set while no further job is begun."""
        self._over.set()

    async def ask(
        self,
        kind: str,
        asked: Document,
        made_by: str,
        address: str = "",
        made_for: Document | None = None,
    ) -> Job:
        """Put a job into the queue.

        Args:
            kind: of the job.
            asked: finite JSON for its function.
            made_by: who asks.
            address: from where.
            made_for: press, mold and material that it is about.

        Raises:
            InputError: there is no such kind.
            TooManyJobs, StoreError: it cannot be kept.
        """
        if kind not in self._kinds:
            known = ", ".join(sorted(self._kinds)) or "none"
            raise InputError(f"job: kind: {kind[:64]!r} is none (known: {known})")
        waiting_max = self._settings.web.jobs_waiting
        job = await asyncio.to_thread(
            self._store.add, kind, asked, made_by, address, waiting_max, made_for
        )
        get_logger().info("job_queued", detail=job.job_id, code=kind)
        self._wake.set()
        return job

    async def get(self, job_id: str) -> Job | None:
        """A job as it stands; None where there is none."""
        job = await asyncio.to_thread(self._store.get, job_id)
        return None if job is None else self._live(job)

    async def newest(self, limit: int, state: str | None = None) -> list[Job]:
        """Jobs, newest first; see ``JobStore.newest``."""
        found = await asyncio.to_thread(self._store.newest, limit, state)
        return [self._live(job) for job in found]

    async def result(self, job_id: str) -> Document | None:
        """The result so far; None where there is none."""
        return await asyncio.to_thread(self._store.result, job_id)

    async def asked(self, job_id: str) -> Document:
        """What was asked."""
        return await asyncio.to_thread(self._store.asked, job_id)

    async def cancel(self, job_id: str) -> Job | None:
        """Have a job end with what it has; one that has ended stays as it is.

        Returns:
            The job: one that runs ends within ``CANCEL_S``. None where there is none.
        """
        async with self._beginning:
            running = self._running.get(job_id)
            if running is not None:
                running.cancel()
            else:
                await asyncio.to_thread(self._store.end, job_id, "cancelled", problem=CANCELLED)
        await self._tell()
        return await self.get(job_id)

    async def ended(self, job_id: str, wait_s: float) -> Job | None:
        """The job when it has ended, or as it is after ``wait_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._changed:
                while (job := await self.get(job_id)) is not None and job.alive:
                    await self._changed.wait()
        return await self.get(job_id)

    async def run(self) -> None:
        """Run jobs in their order until ``stop``."""
        self._over.clear()
        try:
            await self._until_kept(partial(asyncio.to_thread, self._store.interrupt_running))
            while not self._stopping:
                self._wake.clear()
                while await self._begin():
                    pass
                await self._wake.wait()
        finally:
            self._over.set()

    async def stop(self) -> None:
        """End the jobs that run: they are interrupted, with what they have."""
        self._stopping = True
        self._wake.set()
        await self._over.wait()
        for running in self._running.values():
            running.interrupt()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _begin(self) -> bool:
        """Begin the next job; false when none waits, or enough run."""
        if self._stopping or len(self._running) >= self._settings.web.jobs_at_once:
            return False
        return bool(await self._until_kept(self._begin_next))

    async def _begin_next(self) -> bool:
        async with self._beginning:
            begun = await asyncio.to_thread(self._store.begin_next)
            if begun is None:
                return False
            job, asked = begun
            running = OneJob(job, partial(self._keep_partial, job.job_id))
            self._running[job.job_id] = running
        task = asyncio.create_task(self._work(running, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _live(self, job: Job) -> Job:
        running = self._running.get(job.job_id)
        if running is None or running.progress is None:
            return job
        return replace(job, progress=running.progress)

    async def _work(self, running: OneJob, asked: Document) -> None:
        job_id, web = running.job.job_id, self._settings.web
        get_logger().info("job_started", detail=job_id, code=running.job.kind)
        history = self._settings.history.model_dump(mode="json")
        settings = hello(self._settings) | {"history": history}
        question: Document = {"asked": asked, "settings": settings}
        try:
            question["kind"] = self._kinds[running.job.kind]
            outcome = await running.run(self._command, question, web.job_limit_s)
        except Exception as error:  # a fault of this program: the job ends, the server goes on
            get_logger().exception("job_failed", detail=job_id, error=repr(error))
            outcome = Outcome("failed", DIED)
        if outcome.state == "failed":
            get_logger().warning("job_failed", detail=job_id, error=str(outcome.problem))

        def write() -> None:
            state, problem, result = outcome
            self._store.end(job_id, state, running.progress, problem, result)
            self._store.trim(web.jobs_kept, web.jobs_kept_days)

        try:
            await self._until_kept(partial(asyncio.to_thread, write))
        finally:
            del self._running[job_id]
            self._wake.set()
            await self._tell()
        get_logger().info("job_ended", detail=job_id, reason=outcome.state)

    async def _keep_partial(self, job_id: str, result: Document) -> None:
        progress = self._running[job_id].progress
        await asyncio.to_thread(self._store.keep_partial, job_id, progress, result)

    async def _until_kept(self, change: Callable[[], Awaitable[Any]]) -> Any:
        """What a change of the store returns, tried until the disk takes it or the server ends."""
        while True:
            try:
                return await change()
            except StoreError as error:
                get_logger().error("jobs_not_kept", error=str(error), hint=error.hint)
                if self._stopping:
                    return None
            await asyncio.sleep(DISK_RETRY_S)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
