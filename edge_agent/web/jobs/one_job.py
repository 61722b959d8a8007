"""One job while it runs: its process from start to end, what it tells, and how it is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from edge_agent.errors import StoreError, disk_hint
from edge_agent.web.jobs.store import INTERRUPTED, Job, State
from edge_agent.what_if.frames import frame, receive

NICE = 15
"""Agent, server and what if come first."""
COMMAND = (sys.executable, "-m", "edge_agent.jobs.process")
CANCEL_S = 10.0
"""A job that is cancelled has so long to hand on what it has; then it is killed."""
STOP_S = 2.0
"""The same when the server ends."""
LOOK_S = 0.1
CANCELLED = {"code": "CANCELLED", "detail": "the job was cancelled", "hint": ""}
DIED = {
    "code": "DIED",
    "detail": "the process of the job ended without a result",
    "hint": "the log of the web server says more; perhaps the memory was not enough",
}
Document = dict[str, Any]


class Outcome(NamedTuple):
    """How a job ended."""

    state: State
    problem: Document | None = None
    result: Document | None = None
    """None: the last partial one stays."""


class OneJob:
    """A job that runs."""

    def __init__(self, job: Job, keep_partial: Callable[[Document], Awaitable[None]]) -> None:
        """Nothing is started.

        Args:
            job: as it is kept.
            keep_partial: keeps what was found so far; StoreError when it cannot.
        """
        self.job = job
        self.progress: Document | None = None
        self._keep_partial = keep_partial
        self._stopped = asyncio.Event()
        self._ends_as = Outcome("cancelled", CANCELLED)
        self.grace_s = CANCEL_S

    def cancel(self) -> None:
        """Have it end with what it has, within ``CANCEL_S``."""
        self._stopped.set()

    def interrupt(self) -> None:
        """The server ends: have it end with what it has, within ``STOP_S``."""
        if not self._stopped.is_set():
            self._ends_as = Outcome("interrupted", INTERRUPTED)
        self.grace_s = STOP_S
        self._stopped.set()

    async def run(self, command: Sequence[str], question: Document, limit_s: float) -> Outcome:
        """Run the process of the job to its end.

        Args:
            command: starts it.
            question: its first message.
            limit_s: how long it may take.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        except OSError as error:
            detail = f"the process of the job cannot be started: {error}"
            problem = {"code": "DIED", "detail": detail, "hint": disk_hint(error)}
            return Outcome("failed", problem)
        stopper = asyncio.create_task(self._stop_when_asked(process, limit_s))
        assert process.stdin is not None
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
            with suppress(OSError):
                process.stdin.write(frame(question))
                await process.stdin.drain()
            return await self._listen(process)
        finally:
            stopper.cancel()
            _kill(process)
            process.stdin.close()
            await process.wait()
            with suppress(OSError):
                await process.stdin.wait_closed()

    async def _listen(self, process: Process) -> Outcome:
        assert process.stdout is not None
        while True:
            try:
                message = await receive(process.stdout)
            except EOFError:
                return self._ends_as if self._stopped.is_set() else Outcome("failed", DIED)
            if "progress" in message:
                self.progress = message["progress"]
            elif "partial" in message:
                with suppress(StoreError):  # the next one, or the result, comes soon
                    await self._keep_partial(message["partial"])
            elif "error" in message:
                if self._stopped.is_set():
                    return self._ends_as
                return Outcome("failed", message["error"])
            elif message["whole"]:
                return Outcome("done", None, message["result"])
            else:
                return self._ends_as._replace(result=message["result"])

    async def _stop_when_asked(self, process: Process, limit_s: float) -> None:
        """Ask the process to end when somebody cancels or the time is over, then kill it."""
        try:
            async with asyncio.timeout(limit_s):
                await self._stopped.wait()
        except TimeoutError:
            words = f"the job took more than {limit_s:g} s (web.job_limit_s) and was ended"
            self._ends_as = Outcome("cancelled", {"code": "TIMEOUT", "detail": words, "hint": ""})
            self._stopped.set()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write(frame({"do": "cancel"}))
            await process.stdin.drain()
        waited_s = 0.0
        while waited_s < self.grace_s:  # a server that ends meanwhile shortens it
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S
        _kill(process)


def _kill(process: Process) -> None:
    """Kill a process with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
