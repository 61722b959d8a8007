"""Trace of a station: in plain words, why a shot began, ended, or did not."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT = 200
"""Lines that are kept for who asks."""
TOLD = "told"
"""An event that was told, as a draft."""
NOT = "not"
"""A condition that came true and led to no event."""
NOTE = "note"
"""Something that a person who maps this machine should know."""
_FREQUENT = frozenset(
    "not-long-enough while-not-held debounced late not-a-number too-early no-shot".split()
)
"""Reasons that a noisy tag gives many times a second …"""
_PAUSE_US = 10_000_000
"""… which are then one line in so long."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """Line of a trace."""

    station: str
    at_us: int
    """When it happened by the source's clock, in microseconds since 1970, UTC."""
    kind: str
    """``told``, ``not`` or ``note``."""
    event: str
    """``started``, ``poured``, ``demolded``, ``aborted``; empty for what concerns none."""
    reason: str
    """Word for machines: ``while-not-held``, ``debounced``, ``mass-missing`` …"""
    words: str

    def document(self) -> dict[str, Any]:
        """The line as plain JSON values."""
        return {
            "station": self.station,
            "at_us": self.at_us,
            "kind": self.kind,
            "event": self.event,
            "reason": self.reason,
            "words": self.words,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> TraceLine:
        """The line that `document` made."""
        return cls(**{name: document[name] for name in cls.__slots__})


@dataclass
class Trace:
    """Lines of a station, newest last; those that were not fetched yet, and counts."""

    station: str
    lines: deque[TraceLine] = field(default_factory=lambda: deque(maxlen=KEPT))
    new: list[TraceLine] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """How often, by ``event:reason``, since this process began."""

    def add(self, at_us: int, kind: str, event: str, reason: str, words: str) -> None:
        """Add a line; what a noisy tag gives again and again is counted, and is one line.

        Args:
            at_us: when it happened, by the source's clock.
            kind: ``told``, ``not`` or ``note``.
            event: event of a shot that it is about, or nothing.
            reason: word for machines.
            words: sentence for people.
        """
        key = f"{event}:{reason}"
        self.counts[key] = self.counts.get(key, 0) + 1
        last = self.lines[-1] if self.lines else None
        if (
            reason in _FREQUENT
            and last is not None
            and (last.event, last.reason) == (event, reason)
            and abs(at_us - last.at_us) < _PAUSE_US
        ):
            return
        line = TraceLine(self.station, at_us, kind, event, reason, words)
        self.lines.append(line)
        self.new.append(line)

    def fetch(self) -> list[TraceLine]:
        """Lines that are new since this was asked last."""
        found, self.new = self.new, []
        return found
