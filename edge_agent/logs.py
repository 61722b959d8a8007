"""Structured logs: events named in the past tense, a closed list of fields, ``shot_id`` bound.

State changes are logged, not repetitions: what can be counted is a metric.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_WHO = {"site", "press", "shot_id", "mold_id", "system_id", "agent_id", "topic"}
_WHAT = {"reason", "detail", "code", "hint", "error", "exception", "stage", "signal", "outcome"}
_HOW = {"host", "port", "protocol", "path", "version", "basis", "revision", "speed"}
_HOW_MUCH = {"delay_s", "count", "backlog_count", "rejected_count"}
FIELDS = frozenset({"event", "level", "timestamp"} | _WHO | _WHAT | _HOW | _HOW_MUCH)
"""Every field of a log line; another one is an error in tests and is dropped in production."""


class UnknownLogField(AssertionError):
    """A log call used a field that is not in ``FIELDS``."""


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
    logging.getLogger("mqtt").setLevel(logging.ERROR)


def get_logger() -> Any:
    """The logger of the agent."""
    return structlog.get_logger()
