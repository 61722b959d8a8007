"""Waiting for a condition, never for a moment: as long as it takes, up to a generous limit."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

LIMIT_S = 120.0
"""A machine that compiles the model and does other work, too, needs a third of it."""
_POLL_S = 0.02
GATHER_S = 0.2
"""Raw telemetry of an agent in tests is gathered so long for the history (``history.gather_s``)."""
GATHER_BY_DEFAULT_S = 10.0
"""In a plant it is so long: also where figures are measured, or faults are looked for by the hour.
"""


def wait_for(
    condition: Callable[[], bool],
    what: str,
    limit_s: float = LIMIT_S,
    away: tuple[type[Exception], ...] = (),
) -> None:
    """Look until it is so.

    Args:
        what: is waited for, in words.
        away: errors that only mean "not yet": a database that is just being made.

    Raises:
        AssertionError: it was not so in time.
    """
    end = time.monotonic() + limit_s
    while True:
        try:
            if condition():
                return
        except away:
            pass
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_s:g} s for {what}")
        time.sleep(_POLL_S)


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    what: str = "the condition in the test",
    limit_s: float = LIMIT_S,
    away: tuple[type[Exception], ...] = (),
) -> None:
    """``wait_for`` beside what else runs in the loop; the condition may be asynchronous.

    Raises:
        AssertionError: it was not so in time.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    while True:
        try:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
        except away:
            pass
        if loop.time() > end:
            raise AssertionError(f"waited {limit_s:g} s for {what}")
        await asyncio.sleep(_POLL_S)
