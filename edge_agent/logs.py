"""Structured logs: events named in the past tense, a closed list of fields, ``shot_id`` bound.

State changes are logged, not repetitions: what can be counted is a metric. What repeats all the
same (a press that sends nonsense, a link that flaps) is limited: see ``RepeatLimit``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from threading import RLock
from time import monotonic
from typing import Any, Literal

import structlog

STAGES = ("receive", "decode", "assemble", "simulate", "infer", "commit", "publish", "forward")
"""Values of the field ``stage``; metrics and documents use the same names."""
_WHO = {"site", "press", "shot_id", "mold_id", "system_id", "agent_id", "topic"}
_WHENCE = {"source", "station"}
"""Of a gateway."""
_WHAT = {"reason", "detail", "code", "hint", "error", "exception", "stage", "signal", "outcome"}
_HOW = {"host", "port", "protocol", "path", "version", "basis", "revision", "speed"}
_HOW_MUCH = {"delay_s", "count", "backlog_count", "rejected_count"}
FIELDS = frozenset({"event", "level", "timestamp"} | _WHO | _WHENCE | _WHAT | _HOW | _HOW_MUCH)
"""Every field of a log line; another one is an error in tests and is dropped in production."""
KEY = ("event", "reason", "stage", "press", "source", "station")
"""What makes a line a repeat of another one."""
REPEAT_WINDOW_S = 60.0
INFOS_PER_WINDOW, TROUBLES_PER_WINDOW = 60, 10
REPEATS_KEPT = 1000
"""Different lines that are counted; with more of them the oldest count is closed."""


class UnknownLogField(AssertionError):
    """A log call used a field that is not in ``FIELDS``."""


@dataclass
class _Repeats:
    """Count of a line since its first, and a summary of those that were left out."""

    line: dict[str, Any]
    since: float
    count: int = 0
    left_out: int = 0


class RepeatLimit:
    """Lets the same event and reason of a press through some times a minute.

    The rest are counted, and the minute ends with one line with their ``count``.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = RLock()  # simulations log from threads of their own
        self._seen: dict[tuple[Any, ...], _Repeats] = {}

    def __call__(
        self, _logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A processor of structlog."""
        key = tuple(event.get(name) for name in KEY)
        with self._lock:
            if not self._wanted(key, method):
                raise structlog.DropEvent
        return event

    def _wanted(self, key: tuple[Any, ...], method: str) -> bool:
        known = self._seen.get(key)
        if known is None:
            if len(self._seen) >= REPEATS_KEPT:
                self._close(next(iter(self._seen)))
            line = {name: value for name, value in zip(KEY, key, strict=True) if value}
            known = self._seen[key] = _Repeats(line | {"method": method}, self._clock())
        known.count += 1
        limit = INFOS_PER_WINDOW if method in {"info", "debug"} else TROUBLES_PER_WINDOW
        known.left_out += known.count > limit
        return known.count <= limit

    def flush(self) -> None:
        """Close the counts whose minute is over; to be called now and then."""
        with self._lock:
            now = self._clock()
            for key in [k for k, r in self._seen.items() if now - r.since >= REPEAT_WINDOW_S]:
                self._close(key)

    def _close(self, key: tuple[Any, ...]) -> None:
        known = self._seen.pop(key)
        if known.left_out:
            line = dict(known.line)
            write = getattr(get_logger(), line.pop("method"))
            write(**line, count=known.left_out, hint="repeats in a minute that were not logged")
            self._seen.pop(key, None)  # that line was not the first of a new minute


_repeats = RepeatLimit()
flush_repeats = _repeats.flush
"""Say what was left out of the log in the last minute."""


def _only_known_fields(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    unknown = event.keys() - FIELDS
    if unknown and __debug__ and "pytest" in sys.modules:
        raise UnknownLogField(f"log fields {sorted(unknown)} are not in edge_agent.logs.FIELDS")
    for name in unknown:
        del event[name]
    return event


def configure(level: str = "info", style: Literal["json", "text"] = "json") -> None:
    """Set up logging to stderr, once per process."""
    render: Any = structlog.processors.JSONRenderer()
    if style == "text":
        render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _repeats,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _only_known_fields,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    for library in ("mqtt", "pymodbus"):  # what they say there, we raise
        logging.getLogger(library).setLevel(logging.CRITICAL)


if not structlog.is_configured():  # stdout holds results: what is unconfigured writes elsewhere
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def get_logger() -> Any:
    """The logger of the agent."""
    return structlog.get_logger()
