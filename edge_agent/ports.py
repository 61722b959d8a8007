"""What the stages hand to each other, and the history as something to exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

T = TypeVar("T")

RowKind = Literal["telemetry", "shot", "prediction", "quality", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it arrived, before anyone looked into it."""

    received_at: datetime
    topic: str
    payload: bytes
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An envelope that is safely on disk."""

    id: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish: ``key`` makes it unique, ``retain`` keeps it at the broker."""

    press: str
    key: str
    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row for the history: columns by name; ``key`` is unique per kind."""

    kind: RowKind
    key: str
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """An entry of the outbox."""

    id: int
    created_at: datetime
    entry: T


@dataclass
class Receipt:
    """What became of a batch: every entry is accepted, rejected for good, or kept for later."""

    accepted: list[int] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    """Reason by entry; the spool turns them into dead letters."""


class HistoryStore(Protocol):
    """A history. Delivering the same row twice is harmless: keys are idempotent."""

    def deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        """Write a batch in one transaction.

        Raises:
            StoreError: nothing was written; keep the batch.
        """
        ...

    def shot(self, shot_id: str) -> dict[str, list[dict[str, Any]]]:
        """All that is stored of a shot: rows by table."""
        ...

    def shots(self, mold_id: str | None, since: datetime, limit: int) -> list[dict[str, Any]]:
        """Shots poured since then, newest first, with their latest prediction."""
        ...

    def close(self) -> None:
        """Release the store."""
        ...
