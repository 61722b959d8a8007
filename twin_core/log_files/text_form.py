"""Form of a table in a text file: encoding, delimiter and header are found, rows come one by one.

Nothing is held but the bytes of the file, so that a file within its limit cannot fill the memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from twin_core.errors import InputError
from twin_core.log_files.cells import number
from twin_core.plain_files import read_bytes

LINE_MAX = 1_000_000
"""Characters of a line; a row of 300 columns has a hundredth of it."""
DELIMITERS = "\t;,|"
SAVE_AS = "save it as CSV in UTF-8"
_CHUNK = 1_000_000
_NOT_TEXT = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x1f\x8b": "packed with gzip",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\xff\xfe\0\0": "text in UTF-32",
    b"\0\0\xfe\xff": "text in UTF-32",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_ABOVE_MAX = 200
"""Lines among which a header is looked for."""
_FEWEST = 5
"""Rows that all have as many decimals make a last one with fewer look cut."""

IsHeader = Callable[[Sequence[str]], bool]
"""Whether cells are the names of columns."""
Row = tuple[int, list[str]]
"""Line in the file, cells without blanks around them: as many as the header has names."""


class TextTable:
    """A text file with a header, its rows to be read as often as needed.

    Attributes:
        where: the path, for errors.
        names: of the columns; a known name as it is known, whatever its case in the file. ""
            where a column has none.
        delimiter: between cells.
        encoding: of the text, by its name in Python.
    """

    def __init__(
        self,
        path: Path,
        bytes_max: int,
        known: Iterable[str],
        comments: bool = False,
        is_header: IsHeader | None = None,
    ) -> None:
        """Find the form of a file.

        Args:
            bytes_max: how large the file may be, in bytes.
            known: names of columns that mean something.
            comments: lines that begin with # are left out; else only those above the header.
            is_header: lines above the first one of which this is true are passed over: what an
                instrument writes of the sample. None: the first line is the header.

        Raises:
            InputError: it is no text, has no header, or a column stands twice.
        """
        self._is_header = is_header
        self._find_form(str(path), read_bytes(path, bytes_max), known, comments)

    @classmethod
    def of_bytes(
        cls, where: str, content: bytes, known: Iterable[str], comments: bool = False
    ) -> Self:
        """Find the form of a part of a file: its header, and some whole lines.

        Args:
            where: the file, for errors.
            content: header and lines.
            known: names of columns that mean something.
            comments: lines that begin with # are left out.

        Raises:
            InputError: it is no text, has no header, or a column stands twice.
        """
        table = cls.__new__(cls)
        table._is_header = None
        table._find_form(where, content, known, comments)
        return table

    def _find_form(self, where: str, content: bytes, known: Iterable[str], comments: bool) -> None:
        self.where, self._comments = where, comments
        self._known = {name.casefold(): name for name in known}
        self._content, self.encoding = _decoded(self.where, content)
        self._open_end = not self._content[-4:].rstrip(b"\0").endswith((b"\n", b"\r"))
        self.delimiter, self._header_line = self._head()
        records = self._records()
        self.header_line, header = next(records, (0, []))
        self.names = [self._known.get(name.casefold(), name) for name in header]
        while self.names and not self.names[-1]:
            self.names.pop()
        if not any(self.names):
            raise InputError(f"{self.where}: holds no header: the first line must name the columns")
        counts = Counter(name for name in self.names if name)
        for name, count in counts.items():
            if count > 1:
                raise InputError(
                    f"{self.where}: line {self.header_line}: column {name} stands {count} times: "
                    "rename one"
                )

    def rows(self) -> Iterator[Row]:
        """Rows below the header; a row without any content is none.

        Raises:
            InputError: a row has too few or too many cells, or the file is damaged there.
        """
        width = len(self.names)
        waiting: Row | None = None
        decimals: set[int] = set()
        count = 0
        for line, cells in self.uneven_rows():
            if len(cells) != width:
                raise InputError(f"{self.where}: line {line}: {self.width_words(cells)}")
            if waiting is not None:
                decimals.add(_decimals(waiting[1][-1]))
                count += 1
                yield waiting
            waiting = line, cells
        if waiting is None:
            return
        line, cells = waiting
        if self._open_end and count >= _FEWEST and len(decimals) == 1:
            last, usual = _decimals(cells[-1]), next(iter(decimals))
            if last < usual:
                raise InputError(
                    f"{self.where}: line {line}, column {self.names[-1]}: {cells[-1]!r} looks cut: "
                    f"the file ends in the middle of a line, and every value above has {usual} "
                    "decimals: complete the line or remove it"
                )
        yield waiting

    def uneven_rows(self) -> Iterator[Row]:
        """Rows below the header, however many cells they have; a row without any content is none.

        Raises:
            InputError: the file is damaged there.
        """
        width, records = len(self.names), self._records()
        next(records)
        for line, cells in records:
            while len(cells) > width and not cells[-1]:
                cells.pop()
            if any(cells):
                yield line, cells

    def decimal_mark(self, columns: Sequence[int]) -> str:
        """The mark in the numbers of these columns: a comma only where no number has a point.

        Args:
            columns: places of columns of numbers.
        """
        if self.delimiter == "," or not columns:
            return "."
        comma = False
        for _, cells in self.rows():
            for at in columns:
                cell = cells[at]
                if "." in cell and number(cell) is not None:
                    return "."
                comma = comma or ("," in cell and number(cell, ",") is not None)
        return "," if comma else "."

    def width_words(self, cells: list[str]) -> str:
        """Words for a row that has not as many cells as the header has names."""
        width = len(self.names)
        said = f"has {len(cells)} cells, the header has {width} names"
        if len(cells) < width:
            return (
                f"{said}: column {self.names[len(cells)]} is missing: the line is cut; complete it "
                "or remove it"
            )
        if self.delimiter == "," and len(cells) == 2 * width:
            return f"{said}: decimal commas? Put ; between the columns, or write decimal points"
        return f"{said}: name every column, or remove what stands behind the last one"

    def _head(self) -> tuple[str, int]:
        """Delimiter, and how many lines stand above the header."""
        found = None if self._is_header is None else self._head_by_names(self._is_header)
        if found is not None:
            return found
        for number_, line in enumerate(self._lines(), start=1):
            text = line.strip("\r\n")
            if given := _SEP.fullmatch(text.strip(" ;,")) or _SEP.fullmatch(text.strip()):
                return given[1], number_
            if text.strip() and not text.lstrip().startswith("#"):
                return self._best_delimiter(text), number_ - 1
        raise InputError(f"{self.where}: is empty: the first line must name the columns")

    def _head_by_names(self, is_header: IsHeader) -> tuple[str, int] | None:
        for number_, line in enumerate(self._lines(), start=1):
            if number_ > _ABOVE_MAX:
                return None
            text = line.strip("\r\n")
            for delimiter in "\t;|,":  # commas last: they stand in names, too
                names = [name.strip(' "') for name in text.split(delimiter)]
                if len(names) > 1 and is_header(names):
                    return delimiter, number_ - 1
        return None

    def _best_delimiter(self, header: str) -> str:
        def score(delimiter: str) -> tuple[int, int]:
            names = [name.strip(' "').casefold() for name in header.split(delimiter)]
            return sum(name in self._known for name in names), len(names)

        return max(DELIMITERS, key=score)

    def _records(self) -> Iterator[Row]:
        lines = self._without_comments()
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                problem = str(error)
                if "field limit" in problem:
                    problem = f"a cell is longer than {csv.field_size_limit()} characters"
                elif "unexpected end" in problem:
                    problem = "a quotation mark is opened and not closed"
                raise InputError(
                    f"{self.where}: line {reader.line_num}: cannot be read as CSV: {problem}"
                ) from None
            if cells is None:
                return
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield reader.line_num, cells

    def _without_comments(self) -> Iterator[str]:
        """Lines; those that say nothing are empty, so that lines are counted as in the file."""
        header = False
        for at, line in enumerate(self._lines()):
            skip = at < self._header_line
            if line.lstrip().startswith("#") and (self._comments or not header):
                skip = True
            header = header or not (skip or not line.strip())
            yield "\n" if skip else line

    def _lines(self) -> Iterator[str]:
        line = 0
        with io.TextIOWrapper(
            io.BytesIO(self._content), encoding=self.encoding, newline=""
        ) as stream:
            while True:
                line += 1
                try:
                    text = stream.readline(LINE_MAX + 1)
                except UnicodeDecodeError:
                    raise InputError(
                        f"{self.where}: near line {line}: is no text in {self.encoding}: the file "
                        f"is damaged, or of another encoding: {SAVE_AS}"
                    ) from None
                if not text:
                    return
                if len(text) > LINE_MAX:
                    raise InputError(
                        f"{self.where}: line {line}: is longer than {LINE_MAX} characters: this is "
                        "no table with a row a line"
                    )
                if "\0" in text:
                    raise InputError(
                        f"{self.where}: line {line}: holds NUL characters: the logger lost power "
                        "while writing; remove what it did not write"
                    )
                yield text


def _decoded(where: str, content: bytes) -> tuple[bytes, str]:
    """The text's bytes, without marks around it, and their encoding."""
    for start, kind in _NOT_TEXT.items():
        if content.startswith(start):
            raise InputError(f"{where}: is {kind}, not CSV: {SAVE_AS}")
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _without_tail(content[len(mark) :], encoding), encoding
    for encoding, first in (("utf-16-le", 0), ("utf-16-be", 1)):
        letters, gaps = content[first:200:2], content[1 - first : 200 : 2]
        if len(content) >= 4 and not any(gaps) and all(letters):
            return _without_tail(content, encoding), encoding
    content = _without_tail(content, "utf-8")
    for encoding in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for start_at in range(0, len(content), _CHUNK):
                decoder.decode(content[start_at : start_at + _CHUNK])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return content, encoding
    raise InputError(f"{where}: is no text in UTF-8, UTF-16 or Windows-1252: {SAVE_AS}")


def _without_tail(content: bytes, encoding: str) -> bytes:
    """Without the NULs that a logger reserved, and without the end-of-file of DOS."""
    if encoding == "utf-8":
        return content.rstrip(b"\0\x1a")
    zeros = len(content) - len(content.rstrip(b"\0"))
    return content[: len(content) - zeros // 2 * 2]


def _decimals(cell: str) -> int:
    """Digits behind the decimal mark; -1 of an empty cell."""
    if not cell:
        return -1
    return len(cell) - 1 - max(cell.rfind("."), cell.rfind(",")) if set(cell) & set(".,") else 0
