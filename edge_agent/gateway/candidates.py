"""Candidates: moments at which an event of a shot began, before it is certain that it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

EVENTS = ("aborted", "demolded", "started", "poured")
"""Events in their order where several are of one moment: the last shot ends before the next."""


@dataclass(slots=True)
class Candidate:
    """A moment at which the condition of an event began to hold."""

    number: int
    event: str
    ts_us: int
    arrived_us: int
    source: str
    historical: bool = False
    of_arrival: bool = False
    holding: bool = False
    """The condition must hold on until it counts."""
    reading: bool = False
    """What it takes along is still to be read."""
    unknown: bool = False
    """It held long enough, but now its tag has no value: the next value decides."""
    found: dict[str, Any] = field(default_factory=dict)
    """What it takes along."""

    @property
    def is_ready(self) -> bool:
        """Whether it counts."""
        return not (self.holding or self.reading)

    @property
    def order(self) -> tuple[int, int, int]:
        """Its place among others."""
        return self.ts_us, EVENTS.index(self.event), self.number

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Candidate:
        """The candidate that a state describes."""
        return cls(**state)


@dataclass(slots=True)
class Due:
    """What is to be looked at when its time has settled: a value, or a candidate once more."""

    ts_us: int
    number: int
    """Order of those of one moment."""
    kind: str
    """``value``, ``held`` (for how long a condition must hold), ``read``, ``give-up``."""
    source: str
    arrived_us: int
    tag: str = ""
    value: float | int | bool | str | None = None
    historical: bool = False
    of_arrival: bool = False
    baseline: bool = False
    """It says how things stand; nothing begins with it."""
    candidate: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Its place among others."""
        return self.ts_us, self.number

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Due:
        """The item that a state describes."""
        return cls(**state)
