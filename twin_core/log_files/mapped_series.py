"""Readings over time from a table whose columns have other names and units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twin_core.log_files.series import DAY_S, LoggedSeries, Range, SeriesRows
from twin_core.log_files.text_form import TextTable


@dataclass(frozen=True)
class MappedColumn:
    """A column of another name and unit.

    Attributes:
        name: what it becomes, with its unit: ``height_mm``.
        place: which column of the table, from 0.
        convert: its number to the unit of the name.
    """

    name: str
    place: int
    convert: Callable[[float], float]


def read_mapped_series(
    table: TextTable,
    columns: Sequence[MappedColumn],
    ranges: Mapping[str, Range | None],
    *,
    time: str = "time_s",
    has_units: bool = False,
    longest_s: float = DAY_S,
) -> LoggedSeries:
    """Read a table whose columns have other names and units.

    Args:
        columns: those that are used, the time among them.
        ranges: least and largest possible value by name, in the unit of the name.
        time: name of the column of times.
        has_units: the row below the header holds units.
        longest_s: the last time that is plausible.

    Raises:
        InputError: names file, line, column, value and the way out.
    """
    at = {column.name: column.place for column in columns}
    convert = {column.name: column.convert for column in columns}
    titles = {column.name: table.names[column.place] for column in columns}
    mark = table.decimal_mark(list(at.values()))
    found = SeriesRows(table.where, at, time, mark, longest_s, titles=titles, convert=convert)
    for row, (line, cells) in enumerate(table.rows()):
        if row or not has_units:
            found.add(line, cells)
    used = set(at.values())
    unused = tuple(name for i, name in enumerate(table.names) if i not in used)
    return found.series(ranges, None, unused)
