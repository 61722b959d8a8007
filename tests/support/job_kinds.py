"""Kinds of jobs for tests: they count, fail, die."""

from __future__ import annotations

import os
import signal
from functools import partial
from time import sleep
from typing import Any

from edge_agent.jobs import job_work
from edge_agent.jobs.job_work import JobWork
from twin_core.errors import InputError

KINDS = {
    name: f"tests.support.job_kinds:{name}" for name in ("count", "refuse", "fault", "die", "deaf")
}


def count(work: JobWork) -> dict[str, Any]:
    """Count to ``to``, one every ``pause_s``; the niceness of the process is in the result."""
    job_work.PARTIAL_EVERY_S = 0.0
    to, reached = work.asked["to"], 0
    while reached < to and not work.cancelled():
        reached += 1
        work.progress(reached, to, {"number": reached})
        work.partial(partial(dict, reached=reached))
        sleep(work.asked.get("pause_s", 0.0))
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    return {"reached": reached, "nice": nice, "padding": "x" * work.asked.get("size", 0)}


def refuse(work: JobWork) -> dict[str, Any]:
    """Refuse the input."""
    raise InputError("scenario: process.T_mold_C: is missing", hint="give it")


def fault(work: JobWork) -> dict[str, Any]:
    """A fault of the program."""
    raise ZeroDivisionError("by zero")


def die(work: JobWork) -> dict[str, Any]:
    """Die as for want of memory, with something found."""
    work.partial(lambda: {"reached": 1})
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def deaf(work: JobWork) -> dict[str, Any]:
    """Hear no cancel."""
    work.partial(lambda: {"reached": 1})
    sleep(1000)
    return {}
