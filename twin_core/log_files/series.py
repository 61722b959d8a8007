"""Readings of one shot over time: strict about time and unit, gaps are counted and told."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.log_files.cells import MISSING, no_reading, no_readings, number
from twin_core.log_files.text_form import TextTable
from twin_core.log_files.units import is_row_of_units, meant_words

BYTES_MAX = 64_000_000
"""A day of a sensor at 10 Hz has a third of it."""
NUMBERS_MAX = 4_000_000
"""Of a file, times included: three sensors for a day at 10 Hz."""
DAY_S = 86_400.0
EPOCH_S = 1e8
"""A time above it counts from 1970, not from the pour: it would be three years."""
CLOSEST_S = 1e-6
"""Times are kept in microseconds."""
LATEST_START_S = 3600.0
"""A log that begins an hour after the pour has seen nothing of the shot."""
SHORTEST_S = 1.0
MANY = 10
"""So many readings of a foam take longer than a second: shorter ones count days or hours."""
KELVIN = 200.0
"""°C that no core stays above: the model takes components up to 250 °C, and they are not that hot
for a whole shot. A series in kelvin never falls below 220."""
FEW = 0.05
"""Share of a column that noise, or the first readings of a device, may be."""
START_BAR = (0.5, 10.0)
"""A mold is poured at the pressure of the air, 1 bar: gauge pressure and MPa begin below, psi and
kPa stay above."""
Range = tuple[float, float]


@dataclass(frozen=True)
class Gap:
    """Readings that were left out of a column."""

    column: str
    impossible: bool
    """They were numbers; else there was no number."""
    count: int
    words: str
    """File, line, value and reason of the first one."""


@dataclass(frozen=True)
class LoggedSeries:
    """Columns over time.

    Attributes:
        time_s: growing, finite; from the end of injection.
        columns: values by name, NaN where there is no reading.
        gaps: what was left out.
        unused: names in the header that nothing here knows.
    """

    time_s: Array
    columns: Mapping[str, Array]
    gaps: tuple[Gap, ...]
    unused: tuple[str, ...]


def read_series(
    path: Path,
    ranges: Mapping[str, Range | None],
    *,
    time: str = "time_s",
    longest_s: float = DAY_S,
    opened_s: float | None = None,
    needs: str | None = None,
) -> LoggedSeries:
    """Read a file with a time and at least one of some columns.

    Args:
        ranges: least and largest possible value by column; a value outside is no reading.
        time: name of the column of times.
        longest_s: the last time of a shot that is plausible.
        opened_s: ``t_demold_actual_s`` of the shot, if it is known.
        needs: a column that must be there; None: any will do.

    Raises:
        InputError: names file, line, column, value and the way out.
    """
    table = TextTable(path, BYTES_MAX, (time, *ranges), comments=True)
    at = _places(table, time, ranges, needs)
    mark = table.decimal_mark(list(at.values()))
    found = SeriesRows(table.where, at, time, mark, longest_s)
    for row, (line, cells) in enumerate(table.rows()):
        units = {name: cells[place] for name, place in at.items()}
        if row or not is_row_of_units(table.where, line, units):
            found.add(line, cells)
    unused = tuple(name for name in table.names if name not in at)
    return found.series(ranges, opened_s, unused)


def series_of_rows(
    where: str,
    name: str,
    rows: Iterable[tuple[int, list[str]]],
    possible: Range | None,
    *,
    longest_s: float = DAY_S,
    opened_s: float | None = None,
) -> LoggedSeries:
    """Check readings of one column that do not stand in a file of their own.

    Args:
        where: table and shot, for errors.
        name: of the column, which ends in its unit.
        rows: number of each row, with its time [s] and value as texts, in order of time.
        possible: least and largest possible value; a value outside is no reading.
        longest_s: the last time of a shot that is plausible [s].
        opened_s: ``t_demold_actual_s`` of the shot, if it is known [s].

    Raises:
        InputError: as ``read_series``.
    """
    found = SeriesRows(where, {"time_s": 0, name: 1}, "time_s", ".", longest_s, row="row")
    for number_of_row, cells in rows:
        found.add(number_of_row, cells)
    return found.series({name: possible}, opened_s, ())


def _places(
    table: TextTable, time: str, ranges: Mapping[str, Range | None], needs: str | None
) -> dict[str, int]:
    at = {name: table.names.index(name) for name in (time, *ranges) if name in table.names}
    place = f"{table.where}: line {table.header_line}"
    wanted = needs or " or ".join(ranges)
    others = [name for name in table.names if name and name not in at]
    for absent in (time, *([needs] if needs else ranges)):
        near = get_close_matches(absent, others, n=1, cutoff=0.75)
        if absent not in at and near:
            words = meant_words(near[0], absent)
            raise InputError(f"{place}: unknown column {near[0]}: {words}")
    if time not in at or len(at) < 2 or (needs and needs not in at):
        names = ", ".join(table.names[:10])
        raise InputError(
            f"{place}: the header has no column {time if time not in at else wanted} (it has "
            f"{names}): the first line must name {time} and {wanted}"
        )
    return at


class SeriesRows:
    """Numbers of the rows, checked one by one.

    Attributes:
        values: of each column, in the unit of its name; lines: of the file.
    """

    def __init__(
        self,
        where: str,
        at: dict[str, int],
        time: str,
        mark: str,
        longest_s: float,
        row: str = "line",
        titles: Mapping[str, str] | None = None,
        convert: Mapping[str, Callable[[float], float]] | None = None,
    ) -> None:
        """Begin without rows.

        Args:
            where: the file, or table and shot, for errors.
            at: place of each column in the table, by its name here.
            time: name of the column of times.
            mark: decimal mark.
            longest_s: the last time that is plausible.
            row: what a number of a row counts: lines of a file, rows of a table.
            titles: names of the columns in the file, where they are others.
            convert: a number of the file to the unit of the name; as it is where there is none.
        """
        self.where, self._row, self._at, self._time = where, row, at, time
        self._titles, self._convert = titles or {}, convert or {}
        self._mark, self._longest_s = mark, longest_s
        self.values = {name: array("d") for name in at}
        self.lines = array("q")
        self.empty: dict[str, tuple[int, int]] = {}
        """How many cells without a number, and the line of the first."""
        self._before = -np.inf
        self._count = 0

    def place(self, line: int, name: str) -> str:
        """File, line and column, for errors."""
        return f"{self.where}: {self._row} {line}, column {self._titles.get(name, name)}"

    def series(
        self, ranges: Mapping[str, Range | None], opened_s: float | None, unused: tuple[str, ...]
    ) -> LoggedSeries:
        """All that was read, checked as a whole.

        Args:
            ranges: least and largest possible value of each column.
            opened_s: ``t_demold_actual_s`` of the shot, if it is known [s].
            unused: names of columns that nothing here knows.

        Raises:
            InputError: the times count from another moment, or values are in another unit.
        """
        self.check_length(opened_s)
        gaps: list[Gap] = []
        columns = {}
        for name in self._at:
            if name != self._time:
                values = np.frombuffer(self.values[name], dtype=np.float64)
                columns[name] = _possible(self, name, values, ranges[name], gaps)
        time_s = np.frombuffer(self.values[self._time], dtype=np.float64)
        return LoggedSeries(time_s, columns, tuple(gaps), unused)

    def add(self, line: int, cells: list[str]) -> None:
        """Take the cells of a line.

        Raises:
            InputError: one is no number, or the time is none.
        """
        self._count += len(self._at)
        if self._count > NUMBERS_MAX:
            raise InputError(
                f"{self.where}: {self._row} {line}: more than {NUMBERS_MAX} numbers: split the "
                "file by shots, or log less often"
            )
        self.lines.append(line)
        for name, place in self._at.items():
            cell = cells[place]
            value = number(cell, self._mark)
            if value is None and cell.casefold() not in MISSING:
                raise InputError(f"{self.place(line, name)}: {self._no_number(cell)}")
            if value is not None and name in self._convert and not no_reading(value):
                value = self._convert[name](value)
            if name == self._time:
                self._check_time(line, cell, value)
            elif value is None:
                count, first = self.empty.get(name, (0, line))
                self.empty[name] = count + 1, first
            self.values[name].append(np.nan if value is None else value)

    def _no_number(self, cell: str) -> str:
        words = f"{cell[:80]!r} is no number: write digits and one decimal point, or nothing"
        if "_" in cell:
            words += "; no _ between digits"
        elif "," in cell:
            words += (
                "; decimal commas are read where ; or a tab stands between the columns and "
                "no number has a point"
            )
        return words

    def check_length(self, opened_s: float | None) -> None:
        """Refuse times that count from another moment, or in another unit."""
        times = self.values[self._time]
        if not times:
            return
        place = f"{self.where}: column {self._time}"
        if opened_s is not None and times[0] > opened_s:
            raise InputError(
                f"{place}: begins at {times[0]:g}, after t_demold_actual_s ({opened_s:g}): "
                f"{self._time} counts from the end of injection; subtract the moment of the pour"
            )
        if times[-1] < 0.0:
            raise InputError(
                f"{place}: ends at {times[-1]:g}, before the pour: {self._time} counts from the "
                "end of injection, later is positive"
            )
        if times[0] > LATEST_START_S:
            raise InputError(
                f"{place}: begins at {times[0]:.8g} s, more than {LATEST_START_S:g} s after the "
                "pour: time of the day, or days of a spreadsheet? Write seconds from the end of "
                "injection"
            )
        if len(times) >= MANY and times[-1] - times[0] < SHORTEST_S:
            raise InputError(
                f"{place}: {len(times)} readings within {times[-1] - times[0]:.4g} s: days or "
                "hours? Write seconds from the end of injection"
            )

    def _check_time(self, line: int, cell: str, t: float | None) -> None:
        wrong = self._time_fault(cell, t)
        if wrong or t is None:
            raise InputError(f"{self.place(line, self._time)}: {wrong}")
        self._before = t

    def _time_fault(self, cell: str, t: float | None) -> str:
        """Why a time is none of the next reading; empty where it is one."""
        if t is None or not math.isfinite(t):
            return f"{cell!r}: every reading needs a time"
        if abs(t) >= EPOCH_S:
            return (
                f"{cell}: counts from 1970, it seems; {self._time} counts seconds from "
                "the end of injection: subtract the moment of the pour"
            )
        if t > self._longest_s or t < -DAY_S:
            return (
                f"{cell}: is {abs(t) / 3600.0:.4g} h {'after' if t > 0 else 'before'} the "
                f"pour, more than the {self._longest_s:.6g} s that a shot can last here: "
                "milliseconds? Write seconds from the end of injection"
            )
        if t < self._before:
            return (
                f"{cell}: time runs back (before it stands {self._before:.15g}): was the "
                "logger started again? Keep the rows of one run"
            )
        if t - self._before < CLOSEST_S:
            return (
                f"{cell}: the same time stands twice (line {self.lines[-2]}): the logger "
                "reads more often than it writes times apart; write more decimals, or remove one"
            )
        return ""


def _possible(
    found: SeriesRows, name: str, values: Array, possible: Range | None, gaps: list[Gap]
) -> Array:
    """The values with NaN for what can be no reading."""
    if name in found.empty:
        count, line = found.empty[name]
        words = f"{found.place(line, name)}: no number"
        gaps.append(Gap(name, False, count, f"{words}: {count} of {len(values)} readings missing"))
    given = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        broken = given & no_readings(values)
        outside = np.zeros_like(given)
        if possible is not None:
            outside = given & ~broken & ((values < possible[0]) | (values > possible[1]))
    readings = values[given & ~broken]
    _check_unit(found, name, values, given & ~broken)
    if possible is not None and 2 * int(outside.sum()) > len(readings):
        line = int(found.lines[int(np.flatnonzero(outside)[0])])
        raise InputError(
            f"{found.place(line, name)}: {values[outside][0]:g}: {outside.sum()} of "
            f"{len(readings)} values are outside {possible[0]:g} to {possible[1]:g}: another unit? "
            "Convert to that of the column's name"
        )
    wrong = broken | outside
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        limits = "" if possible is None else f", not {possible[0]:g} to {possible[1]:g}"
        words = (
            f"{found.place(int(found.lines[first]), name)}: {values[first]:g}{limits}: "
            f"{wrong.sum()} of {len(values)} readings impossible"
        )
        gaps.append(Gap(name, True, int(wrong.sum()), words))
    return np.where(wrong, np.nan, values)


def _check_unit(found: SeriesRows, name: str, values: Array, read: NDArray[np.bool_]) -> None:
    """Refuse kelvin for degrees Celsius, and other pressures than absolute ones in bar."""
    readings = values[read]
    if not len(readings):
        return
    place = found.place(int(found.lines[int(np.flatnonzero(read)[0])]), name)
    low = np.quantile(readings, FEW) if len(readings) >= MANY else readings.min()
    if name.endswith("_C") and low >= KELVIN:
        raise InputError(
            f"{place}: {readings[0]:g}: no value is below {KELVIN:g}: kelvin? Write degrees "
            "Celsius, kelvin minus 273.15"
        )
    if (
        name.endswith("_bar")
        and (readings[: max(2, int(FEW * len(readings)))] < START_BAR[0]).all()
    ):
        raise InputError(
            f"{place}: {readings[0]:g}: begins below {START_BAR[0]:g} bar: pressure above that of "
            "the air, or MPa? Write absolute pressure in bar"
        )
    if name.endswith("_bar") and low >= START_BAR[1]:
        raise InputError(
            f"{place}: {readings[0]:g}: no value is below {START_BAR[1]:g} bar, where every cavity "
            "begins: psi? Write absolute pressure in bar"
        )
