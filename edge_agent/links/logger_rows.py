"""Rows that a logger wrote become samples: their time, in its zone, and the cells of the tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from math import isinf
from zoneinfo import ZoneInfo

from broker.timestamps import parse_timestamp
from edge_agent.config.gateway_sources import FolderSource
from edge_agent.links.tag_source import Sample, Value
from twin_core.errors import InputError
from twin_core.log_files.cells import missing, number
from twin_core.log_files.cells import time as utc_time
from twin_core.log_files.growing import AddedRow
from twin_core.log_files.units import is_row_of_units

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})[Tt ]"
_GERMAN = r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4}) "
_CLOCK = r"(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
_LOCAL = [re.compile(day + _CLOCK) for day in (_ISO, _GERMAN)]
_NAME_OF_DIGITS = re.compile(r"[+-]?0[0-9]+|[+-]?[0-9]{16,}")
"""Digits that are a name: with leading zeros, or more than a number keeps."""
_FLAGS: dict[str, Value] = {"true": True, "false": False}
TEXT_MAX = 1000


class HeaderProblem(InputError):
    """A file cannot be read with the columns of the source."""


class NoReading(ValueError):
    """A cell has no value; the message says why."""


class RowReader:
    """Columns of one file."""

    def __init__(self, where: str, names: Sequence[str], settings: FolderSource) -> None:
        """Find the columns.

        Args:
            where: the file, for faults.
            names: of its header.
            settings: which columns the tags are.

        Raises:
            HeaderProblem: it has no column of times.
        """
        self._names, self._time_column = list(names), settings.time_column
        self._zone = None if settings.time_zone is None else ZoneInfo(settings.time_zone)
        place = self._place(settings.time_column)
        if place is None:
            raise HeaderProblem(f"{where}: {self._no_column(settings.time_column)}")
        self._time_at = place
        self._tags = {name: self._place(tag.column) for name, tag in settings.tags.items()}
        self._faults = {
            name: f"{where}: {self._no_column(tag.column)}"
            for name, tag in settings.tags.items()
            if self._tags[name] is None
        }
        self._where = where

    def _place(self, column: str) -> int | None:
        return self._names.index(column) if column in self._names else None

    def _no_column(self, column: str) -> str:
        near = get_close_matches(column, self._names, n=1, cutoff=0.6)
        has = f"is {near[0]!r} meant?" if near else f"it has {', '.join(self._names[:10])[:200]}"
        return f"no column {column!r} in the header ({has})"

    def is_header(self, row: AddedRow) -> bool:
        """Is it a header again, as loggers write when they start anew?"""
        return row.cells == self._names or self._time_column in row.cells

    def is_same_header(self, row: AddedRow) -> bool:
        """Is it the header that the file began with?"""
        return row.cells == self._names

    def is_units(self, row: AddedRow) -> bool:
        """Is it a row of units below the header?"""
        if row.problem:
            return False
        given = {name: row.cells[at] for name, at in self._tags.items() if at is not None}
        try:
            return is_row_of_units(self._where, row.line, given)
        except InputError:  # one of another unit: the mapping says which it is
            return True

    def samples(
        self, row: AddedRow, mark: str, after: datetime | None, arrived: datetime, backlog: bool
    ) -> Iterator[Sample]:
        """A sample for each tag; all have a fault where the row has no time.

        Args:
            row: of the file.
            mark: decimal mark of its numbers.
            after: time of the row before.
            arrived: when it was read.
            backlog: it stood there before we looked.
        """
        problem, ts = row.problem, None
        if not problem:
            ts, words = self._time(row.cells[self._time_at], mark, after)
            if ts is None:
                cell = row.cells[self._time_at][:40]
                problem = f"{self._where}: line {row.line}, {self._time_column}: {cell!r} {words}"
        for name, at in self._tags.items():
            value, fault = None, problem or self._faults.get(name, "")
            if not fault and at is not None:
                try:
                    value = cell_value(row.cells[at], mark)
                except NoReading as error:
                    fault = f"{self._where}: column {self._names[at]}: {error}"
            yield Sample(
                name, ts or arrived, value, fault, of_arrival=ts is None, historical=backlog
            )

    def _time(self, cell: str, mark: str, after: datetime | None) -> tuple[datetime | None, str]:
        at_us = utc_time(cell.replace(",", ".") if mark == "," and ":" not in cell else cell)
        if isinstance(at_us, int):
            return _EPOCH + timedelta(microseconds=at_us), ""
        found = next((found for form in _LOCAL if (found := form.fullmatch(cell))), None)
        if found is None:
            return None, at_us
        if self._zone is None:
            return None, "has no zone: set time_zone of the source, as Europe/Berlin"
        try:
            return local_time(found.groupdict(), self._zone, after), ""
        except ValueError:
            return None, "is no time: there is no such day or hour"


def local_time(parts: Mapping[str, str | None], zone: ZoneInfo, after: datetime | None) -> datetime:
    """The time in UTC; of an hour that is there twice, the second if the first has passed.

    Args:
        parts: digits by ``y m d H M S f``; S and f may be None.
        zone: of the logger's clock.
        after: time of the row before.

    Raises:
        ValueError: there is no such day or hour, or no logger writes of that year.
    """
    year, month, day, hour, minute = (int(parts[name] or 0) for name in "ymdHM")
    micro = int(((parts["f"] or "") + "000000")[:6])
    local = datetime(year, month, day, hour, minute, int(parts["S"] or 0), micro, tzinfo=zone)
    first, second = (parse_timestamp(local.replace(fold=fold)) for fold in (0, 1))
    return second if after is not None and first < after <= second else first


def cell_value(cell: str, mark: str) -> Value:
    """The value of a cell.

    Args:
        mark: decimal mark, a point or a comma.

    Raises:
        NoReading: it has none.
    """
    if missing(cell):
        raise NoReading(f"no value ({cell!r})" if cell else "no value")
    found = None if _NAME_OF_DIGITS.fullmatch(cell) else number(cell, mark)
    if found is None:
        if len(cell) > TEXT_MAX or not cell.isprintable():
            raise NoReading(f"{cell[:40]!r}: a text with line breaks, or longer than {TEXT_MAX}")
        return _FLAGS.get(cell.casefold(), cell)
    if isinf(found):
        raise NoReading(f"{cell[:40]!r} is no number")
    return int(found) if found.is_integer() and not set(cell) & set(".,eE") else found


def mark_of(row: AddedRow, delimiter: str) -> str:
    """The decimal mark that a row shows; empty if no number of it has one."""
    for cell in row.cells:
        if "." in cell and number(cell) is not None:
            return "."
        if delimiter != "," and "," in cell and number(cell, ",") is not None:
            return ","
    return ""
