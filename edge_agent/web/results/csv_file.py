"""A table of results as people drop it: CSV of a spreadsheet, each row a record or its faults."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from io import StringIO
from zoneinfo import ZoneInfo

from broker.messages import QualityRecord
from broker.messages.inbound import QUALITY_NAMES
from broker.near_names import meant
from broker.topics import PressAddress
from edge_agent.web.results.fields import (
    IS_MISSING,
    NAMES,
    NUMBERS,
    TEXTS,
    Fault,
    Faults,
    record_of,
)

BYTES_MAX = 1_000_000
ROWS_MAX = 2000
COLUMNS = ("press", *NAMES, "ts", *NUMBERS, "defects", "scrap", *TEXTS, "corrects")
"""Columns that are read; those of the first generation are, too."""
UNKNOWN_COLUMN = "is no column that is read: {}"
UNKNOWN_PRESS = "is no press of this site: {}"
TOO_MANY_ROWS = "has more rows than {}: cut the file"
TOO_LARGE = "is larger than {}: cut the file"
NO_TEXT = "is no text in UTF-8 or Windows-1252: save it as CSV"
NO_ROWS = "has no rows below its header"
TWICE = "stands twice in the header"
TOO_MANY_CELLS = "has no column: with decimal commas separate the cells by ; or put them in quotes"
NOT_CLOSED = "is a cell without an end: close its quotation mark"
WORDS = (
    *(UNKNOWN_COLUMN, UNKNOWN_PRESS, TOO_MANY_ROWS, TOO_LARGE, NO_TEXT, NO_ROWS, TWICE),
    *(TOO_MANY_CELLS, NOT_CLOSED),
)
DELIMITERS = ";\t,"


@dataclass(frozen=True)
class Row:
    """A row of the file that can be sent."""

    number: int
    """As a spreadsheet counts: the header is 1."""
    press: PressAddress
    record: QualityRecord


@dataclass
class Table:
    """A file, read."""

    rows: list[Row] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    """Row, and what is wrong there; 1 is the header."""

    @property
    def usable(self) -> bool:
        """Can rows of it be sent at all? Not if the header is wrong: nobody knows what they say."""
        return bool(self.rows) and not any(number == 1 for number, _ in self.faults)


def table_of(
    content: bytes,
    site: str,
    presses: list[str],
    now: datetime,
    zone: ZoneInfo,
    operator: str | None,
) -> Table:
    """Read a file.

    Args:
        content: as it was dropped.
        site: of the presses.
        presses: those that are known; a file of a site with one needs no column for it.
        now: the twin's time: of rows without ``ts``.
        zone: of times without an offset.
        operator: who drops it: of rows that name nobody.
    """
    table = Table()
    lines = _lines(content)
    if isinstance(lines, Fault):
        table.faults.append((1, lines))
        return table
    header = [cell.strip() for cell in lines[0][1]]
    table.faults += [(1, fault) for fault in _faults_of(header)]
    if table.faults:
        return table
    for number, cells in lines[1:]:
        fields = dict(zip(header, cells, strict=False))
        name = fields.pop("press", "").strip() or (presses[0] if len(presses) == 1 else "")
        faults = [] if name in presses else [_press_fault(name, presses)]
        more = [cell for cell in cells[len(header) :] if cell.strip()]
        if more:  # 61,5 would else be taken for 61
            faults.append(Fault(f"column {len(header) + 1}", more[0][:64], TOO_MANY_CELLS))
        if not fields.get("record_id", "").strip():
            fields["record_id"] = _record_id(name, fields)
        if operator and not fields.get("operator", "").strip():
            fields["operator"] = operator
        try:
            record = record_of(fields, now, zone, "csv")
        except Faults as error:
            faults += error.faults
        if faults:
            table.faults += [(number, fault) for fault in faults]
        else:
            table.rows.append(Row(number, PressAddress(site, name), record))
    return table


def _lines(content: bytes) -> list[tuple[int, list[str]]] | Fault:
    """Rows that are not empty, with their numbers, or why the file has none to read."""
    if len(content) > BYTES_MAX:
        return Fault("file", "", TOO_LARGE, f"{BYTES_MAX // 1000} kB")
    text = text_of(content)
    if text is None:
        return Fault("file", "", NO_TEXT)
    try:
        rows = _reader(text)
    except csv.Error:  # a cell of more than 128 kB
        return Fault("file", "", NOT_CLOSED)
    lines = [(n, row) for n, row in enumerate(rows, start=1) if any(map(str.strip, row))]
    if len(lines) < 2:
        return Fault("file", "", NO_ROWS)
    return Fault("file", "", TOO_MANY_ROWS, str(ROWS_MAX)) if len(lines) > ROWS_MAX + 1 else lines


def text_of(content: bytes) -> str | None:
    """The text of a file, whichever of a spreadsheet's encodings it has; None when it is none."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else text
    return None


def _reader(text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    return list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))


def _faults_of(header: list[str]) -> list[Fault]:
    known = {*COLUMNS, *QUALITY_NAMES}
    faults = []
    for name in header:
        if name not in known:
            near = meant(name, known)
            hint = ", ".join(COLUMNS) if near is None else f"{near}?"
            faults.append(Fault(name[:64] or "header", "", UNKNOWN_COLUMN, hint))
    now = [QUALITY_NAMES.get(name, name) for name in header]
    faults += [Fault(name, "", TWICE) for name in sorted({n for n in now if now.count(n) > 1})]
    if "shot_id" not in header and not faults:
        faults.append(Fault("shot_id", "", IS_MISSING))
    return faults


def _press_fault(name: str, presses: list[str]) -> Fault:
    return Fault("press", name[:64], UNKNOWN_PRESS, ", ".join(presses))


def _record_id(press: str, fields: dict[str, str]) -> str:
    """Number of a row: the same when the same file is dropped again, so that nothing is doubled."""
    text = "\n".join((press, *(f"{name}={value}" for name, value in sorted(fields.items()))))
    return f"csv-{sha256(text.encode()).hexdigest()[:16]}"
