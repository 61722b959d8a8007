"""The file that says which column of a table of real cycles is what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from twin_core.checked_yaml import parse, read_yaml
from twin_core.learning.columns import COLUMNS, DEFECTS, INPUTS, TARGETS, known_by

POUR = tuple(
    name
    for name in known_by("pour")
    if name.startswith("proc_") and name != "proc_substituted_count"
)
"""Columns for what is known before a cycle; first those that a learner compares with before."""
DEMOLD = tuple(
    name
    for name in known_by("demold")
    if name.startswith(("meas_", "delta_"))
    and "_mold_" not in name
    and name not in {target.measured for target in TARGETS.values()}
)
"""Columns for what is known when a cycle ends."""
CHECKED = ("proc_T_polyol_in_C", "proc_T_iso_in_C", "proc_packing_kg_per_m3")
"""Columns that ``twin_core.learning.teaching`` holds results against."""
Name = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextForm(_Part):
    """Form of a text file; what is left out is found."""

    encoding: str = ""
    separator: Annotated[str, Field(max_length=1)] = ""
    decimal: Literal[".", ",", ""] = ""

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            "".encode(name or "utf-8")
        except LookupError:
            raise ValueError("is no encoding that Python knows: utf-8, cp949, latin-1") from None
        return name


class Time(_Part):
    """Column of the time stamps."""

    column: Name
    format: str = ""
    """As of strptime; left out: 2026-01-31 12:00:00 (T between them, zone behind), or a number."""
    zone: str = "UTC"
    """Of times that name none: UTC, Europe/Berlin, Asia/Seoul."""
    unit: Literal["s", "ms", "h", "d"] = "s"
    """Of numbers: counted since 1970, or from any beginning."""

    @field_validator("zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("is no zone: write UTC or Continent/City, as in Asia/Seoul")
        ZoneInfo(name)
        return name


class Label(_Part):
    """Text column, or the part of it that a pattern finds."""

    column: Name
    pattern: str = ""
    """A regular expression; its first group, or all that it finds, is the name."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return pattern


class Number(_Part):
    """Column of numbers: ``value * factor + offset`` is the column of the twin, in its unit."""

    column: Name
    factor: float = 1.0
    offset: float = 0.0

    @field_validator("factor")
    @classmethod
    def _not_zero(cls, factor: float) -> float:
        if factor == 0.0:
            raise ValueError("must not be 0: every value would be the same")
        return factor


class Measured(Number):
    """Measured column that takes the place of a target, and what is expected of it."""

    physics: Number | str | None = None
    """Column of what somebody had computed; none: the mean of the first cycles of each mold."""


class Failure(_Part):
    """Column that says which parts failed."""

    column: Name
    failed: Annotated[list[str], Field(min_length=1)]
    """Its texts for a bad part."""
    passed: list[str] = []
    """Its texts for a good part; none: every other one. Empty cells: nobody looked."""
    reason: str = ""
    """Column of the kind of failure."""
    kinds: dict[str, list[str]] = {}
    """By kind of defect of the twin, the texts of that column."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if unknown := set(self.kinds) - set(DEFECTS):
            raise ValueError(f"kinds: {min(unknown)} is none of {', '.join(DEFECTS)}")
        if self.kinds and not self.reason:
            raise ValueError("kinds: reason must name the column that has their texts")
        if both := set(self.failed) & set(self.passed):
            raise ValueError(f"{min(both)!r} cannot mean failed and passed")
        return self


class ColumnsFile(_Part):
    """Meaning of the columns of a table with a row a cycle."""

    time: Time
    text: TextForm = TextForm()
    machine: Label | str | None = None
    mold: Label | str | None = None
    material: Label | str | None = None
    cycle: str = ""
    """Column of ids; none: the numbers of the rows."""
    only: dict[str, list[str]] = {}
    """Rows to keep: by column, the texts that it may have."""
    duration_s: Number | str | float = 0.0
    """Of a cycle, from its time stamp to its end: a column, or a number."""
    results_after_h: Annotated[float, Field(ge=0)] = 0.0
    """From the end of a cycle until failures and the results of a laboratory are known."""
    first: Annotated[int, Field(ge=5)] = 50
    """Cycles of each mold whose mean stands for physics where there is none; no rows themselves."""
    targets: dict[str, Measured | str] = {}
    inputs: dict[str, Number | str] = {}
    """By column of the twin."""
    more_at_pour: list[Name] = []
    """Columns that are known before a cycle; each takes a free ``proc_`` column, scaled."""
    more_at_demold: list[Name] = []
    """Columns that are known when it ends; each takes a free ``meas_`` or ``delta_`` column."""
    failure: Failure | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if unknown := set(self.targets) - set(TARGETS):
            raise ValueError(f"targets: {min(unknown)} is none of {', '.join(TARGETS)}")
        may = {*POUR, *DEMOLD}
        if unknown := set(self.inputs) - may:
            names = ", ".join(sorted(may))
            raise ValueError(f"inputs: {min(unknown)} is no input; there are {names}")
        if not self.targets and self.failure is None:
            raise ValueError("neither targets nor failure: there is nothing to learn")
        for field, more, places in (
            ("more_at_pour", self.more_at_pour, self.free(POUR)),
            ("more_at_demold", self.more_at_demold, self.free(DEMOLD)),
        ):
            if len(more) > len(places):
                raise ValueError(
                    f"{field}: {len(more)} columns, and {len(places)} are free: leave out "
                    f"{len(more) - len(places)}"
                )
        return self

    def free(self, places: tuple[str, ...]) -> list[str]:
        """Columns of the twin that no input takes, those that learners look at first.

        None that a measurement is held against: what contradicts it would not teach.
        """
        left = [name for name in places if name not in {*self.inputs, *CHECKED}]
        return sorted(left, key=lambda name: name.startswith("proc_") and name not in INPUTS)


def read_columns_file(path: Path) -> ColumnsFile:
    """Read and check the file.

    Raises:
        InputError: names the file and every wrong field.
    """
    return parse(ColumnsFile, read_yaml(path), str(path))


assert set(POUR) | set(DEMOLD) <= set(COLUMNS)
