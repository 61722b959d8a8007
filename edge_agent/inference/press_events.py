"""Events of presses that an agent remembers: what was done that may change the shots after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logs import get_logger

HAPPENED_SCOPE = "happened"
"""Scope in the spool's state, by press."""
EVENTS_MAX = 100
"""Of a press that are kept."""
State = dict[tuple[str, str], dict[str, Any] | None]


class _Kept(BaseModel):
    events: list[LoggedEvent]


class PressEvents:
    """Events of each press, in the order in which they became known."""

    def __init__(self, kept: Iterable[Mapping[str, Any]] = ()) -> None:
        """Go on from what was kept; what is damaged is left out."""
        self.by_press: dict[str, list[LoggedEvent]] = {}
        for value in kept:
            try:
                events = _Kept.model_validate(value).events
            except ValidationError as error:
                get_logger().warning("press_events_unreadable", error=str(error)[:500])
                continue
            for event in events:
                self.by_press.setdefault(event.address, []).append(event)

    def add(self, events: Iterable[LoggedEvent], state: State) -> list[LoggedEvent]:
        """Keep events; those that are new.

        Args:
            events: as they became known.
            state: takes what is to be kept.
        """
        new = list[LoggedEvent]()
        for event in events:
            known = self.by_press.get(event.address, [])
            if any(event.is_as(other) for other in known):
                continue
            kept = sorted([*known, event], key=lambda one: one.known_at)[-EVENTS_MAX:]
            self.by_press[event.address] = kept
            new.append(event)
        for press in {event.address for event in new}:
            of_press = _Kept(events=self.by_press[press])
            state[HAPPENED_SCOPE, press] = of_press.model_dump(mode="json")
        return new
