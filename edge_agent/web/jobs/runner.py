"""Jobs beside the server: a process each, with low priority, some at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError, disk_hint
from edge_agent.jobs.kinds import KINDS
from edge_agent.logs import get_logger
from edge_agent.web.jobs.store import INTERRUPTED, Job, JobStore, State
from edge_agent.what_if.frames import frame, receive
from edge_agent.what_if.worker import hello
from twin_core.errors import InputError

NICE = 15
"""Agent, server and what if come first."""
COMMAND = (sys.executable, "-m", "edge_agent.jobs.process")
CANCEL_S = 10.0
"""A job that is cancelled has so long to hand on what it has; then it is killed."""
STOP_S = 2.0
"""The same when the server ends."""
DISK_RETRY_S = 2.0
CANCELLED = {"code": "CANCELLED", "detail": "the job was cancelled", "hint": ""}
DIED = {
    "code": "DIED",
    "detail": "the process of the job ended without a result",
    "hint": "the log of the web server says more; perhaps the memory was not enough",
}
Document = dict[str, Any]


@dataclass
class _Running:
    job: Job
    asked: Document
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """The job is to end with what it has."""
    ends_as: tuple[State, Document] = ("cancelled", CANCELLED)
    grace_s: float = CANCEL_S
    progress: Document | None = None


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
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake, self._changed = asyncio.Event(), asyncio.Condition()
        self._stopping = False
        self._over = asyncio.Event()
        """Set while no further job is begun."""
        self._over.set()

    async def ask(self, kind: str, asked: Document, made_by: str, address: str = "") -> Job:
        """Put a job into the queue.

        Args:
            kind: of the job.
            asked: finite JSON for its function.
            made_by: who asks.
            address: from where.

        Raises:
            InputError: there is no such kind.
            TooManyJobs, StoreError: it cannot be kept.
        """
        if kind not in self._kinds:
            known = ", ".join(sorted(self._kinds)) or "none"
            raise InputError(f"job: kind: {kind[:64]!r} is none (known: {known})")
        waiting_max = self._settings.web.jobs_waiting
        job = await asyncio.to_thread(self._store.add, kind, asked, made_by, address, waiting_max)
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
        running = self._running.get(job_id)
        if running is not None:
            running.stop.set()
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
            await self._until_kept(self._store.interrupt_running)
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
            if not running.stop.is_set():
                running.ends_as, running.grace_s = ("interrupted", INTERRUPTED), STOP_S
                running.stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _begin(self) -> bool:
        """Begin the next job; false when none waits, or enough run."""
        if self._stopping or len(self._running) >= self._settings.web.jobs_at_once:
            return False
        begun = await self._until_kept(self._store.begin_next)
        if begun is None:
            return False
        job, asked = begun
        self._running[job.job_id] = running = _Running(job, asked)
        task = asyncio.create_task(self._work(running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _live(self, job: Job) -> Job:
        running = self._running.get(job.job_id)
        if running is None or running.progress is None:
            return job
        return replace(job, progress=running.progress)

    async def _work(self, running: _Running) -> None:
        job_id = running.job.job_id
        get_logger().info("job_started", detail=job_id, code=running.job.kind)
        try:
            state, problem, result = await self._outcome(running)
        except Exception as error:  # a fault of this program: the job ends, the server goes on
            get_logger().exception("job_failed", detail=job_id, error=repr(error))
            state, problem, result = "failed", DIED, None
        if state == "failed":
            get_logger().warning("job_failed", detail=job_id, error=str(problem))

        def write() -> None:
            self._store.end(job_id, state, running.progress, problem, result)
            self._store.trim(self._settings.web.jobs_kept, self._settings.web.jobs_kept_days)

        try:
            await self._until_kept(write)
        finally:
            del self._running[job_id]
            self._wake.set()
            await self._tell()
        get_logger().info("job_ended", detail=job_id, reason=state)

    async def _outcome(self, running: _Running) -> tuple[State, Document | None, Document | None]:
        """Run the process of a job to its end: state, problem, result."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        except OSError as error:
            detail = f"the process of the job cannot be started: {error}"
            return "failed", {"code": "DIED", "detail": detail, "hint": disk_hint(error)}, None
        stopper = asyncio.create_task(self._stop_when_asked(process, running))
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
            assert process.stdin is not None
            question = {
                "kind": self._kinds[running.job.kind],
                "asked": running.asked,
                "settings": hello(self._settings),
            }
            with suppress(OSError):
                process.stdin.write(frame(question))
                await process.stdin.drain()
            return await self._listen(process, running)
        finally:
            stopper.cancel()
            _kill(process)
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
            with suppress(OSError):
                await process.stdin.wait_closed()

    async def _listen(
        self, process: Process, running: _Running
    ) -> tuple[State, Document | None, Document | None]:
        assert process.stdout is not None
        while True:
            try:
                message = await receive(process.stdout)
            except EOFError:
                if running.stop.is_set():
                    return *running.ends_as, None
                return "failed", DIED, None
            if "progress" in message:
                running.progress = message["progress"]
            elif "partial" in message:
                with suppress(StoreError):  # the next one, or the result, comes soon
                    await asyncio.to_thread(
                        self._store.keep_partial,
                        running.job.job_id,
                        running.progress,
                        message["partial"],
                    )
            elif "error" in message:
                if running.stop.is_set():
                    return *running.ends_as, None
                return "failed", message["error"], None
            elif not message["whole"]:
                return *running.ends_as, message["result"]
            else:
                return "done", None, message["result"]

    async def _stop_when_asked(self, process: Process, running: _Running) -> None:
        """Ask the process to end when somebody cancels or the time is over, then kill it."""
        limit_s = self._settings.web.job_limit_s
        try:
            async with asyncio.timeout(limit_s):
                await running.stop.wait()
        except TimeoutError:
            words = f"the job took more than {limit_s:g} s (web.job_limit_s) and was ended"
            running.ends_as = "cancelled", {"code": "TIMEOUT", "detail": words, "hint": ""}
            running.stop.set()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write(frame({"do": "cancel"}))
            await process.stdin.drain()
        waited_s = 0.0
        while waited_s < running.grace_s:  # a server that ends meanwhile shortens it
            await asyncio.sleep(0.1)
            waited_s += 0.1
        _kill(process)

    async def _until_kept(self, write: Any) -> Any:
        """What a change of the store returns, tried until the disk takes it or the server ends."""
        while True:
            try:
                return await asyncio.to_thread(write)
            except StoreError as error:
                get_logger().error("jobs_not_kept", error=str(error), hint=error.hint)
                if self._stopping:
                    return None
            await asyncio.sleep(DISK_RETRY_S)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _kill(process: Process) -> None:
    """Kill a process with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
