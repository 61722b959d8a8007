"""A program beside the agent, from its start to its end, which may be broken off at any time.

``asyncio.create_subprocess_exec`` cannot be: where its caller is cancelled while the pipes are
being connected, CPython (3.11 to 3.13) waits for the end of pipes that nobody connects any more,
and a loop that ends waits with it. A thread that waits for the process has no such moment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from subprocess import PIPE, CompletedProcess, Popen, TimeoutExpired


async def run_apart(
    command: Sequence[str], said: bytes = b"", *, timeout_s: float, nice: int = 0
) -> CompletedProcess[bytes]:
    """Run a program to its end; one that is not waited for any more is killed.

    Args:
        command: the program and its arguments.
        said: its standard input.
        timeout_s: how long it may take.
        nice: how much it steps back behind others.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it took too long.
    """
    process = _begin(command)
    waiter = ThreadPoolExecutor(1, "apart")  # not the loop's own: this takes minutes
    try:
        if nice:
            with suppress(OSError):  # it may be over already
                os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        work = waiter.submit(process.communicate, said, timeout_s)
        output, errors = await asyncio.wrap_future(work)
    except TimeoutExpired:
        raise TimeoutError(f"{timeout_s:g} s were not enough") from None
    finally:
        if process.returncode is None:
            process.kill()
            waiter.submit(process.communicate)  # reads to the end, so that nothing is left over
        waiter.shutdown(wait=False)
    return CompletedProcess(process.args, process.returncode, output, errors)


def _begin(command: Sequence[str]) -> Popen[bytes]:
    """Begin in the loop itself, as asyncio does: it takes a millisecond or two."""
    return Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE)


def last_words(done: CompletedProcess[bytes]) -> str:
    """The last line that a program said of its trouble."""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "no reason given"
