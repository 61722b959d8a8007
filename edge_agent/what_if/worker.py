"""The worker: a process that simulates for the server, started on demand and ended when idle.

One request after the other; a few may wait, more are refused. A request that takes too long ends
the process, and so does one that crashes it: the next one starts another.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from edge_agent.config.settings import Settings
from edge_agent.errors import disk_hint
from edge_agent.logs import get_logger
from edge_agent.what_if.frames import frame, receive
from twin_core.errors import InputError, SolverError, TwinError

WAITING_MAX = 16
"""Requests that wait for the one before; a page has one under way at most."""
START_S = 180.0
"""More time for the first request of a process: on a new machine the model is compiled."""
NICE = 5
"""Predictions of the agent come first."""
COMMAND = (sys.executable, "-m", "edge_agent.what_if.process")


class WorkerError(TwinError):
    """The worker gives no answer, whatever the input is."""

    retryable = True


class WorkerBusy(WorkerError):
    """Too many requests wait."""


class WorkerTimeout(WorkerError):
    """The request took too long, and was ended."""


class WorkerDied(WorkerError):
    """The process ended over a request, or could not be started."""


class Worker:
    """Simulations, answers to what if, and predictions of the learned model."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        """Nothing is started.

        Args:
            settings: catalogue, quality, models and limits of the agent and its pages.
            command: starts the process.
        """
        self._settings, self._command = settings, command
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._fresh = True
        """The process has not answered yet."""
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process is not None else None

    async def simulate(self, document: dict[str, Any]) -> dict[str, Any]:
        """The result of a scenario as ``run-sim --save-json`` has it.

        Args:
            document: content of a scenario file: ``process``, ``mold`` (fields, or a name of the
                catalogue), ``system`` or ``system_id``, perhaps ``quality`` and ``simulation``.

        Raises:
            InputError: the scenario is wrong; each line names a field.
            SolverError: it could not be followed.
            WorkerError: there is no answer, whatever the scenario is.
        """
        return await self._ask("simulate", document=document)

    async def what_if(self, base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        """Two shots beside each other: as it was, and with changes.

        Args:
            base: a scenario as for ``simulate``.
            changes: by name of ``changes.CHANGES``.

        Raises:
            InputError, SolverError, WorkerError: as ``simulate``.
        """
        return await self._ask("what_if", base=base, changes=changes)

    async def check_optimization(self, document: dict[str, Any]) -> dict[str, Any]:
        """Check the task of an optimisation without a simulation: its goals and how long it is.

        Args:
            document: as for ``optimization_task.task_of_document``.

        Raises:
            InputError: the task is wrong; each line names a field.
            WorkerError: there is no answer, whatever the task is.
        """
        return await self._ask("check_optimization", document=document)

    async def predict(
        self, features: dict[str, float], system_id: str | None = None
    ) -> dict[str, Any]:
        """What the promoted model for the pour says of features; ``ml_status`` says why not.

        Args:
            features: by name, see docs/features.md.
            system_id: material of the catalogue; None: the only one that the model knows.

        Raises:
            WorkerError: there is no answer.
        """
        return await self._ask("predict", features=features, system_id=system_id)

    async def stop(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()
        await asyncio.gather(*self._ending)

    async def _ask(self, what: str, **content: Any) -> dict[str, Any]:
        if self._waiting > WAITING_MAX:
            raise WorkerBusy(
                f"{WAITING_MAX} simulations wait already", hint="try again in some seconds"
            )
        self._waiting += 1
        try:
            async with self._turn:
                request = frame({"do": what, **content})
                for left in (1, 0):
                    try:
                        answer = await self._answer(request)
                        break
                    except EOFError:
                        await self._end()
                        if not left:
                            raise WorkerDied(
                                "the simulation ended without an answer, twice",
                                hint="the log of the web server says more; report the scenario",
                            ) from None
        finally:
            self._waiting -= 1
        return _result(answer)

    async def _answer(self, request: bytes) -> dict[str, Any]:
        """Have a request answered.

        Raises:
            EOFError: the process is gone.
            WorkerTimeout, WorkerDied: and the process is ended.
        """
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        limit_s = self._settings.web.worker_limit_s + (START_S if self._fresh else 0.0)
        try:
            async with asyncio.timeout(limit_s):
                process.stdin.write(request)
                await process.stdin.drain()
                answer = await receive(process.stdout)
        except TimeoutError:
            await self._end()
            raise WorkerTimeout(
                f"the simulation took more than {limit_s:g} s (web.worker_limit_s) and was ended",
                hint="fewer layers, a shorter time or a looser tolerance take less",
            ) from None
        except OSError:
            raise EOFError from None
        except asyncio.CancelledError:  # its answer would be taken for that of the next one
            self._abandon()
            raise
        self._fresh = False
        self._idle = asyncio.get_running_loop().call_later(
            self._settings.web.worker_idle_s, self._abandon
        )
        return answer

    async def _running(self) -> Process:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._process is not None and self._process.returncode is None:
            return self._process
        # not ended with the request: CPython waits for ever for a process that is half begun
        start = asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)
        begun = asyncio.create_task(start)
        try:
            self._process = process = await asyncio.shield(begun)
        except asyncio.CancelledError:
            self._beside(_end_begun(begun))
            raise
        except OSError as error:
            raise WorkerDied(
                f"the simulation cannot be started: {error}", hint=disk_hint(error)
            ) from None
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        self._fresh = True
        assert process.stdin is not None
        process.stdin.write(frame(hello(self._settings)))
        get_logger().info("worker_started", detail=str(process.pid))
        return process

    def _abandon(self) -> None:
        """Nobody waits for the process any more."""
        self._beside(self._end())

    def _beside(self, end: Coroutine[Any, Any, None]) -> None:
        """End a process beside what goes on; ``stop`` waits for it."""
        task = asyncio.get_running_loop().create_task(end)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        with suppress(OSError):
            await process.stdin.wait_closed()
        get_logger().info("worker_ended", detail=str(process.pid))


async def _end_begun(begun: asyncio.Task[Process]) -> None:
    """End a process that nobody waits for."""
    with suppress(OSError):
        process = await begun
        process.kill()
        await process.wait()


def hello(settings: Settings) -> dict[str, Any]:
    """First message to the process: what it simulates with."""
    return {
        "catalogue": settings.catalogue.model_dump(mode="json"),
        "quality": settings.quality.model_dump(mode="json"),
        "quality_by_mold": {
            mold_id: quality.model_dump(mode="json")
            for mold_id, quality in settings.quality_by_mold.items()
        },
        "models": str(settings.learning.models),
        "trusted_keys": [str(file) for file in settings.learning.trusted_keys],
    }


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    error = answer.get("error")
    if error is None:
        return dict(answer["result"])
    kinds: dict[str, type[TwinError]] = {"input": InputError, "solver": SolverError}
    raise kinds.get(error["kind"], WorkerDied)(error["words"], hint=error["hint"])
