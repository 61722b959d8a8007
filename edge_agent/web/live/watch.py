"""Looks now and then at what sends no message when it is away: the history, and a silent press."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from edge_agent.config.settings import Settings
from edge_agent.history.read import open_reader
from edge_agent.logs import get_logger
from edge_agent.web.live.state import LiveState
from twin_core.errors import TwinError

LOOK_S = 2.0
HISTORY_TIMEOUT_S = 5.0
"""A history that does not answer for so long counts as away."""
FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""No shot was poured since then: the quickest question."""


async def watch(settings: Settings, live: LiveState) -> None:
    """Look until cancelled."""
    while True:
        live.look()
        problem = await history_problem(settings)
        if (problem is None) != (live.history is None):
            event = "history_readable" if problem is None else "history_not_readable"
            get_logger().info(event, detail=problem or "")
        live.set_history(problem)
        await asyncio.sleep(LOOK_S)


async def history_problem(settings: Settings) -> str | None:
    """Why the history cannot be read; None while it can."""
    try:
        reader = open_reader(settings.history)
        try:
            async with asyncio.timeout(HISTORY_TIMEOUT_S):
                await reader.shots(None, FAR, 1)
        finally:
            await reader.close()
    except TimeoutError:
        return f"it does not answer within {HISTORY_TIMEOUT_S:g} s"
    except TwinError as error:
        return str(error)
    return None
