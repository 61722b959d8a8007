"""What a target has made of the shots that it was given."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.logged_shots.bundle import Bundle


@dataclass
class Taken:
    """Answer of a target to a batch; a shot that is in no list is imported."""

    there: list[Bundle] = field(default_factory=list)
    """They were there already, and stay as they are."""
    doubtful: list[tuple[Bundle, str, str]] = field(default_factory=list)
    """They may be there already as other shots, and are not taken: with column and words."""
    other_readings: list[Bundle] = field(default_factory=list)
    """Their readings are not taken: other ones of them are there."""
    has_readings: list[Bundle] = field(default_factory=list)
    """Their readings are there already, and are not taken again."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was counted beside."""

    def count(self, words: str) -> None:
        """Count a shot beside."""
        self.counts[words] = self.counts.get(words, 0) + 1
