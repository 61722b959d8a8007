"""Sources of process logs: they give rows of a shot as they are; nothing is converted in them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from edge_agent.logged_shots.bundle import Bundle
from edge_agent.shots.shot_query import ShotQuery

Kind = Literal["missing", "contradictory", "implausible", "refused", "unused"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of a source that is not used, or stands in for what is missing."""

    kind: Kind
    """``refused``: the whole shot. ``unused``: nothing here knows it."""
    where: str
    """Table or file, and row."""
    column: str
    words: str
    shot_id: str = ""

    @property
    def line(self) -> str:
        """All of it, in a line."""
        shot = f" (shot {self.shot_id})" if self.shot_id else ""
        column = f", column {self.column}" if self.column else ""
        return f"{self.where}{shot}{column}: {self.words}"


@dataclass(frozen=True, slots=True)
class RawReading:
    """A reading as it stands in its row."""

    row: int
    time: object
    value: object


@dataclass
class RawShot:
    """Rows of one shot, as a source has them."""

    where: str
    """Table or file, and row."""
    cells: Mapping[str, object]
    """By the name of the column."""
    readings: Mapping[str, list[RawReading]] = field(default_factory=dict)
    """By the sensor of the contract, in whatever order."""
    readings_where: str = ""
    """Table or file of the readings."""
    problems: list[Problem] = field(default_factory=list)
    key_is_shared: bool = False
    """Several shots have the key by which readings are found: only times tell them apart."""
    decimal: str | None = None
    """Decimal mark, where the source has found it."""
    readings_decimal: str | None = None
    """That of the readings, where it is another; None: the same."""


@dataclass
class Refused:
    """A shot that could not be read at all."""

    problem: Problem


Fetched = RawShot | Bundle | Refused


class ProcessLogSource(Protocol):
    """Where process logs lie."""

    async def check(self) -> Iterable[str]:
        """Look whether all that a mapping names is there.

        Returns:
            Words for what is not used.

        Raises:
            InputError: a table or column is not there. StoreError: the source is not reached.
        """
        ...

    def fetch_shots(self, query: ShotQuery) -> AsyncGenerator[Fetched]:
        """Shots one after the other, those that may fit; what fits is decided behind it.

        Args:
            query: what the source may use to read less.

        Raises:
            InputError: it cannot be read. StoreError: it is not reached.
        """
        ...

    async def close(self) -> None:
        """Release connections and files."""
        ...
