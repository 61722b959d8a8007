"""What the columns of a foreign table may be, how sure that is, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SURE, LIKELY, GUESS = "sure", "likely", "a guess"
"""How sure a column is what it is taken for."""
Rows = Sequence[Mapping[str, Any]]
"""Some rows of a table, by column."""


@dataclass
class Proposed:
    """A column, or a signal of the long form, with what it may be."""

    name: str
    field: str | None = None
    sure: str = GUESS
    unit: str = ""
    """Unit as it is written in the mapping; empty where that of the field fits."""
    reasons: list[str] = dataclasses.field(default_factory=list)
    open: list[str] = dataclasses.field(default_factory=list)
    """What a person has to decide."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """More for the mapping: ``prefix``."""


@dataclass
class Proposal:
    """What a table may be."""

    columns: list[Proposed]
    form: str = "wide"
    signals: list[Proposed] = dataclasses.field(default_factory=list)
    """Of the long form."""
    time: Proposed | None = None
    signal: str = ""
    value: str = ""
    decimal: str = "."
    time_format: str = ""
    needs_zone: bool = False

    def of(self, name: str) -> Proposed | None:
        """The column that is a field."""
        return next((one for one in self.columns if one.field == name), None)

    def take_times(self, form: str, has_no_zone: bool) -> None:
        """Note how the times of a column are written."""
        self.time_format = self.time_format or form
        self.needs_zone = self.needs_zone or has_no_zone
