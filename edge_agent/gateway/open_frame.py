"""A frame that is being filled: readings that are close in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.gateway.channels import Channel, LeftOut


class OpenFrame:
    """Readings of one source that travel together."""

    __slots__ = ("due_us", "first_us", "left_out", "newest_us", "of_arrival", "parts")

    def __init__(self) -> None:
        self.first_us = self.newest_us = self.due_us = 0
        """Oldest and newest time of the readings; when it goes at the latest, by our clock."""
        self.parts: dict[str, dict[str, Any]] = {"sensors": {}, "metrics": {}, "status": {}}
        self.left_out: dict[str, LeftOut] = {}
        self.of_arrival = False

    def __len__(self) -> int:
        return sum(map(len, self.parts.values())) + len(self.left_out)

    def fits(self, channel: Channel, ts_us: int, together_us: int) -> bool:
        """Whether a reading may join: close in time, and of a channel that is not in it yet."""
        if not self.due_us:
            return True
        return (
            ts_us - together_us <= self.first_us <= ts_us + together_us
            and channel.name not in self.parts[channel.part]
            and channel.name not in self.left_out
        )

    def add(self, channel: Channel, found: Any, ts_us: int, due_us: int, of_arrival: bool) -> None:
        """Add a reading, or why a channel has none.

        Args:
            channel: the channel.
            found: its reading, or reason and words.
            ts_us: when the machine read it.
            due_us: when the frame goes at the latest, if this is its first one.
            of_arrival: the machine gave no time.
        """
        if not self.due_us:
            self.due_us, self.first_us, self.newest_us = due_us, ts_us, ts_us
        elif ts_us > self.newest_us:
            self.newest_us = ts_us
        if type(found) is dict:
            self.left_out[channel.name] = found
        else:
            self.parts[channel.part][channel.name] = found
        if of_arrival:
            self.of_arrival = True

    def document(self) -> dict[str, Any]:
        """Its part of the message."""
        found: dict[str, Any] = {name: part for name, part in self.parts.items() if part}
        if self.left_out:
            found["left_out"] = self.left_out
        if self.of_arrival:
            found["ts_of_arrival"] = True
        return found

    def state(self) -> dict[str, Any] | None:
        """State as JSON; None while it is empty."""
        if not self.due_us:
            return None
        return {
            "first_us": self.first_us,
            "newest_us": self.newest_us,
            "due_us": self.due_us,
            "parts": {name: dict(part) for name, part in self.parts.items()},
            "left_out": dict(self.left_out),
            "of_arrival": self.of_arrival,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> OpenFrame:
        """The frame that a state describes."""
        found = cls()
        if state is not None:
            found.first_us, found.newest_us = state["first_us"], state["newest_us"]
            found.due_us, found.of_arrival = state["due_us"], state["of_arrival"]
            found.parts = {name: dict(part) for name, part in state["parts"].items()}
            found.left_out = dict(state["left_out"])
        return found
