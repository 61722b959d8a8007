"""Content of a page: sections of text, tables, lists and plots, as plain data.

Words are kept as they are; escaping is the business of whoever writes the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent.report.plot import Plot

Tone = Literal["plain", "good", "warning", "bad"]


@dataclass(frozen=True)
class Code:
    """A name as it stands in a file or a program."""

    words: str


@dataclass(frozen=True)
class Link:
    """Words that lead to a file of the project; ours only, never what a user gave."""

    words: str
    target: str


Inline = str | Code | Link
Words = Inline | tuple[Inline, ...]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    words: Words


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[Words, ...]


@dataclass(frozen=True)
class Table:
    """Rows below a header; columns named in ``numeric`` are set to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]
    numeric: tuple[str, ...] = ("value",)
    caption: str = ""

    @staticmethod
    def of(
        columns: str,
        rows: Sequence[Sequence[Words]],
        numeric: str = "value",
        caption: str = "",
    ) -> Table:
        """``Table.of("name|value|unit", rows)``: columns and numeric ones separated by ``|``."""
        names = tuple(columns.split("|"))
        return Table(names, tuple(tuple(row) for row in rows), tuple(numeric.split("|")), caption)


@dataclass(frozen=True)
class SideBySide:
    """Tables beside each other where there is room, below each other where not."""

    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Card:
    """One figure at a glance."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True)
class Cards:
    """The figures that a reader wants first."""

    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Plots:
    """Plots, each with its title and a caption."""

    plots: tuple[Plot, ...]


Block = Text | Items | Table | SideBySide | Cards | Plots


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]

    def plots(self) -> list[Plot]:
        """All plots in their order."""
        blocks = [*self.lead, *(block for section in self.sections for block in section.blocks)]
        return [plot for block in blocks if isinstance(block, Plots) for plot in block.plots]
