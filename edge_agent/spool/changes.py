"""All that one transaction of the spool does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from edge_agent.ports import HistoryRow, Outgoing


@dataclass
class Changes:
    """Additions, entries that others have by now, and new state: all for ``Spool.commit``."""

    publish: list[Outgoing] = field(default_factory=list)
    """Messages that the broker has not accepted yet."""
    settled: list[str] = field(default_factory=list)
    """Keys of messages that it accepted, or refused for good."""
    retained: dict[str, Outgoing] = field(default_factory=dict)
    """The newest retained message by topic."""
    forward: list[HistoryRow] = field(default_factory=list)
    forwarded: list[int] = field(default_factory=list)
    """Rows that the history took, or refused for good."""
    state: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)
    """New value by (scope, key); None forgets it."""
    drained: list[int] = field(default_factory=list)
    """Rows of the inbox that an older program left."""

    def __bool__(self) -> bool:
        return self.adds or bool(self.settled or self.forwarded or self.state or self.drained)

    @property
    def adds(self) -> bool:
        """True if it needs room: state takes the place of older state."""
        return bool(self.publish or self.retained or self.forward)


@dataclass(frozen=True)
class Depth:
    """Numbers of entries that wait."""

    publish_count: int
    forward_count: int


def new_key(kind: str) -> str:
    """A key for a message that has no natural one; it is made once, before it is committed."""
    return f"{kind}/{uuid.uuid4().hex}"
