"""The process of one job: the question from standard input, messages to standard output.

``python -m edge_agent.jobs.process``, started by ``web.jobs.runner`` as the head of a process group
of its own. It ends with its server: nobody would hear the result.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from threading import Event, Lock, Thread
from typing import Any, BinaryIO

from edge_agent.jobs.job_work import JobWork, Run
from edge_agent.what_if.frames import frame, read
from twin_core.errors import InputError, TwinError


def run_of(target: str) -> Run:
    """The function of ``module:function``."""
    module, _, name = target.partition(":")
    found: Run = getattr(import_module(module), name)
    return found


def serve(requests: BinaryIO, answers: BinaryIO, gone: Callable[[], None]) -> None:
    """Do the work that is asked for.

    Args:
        requests: ``{"kind", "asked", "settings"}``, later perhaps ``{"do": "cancel"}``.
        answers: takes ``{"progress"}``, ``{"partial"}``, at last ``{"result"}`` or ``{"error"}``.
        gone: called, on another thread, when the other end of ``requests`` is gone.
    """
    question = read(requests)
    if question is None:
        return
    stopped, writing = Event(), Lock()

    def send(message: dict[str, Any]) -> None:
        payload = frame(message)
        with writing:
            answers.write(payload)
            answers.flush()

    def listen() -> None:
        while read(requests) is not None:
            stopped.set()
        gone()

    Thread(target=listen, daemon=True).start()
    work = JobWork(question["asked"], question["settings"], send, stopped)
    try:
        send({"result": run_of(question["kind"])(work), "whole": not stopped.is_set()})
    except TwinError as error:
        code = "INVALID_INPUT" if isinstance(error, InputError) else "FAILED"
        send({"error": {"code": code, "detail": str(error), "hint": error.hint}})
    except Exception as error:
        traceback.print_exc()
        hint = "report it with the log of the web server at this time"
        detail = f"a fault of this program: {error!r}"[:1000]
        send({"error": {"code": "INTERNAL_ERROR", "detail": detail, "hint": hint}})


def main() -> None:
    """Serve on standard input and output; what is printed by mistake goes to the log."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of a terminal or systemd: the server says
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers, lambda: os.killpg(os.getpgid(0), signal.SIGKILL))


if __name__ == "__main__":
    main()
