"""Lines of libraries and of Python itself in the agent's log: its form, its fields, its limit.

Without this they write to stderr as they please: tracebacks of forgotten tasks and threads,
warnings, complaints of the MQTT library. For the process of the agent only: it replaces hooks of
Python that belong to whoever owns the process.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any

from edge_agent.logs import get_logger

SHOWN = 1000
"""Characters of a message that are kept."""


class _ToOurLog(logging.Handler):
    """A line of a library is an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a line of a library; ``reason`` is the library, and so what is limited."""
        try:
            level = "error" if record.levelno >= logging.ERROR else "warning"
            _write(level, "library_reported", record.name, record.getMessage(), record.exc_info)
        except Exception as error:  # a wrong line of a library is no reason to fall over
            get_logger().error("library_reported", reason=record.name, detail=repr(error)[:SHOWN])


class _ToldAlready(logging.Filter):
    """Leaves out what the agent says itself: a link that is lost is ``link_lost``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a line pass or not."""
        return not record.getMessage().startswith("failed to receive on socket")


def take_over() -> None:
    """Keep everything else from stderr; to be called once, after ``logs.configure``."""
    root = logging.getLogger()
    root.handlers = [_ToOurLog()]
    root.setLevel(logging.WARNING)
    logging.getLogger("mqtt").addFilter(_ToldAlready())
    logging.captureWarnings(True)
    sys.excepthook = _died
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_died


def _died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _write("error", "agent_died", kind.__name__, str(error), (kind, error, trace))


def _unraisable(reported: sys.UnraisableHookArgs) -> None:
    where = f"{reported.err_msg or 'exception ignored in'}: {reported.object!r}"
    trace = (
        (reported.exc_type, reported.exc_value, reported.exc_traceback)
        if reported.exc_value
        else None
    )
    _write("error", "library_reported", "unraisable", where, trace)


def _thread_died(reported: threading.ExceptHookArgs) -> None:
    name = reported.thread.name if reported.thread is not None else "thread"
    trace = (
        (reported.exc_type, reported.exc_value, reported.exc_traceback)
        if reported.exc_value
        else None
    )
    _write("error", "thread_died", name, str(reported.exc_value), trace)


def _write(level: str, event: str, reason: str, detail: str, trace: Any) -> None:
    extra = {"exc_info": trace} if trace else {}
    getattr(get_logger(), level)(event, reason=reason, detail=detail[:SHOWN], **extra)
