"""A table with a row a shot: ids stay texts, known columns are numbers, nothing is inferred.

A cell that is no value of its column is left out and named; the rest of the column is used.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin_core.errors import InputError
from twin_core.log_files.cells import MISSING, flag, number, time
from twin_core.log_files.text_form import TextTable
from twin_core.log_files.units import is_row_of_units

Kind = Literal["text", "number", "flag", "time"]
BYTES_MAX = 100_000_000
"""Of a CSV file: 40,000 shots of 140 columns; Parquet holds more."""
NUMBERS_MAX = 12_000_000
"""Cells of numbers of a file; 96 MB."""
TEXT_BYTES_MAX = 50_000_000
"""What the texts of a file may take in memory."""
TEXT_OVERHEAD = 60
"""Bytes that a short text takes beside its characters."""
EXAMPLES = 5
NO_TIME = -(2**63)
"""NaT of numpy."""
_MANGLED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+|[0-9]E\+[0-9]+", re.IGNORECASE)
_NUMBER_LIKE = re.compile(r"0[0-9]+|[0-9]{16,}")
"""Digits that are a name: with leading zeros, or more than a number keeps."""


@dataclass
class LeftOut:
    """Cells of one column that are left out.

    Attributes:
        column: its name.
        count: how many cells.
        given: how many cells of the column said anything.
        examples: the first ones: row, value, reason.
    """

    column: str
    count: int
    given: int
    examples: list[str]

    @property
    def whole(self) -> bool:
        """Is nothing left of the column?"""
        return self.count == self.given

    def words(self, where: str) -> str:
        """A line for people.

        Args:
            where: the file.
        """
        unnamed = self.count - len(self.examples)
        more = f", and {unnamed} more" if unnamed else ""
        return f"{where}: column {self.column}: left out: {', '.join(self.examples)}{more}"


Told = Callable[[LeftOut], None]


def read_shot_table(
    path: Path, kinds: Callable[[str], Kind | None], known: Iterable[str], told: Told
) -> dict[str, NDArray[Any]]:
    """Columns of a CSV file by name: float64, numpy texts, or datetime64[us] in UTC.

    Args:
        kinds: what a column holds, by its name; None of a column that nothing here knows: numbers
            if most of its cells are, else texts.
        known: names whose case in the file does not matter.
        told: called with each column of which cells are left out.

    Raises:
        InputError: names file, line, column, value and the way out.
    """
    table = TextTable(path, BYTES_MAX, known)
    kind_of = {name: kinds(name) for name in table.names if name}
    measured = {name: at for at, name in enumerate(table.names) if kind_of.get(name) == "number"}
    numbers = list(measured.values())
    unknown = [at for at, name in enumerate(table.names) if name and kind_of[name] is None]
    mark = table.decimal_mark(numbers or unknown)
    columns = [
        Column(table.where, name, kind_of[name], mark) if name else None for name in table.names
    ]
    texts, cells_of_numbers = 0, 0
    for row, (line, cells) in enumerate(table.rows()):
        units = {name: cells[at] for name, at in measured.items()}
        if not row and is_row_of_units(table.where, line, units):
            continue
        for column, cell in zip(columns, cells, strict=True):
            if column is not None:
                texts += column.add(cell, f"line {line}")
        cells_of_numbers += len(numbers)
        if texts > TEXT_BYTES_MAX or cells_of_numbers > NUMBERS_MAX:
            raise InputError(
                f"{table.where}: line {line}: more than memory should hold of one table: leave out "
                "columns that are not needed, or write it as Parquet in parts"
            )
    return {column.name: column.finish(told) for column in columns if column is not None}


class Column:
    """Cells of one column, converted as they come."""

    def __init__(self, where: str, name: str, kind: Kind | None, mark: str = ".") -> None:
        """Begin without cells.

        Args:
            where: the file, for errors.
            kind: None keeps texts until it is clear whether they are numbers.
            mark: decimal mark.
        """
        self._where, self.name, self._kind, self._mark = where, name, kind, mark
        self._numbers = array("d")
        self._times = array("q")
        self._texts: list[str] = []
        self._same: dict[str, str] = {}
        self._given = 0
        self._wrong: list[str] = []
        self._wrong_count = 0

    def add(self, cell: str, row: str) -> int:
        """Take a cell without blanks around it.

        Args:
            row: which one it is, in words.

        Returns:
            Bytes that are kept of a text that was not there before.
        """
        if self._kind is None or self._kind == "text":
            return self._add_text(cell, row)
        if cell.casefold() in MISSING:
            self._put(None)
            return 0
        self._given += 1
        match self._kind:
            case "number":
                value = number(cell, self._mark)
                wrong = "is no number" if value is None or np.isinf(value) else None
                self._put(None if wrong else value)
            case "flag":
                value = flag(cell)
                wrong = "is neither yes nor no, 1 nor 0" if value is None else None
                self._put(value)
            case "time":
                at = time(cell)
                wrong = at if isinstance(at, str) else None
                self._put(None if isinstance(at, str) else at)
        if wrong is not None:
            self._leave_out(cell, row, wrong)
        return 0

    def finish(self, told: Told) -> NDArray[Any]:
        """The column as an array.

        Raises:
            InputError: its texts take more memory than they may, or none of its times is one.
        """
        if self._kind is None:
            self._kind = self._as_numbers() or "text"
        if self._wrong_count:
            if self._kind == "time" and self._wrong_count == self._given:
                raise InputError(f"{self._where}: column {self.name}: {self._wrong[0]}")
            told(LeftOut(self.name, self._wrong_count, self._given, self._wrong))
        if self._kind == "text":
            return text_array(self._where, self.name, self._texts)
        if self._kind == "time":
            return np.frombuffer(self._times, dtype=np.int64).view("datetime64[us]")
        return np.frombuffer(self._numbers, dtype=np.float64)

    def _add_text(self, cell: str, row: str) -> int:
        if self._kind == "text":
            if cell.casefold() in {"nan", "null", "none", "#n/a"}:
                cell = ""
            if _MANGLED.fullmatch(cell):
                raise InputError(
                    f"{self._where}: {row}, column {self.name}: {cell}: a spreadsheet has "
                    "shortened this id: export it as text"
                )
        kept = self._same.setdefault(cell, cell)
        self._texts.append(kept)
        return 8 if kept is not cell else 8 + TEXT_OVERHEAD + 4 * len(cell)

    def _put(self, value: float | None) -> None:
        if self._kind == "time":
            self._times.append(NO_TIME if value is None else int(value))
        else:
            self._numbers.append(np.nan if value is None else value)

    def _leave_out(self, cell: str, row: str, why: str) -> None:
        self._wrong_count += 1
        if len(self._wrong) < EXAMPLES:
            self._wrong.append(f"{row}: {cell[:60]!r} {why}")

    def _as_numbers(self) -> Kind | None:
        """``number`` where most cells are, by the column itself; the texts are converted."""
        given = [text for text in self._texts if text.casefold() not in MISSING]
        if any(_NUMBER_LIKE.fullmatch(text) for text in self._same):
            return None
        found = {text: number(text, self._mark) for text in self._same}
        if 2 * sum(found[text] is not None for text in given) < len(given):
            return None
        texts, self._texts, self._kind = self._texts, [], "number"
        for row, text in enumerate(texts):
            self.add(text, f"row {row + 1}")
        return "number"


def text_array(where: str, name: str, texts: Sequence[str]) -> NDArray[np.str_]:
    """Texts as a numpy array, all of which take the room of the longest.

    Raises:
        InputError: that would be too much.
    """
    longest = max(map(len, texts), default=0)
    if 4 * longest * len(texts) > TEXT_BYTES_MAX:
        raise InputError(
            f"{where}: column {name}: {len(texts)} texts of up to {longest} characters: leave the "
            "column out, or shorten its texts"
        )
    return np.array(texts, dtype=np.str_)
