"""Messages of a gateway on their way, and what stands behind them in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from broker.topics import PressAddress

Kind = Literal["telemetry", "shot"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has its number: the outbox adds ``device_id`` and ``seq``."""

    press: PressAddress
    device: str
    """As configured; the outbox makes the ``device_id`` of the wire from it."""
    kind: Kind
    ts: datetime
    document: Mapping[str, Any]
    """The message as plain JSON values, without ``device_id`` and ``seq``."""
    historical: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """All that a batch of samples led to, committed in one transaction or not at all."""

    drafts: Sequence[Draft]
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """State of stations by name, as JSON: where frames and triggers stand."""
    positions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Position by source."""
    trace: Sequence[tuple[str, Mapping[str, Any]]] = ()
    """Station and line of its trace, as JSON: why a shot began, or not."""
