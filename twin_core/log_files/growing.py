"""A table that a logger is still writing: rows are read as they are added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from twin_core.errors import InputError
from twin_core.log_files.text_form import LINE_MAX, TextTable

_OPEN_QUOTE = "a quotation mark is opened and not closed in its line"
_NEWLINES = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}


@dataclass(frozen=True, slots=True)
class AddedRow:
    """A row of a part, or why it is none."""

    line: int
    """In the file, from 1."""
    cells: list[str]
    problem: str = ""
    """Names file, line and reason; then there are no cells to be used."""


class GrowingTable:
    """The header of a file; it reads parts of whole lines.

    Attributes:
        names: of the columns, as ``TextTable`` has them.
        header: bytes of the file up to the first row.
        header_lines: lines of these.
        newline: bytes of a line's end.
    """

    def __init__(self, where: str, head: bytes, known: Iterable[str]) -> None:
        """Find the header.

        Args:
            where: the file, for errors.
            head: first bytes of the file.
            known: names of columns that mean something.

        Raises:
            InputError: these lines have no header that can be used.
        """
        self._where, self._known = where, tuple(known)
        table = TextTable.of_bytes(where, head, self._known, comments=True)
        self.names, self.delimiter = table.names, table.delimiter
        self.newline = _NEWLINES.get(table.encoding, b"\n")
        self.header_lines = table.header_line
        self.header = self.first_lines(head, self.header_lines)

    @property
    def is_whole(self) -> bool:
        """Does the header end with a line's end? Else the logger is still writing it."""
        return self.header.endswith(self.newline)

    def whole_lines(self, part: bytes) -> int:
        """Bytes of a part up to its last line's end.

        Args:
            part: begins with a line.

        Raises:
            InputError: a line does not end.
        """
        end = at = len(part)
        while at > 0:
            at = part.rfind(self.newline, 0, end)
            if at < 0:
                break
            if at % len(self.newline) == 0:
                return at + len(self.newline)
            end = at + len(self.newline) - 1
        if len(part) > LINE_MAX and part.strip(b"\0"):
            raise InputError(
                f"{self._where}: a line is longer than {LINE_MAX} bytes: this is no table with a "
                "row a line"
            )
        return 0

    def first_lines(self, part: bytes, count: int) -> bytes:
        """The first lines of a part."""
        end = 0
        for _ in range(count):
            end = self._line_end(part, end)
        return part[:end]

    def rows(self, part: bytes, line: int) -> Iterator[AddedRow]:
        """Rows of a part of whole lines.

        Args:
            part: bytes of the file below the header.
            line: of the file, with which the part begins, from 1.
        """
        try:
            rows = list(self._rows_of(part, line))
        except InputError:  # of one of its lines
            rows = []
            at = 0
            while at < len(part):
                end = self._line_end(part, at)
                rows += self._row_alone(part[at:end], line)
                at, line = end, line + 1
        yield from rows

    def _rows_of(self, part: bytes, line: int) -> Iterator[AddedRow]:
        table = TextTable.of_bytes(self._where, self.header + part, self._known, comments=True)
        before = line - self.header_lines - 1
        for at, cells in table.uneven_rows():
            if any("\n" in cell for cell in cells):
                raise InputError(f"{self._where}: line {at + before}: {_OPEN_QUOTE}")
            problem = ""
            if len(cells) != len(self.names):
                problem = f"{self._where}: line {at + before}: {table.width_words(cells)}"
            yield AddedRow(at + before, cells, problem)

    def _row_alone(self, part: bytes, line: int) -> list[AddedRow]:
        try:
            return list(self._rows_of(part, line))
        except InputError as error:
            reason = str(error).removeprefix(f"{self._where}: ").partition(": ")[2] or str(error)
            return [AddedRow(line, [], f"{self._where}: line {line}: {reason}")]

    def _line_end(self, content: bytes, at: int) -> int:
        """Where the line ends that begins at a place."""
        while True:
            found = content.find(self.newline, at)
            if found < 0:
                return len(content)
            if found % len(self.newline) == 0:
                return found + len(self.newline)
            at = found + 1
