"""Events of presses from a history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.logged_shots.logged_event import EVENT_KINDS, LoggedEvent


async def press_events(reader: HistoryReader, which: RowFilter) -> list[LoggedEvent]:
    """What was done to presses, in the order in which it became known.

    Args:
        reader: of the history.
        which: rows of the table ``event``; its ``kinds`` do not count.

    Raises:
        StoreError: the history cannot be read.
    """
    found = list[LoggedEvent]()

    def keep(rows: list[dict[str, Any]]) -> None:
        found.extend(LoggedEvent.of_row(row) for row in rows)

    await reader.each("event", replace(which, kinds=EVENT_KINDS), keep)
    return sorted(found, key=lambda event: event.known_at)
