"""Entries that the stages hand to each other, and the history as something to exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

T = TypeVar("T")

RowKind = Literal["telemetry", "shot", "prediction", "quality", "event", "alert", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Retained:
    """A message that the broker retains."""

    topic: str
    payload: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish: ``key`` makes it unique, ``retain`` keeps it at the broker."""

    press: str
    key: str
    topic: str
    payload: bytes
    retain: bool = False
    at: datetime | None = field(default=None, compare=False)
    """When it was issued; None where that is when it is stored."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row for the history: its table, and its columns by name as a JSON object."""

    kind: RowKind
    document: str


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """An entry of the outbox."""

    id: int
    created_at: datetime
    entry: T


@dataclass
class Receipt:
    """Outcome of a batch: every entry is accepted, rejected for good, or kept for later."""

    accepted: list[int] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    """Reason by entry; they become dead letters."""


class HistoryStore(Protocol):
    """A history that takes rows. The same row twice is harmless: every table has a natural key."""

    async def deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        """Write a batch in one transaction.

        Raises:
            StoreError: nothing was written; keep the batch.
        """
        ...

    async def upkeep(self, now: datetime) -> bool:
        """Some of the work that keeps it small and quick; true when there is more to do.

        Raises:
            StoreError: not now.
        """
        ...

    async def close(self) -> None:
        """Release the store."""
        ...
