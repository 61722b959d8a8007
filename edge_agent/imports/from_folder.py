"""Shots from folders of CSV and Parquet files, a file at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.errors import MissingExtra
from edge_agent.imports import cells
from edge_agent.imports.file_template import filled, problem_with
from edge_agent.imports.not_mapped import not_mapped
from edge_agent.imports.reading_rows import take_row
from edge_agent.imports.settings import FolderSource, Series
from edge_agent.imports.source import Fetched, Problem, RawReading, RawShot, Refused
from edge_agent.mapping.problem import nearest
from edge_agent.shots.shot_query import ShotQuery
from twin_core.errors import InputError
from twin_core.log_files.text_form import TextTable
from twin_core.log_files.units import KNOWN
from twin_core.plain_files import check_regular

BYTES_MAX = 100_000_000
"""Of a CSV file: it is read whole."""
PARQUET_BYTES_MAX = 10_000_000_000
ROWS_AT_ONCE = 2000
LONG_ROWS_MAX = 2_000_000
"""Rows of a file in the long form, whose shots are in memory together."""
Row = tuple[str, Mapping[str, Any]]
"""Number of the row in words, cells by column."""


@dataclass
class _Table:
    """A file as it is read."""

    path: Path
    names: list[str]
    rows: Iterator[tuple[int, Mapping[str, Any]]]
    row_word: str
    decimal: str | None = None
    is_decimal_sure: bool = False
    """Numbers were looked at: between commas nobody can tell."""


class FolderShots:
    """Shots of the files that a mapping names."""

    def __init__(self, settings: FolderSource) -> None:
        self._settings = settings
        self._seen: dict[tuple[Any, ...], Path] = {}
        """Shots of the long form, or keys of files of readings."""

    async def check(self) -> list[str]:
        """Look whether there are files, and the columns in the first one."""
        settings = self._settings
        found = _open(self._files()[0], self._number_columns())
        wanted = [one.column for one in settings.columns.values() if one.column is not None]
        if settings.form == "long":
            wanted += self._reading_columns(_series(settings))
        for name in wanted:
            if name not in found.names:
                raise _no_column(found, name)
        if settings.form == "long":
            return []
        series = settings.series
        if series is not None and (words := problem_with(str(series.file), found.names)):
            raise InputError(f"{series.place_of_file}: {words} (looked at: {found.path})")
        return not_mapped(str(found.path), found.names, settings)

    async def fetch_shots(self, query: ShotQuery) -> AsyncGenerator[Fetched]:
        """Shots of all files, in the order of the files and their rows."""
        self._seen.clear()
        for path in self._files():
            found = self._long(path) if self._settings.form == "long" else self._wide(path)
            for shot in found:
                yield shot

    async def close(self) -> None:
        """Nothing stays open."""

    def _files(self) -> list[Path]:
        settings = self._settings
        if settings.path.is_file():
            return [settings.path]
        pattern = settings.files or f"**/*.{settings.kind}"
        series = settings.series
        own = None if series is None or series.file is None else series.file.partition("{")[0]
        found = sorted(
            path
            for path in settings.path.glob(pattern)
            if path.is_file()
            and (own is None or not str(path.relative_to(settings.path)).startswith(own or "\0"))
        )
        if not found:
            raise InputError(f"{settings.path}: no file {pattern} in it")
        return found

    def _number_columns(self) -> list[str]:
        settings = self._settings
        named = [one.column for one in settings.columns.values() if one.column is not None]
        if settings.series is not None:
            named += self._reading_columns(settings.series)
        return named

    def _reading_columns(self, series: Series) -> list[str]:
        if series.is_long:
            return [series.time.column, str(series.signal), str(series.value)]
        return [series.time.column, *(signal.name for signal in series.signals.values())]

    def _wide(self, path: Path) -> Iterator[Fetched]:
        table = _open(path, self._number_columns())
        self._require(table)
        for number, row in table.rows:
            shot = RawShot(f"{path}: {table.row_word} {number}", row, decimal=table.decimal)
            series = self._settings.series
            if series is not None:
                self._read_series(shot, series)
            yield shot

    def _require(self, table: _Table) -> None:
        for one in self._settings.columns.values():
            if one.column is not None and one.column not in table.names:
                raise _no_column(table, one.column)

    def _read_series(self, shot: RawShot, series: Series) -> None:
        """Read the file of a shot's readings."""
        place = shot.where
        template = str(series.file)
        if words := problem_with(template, shot.cells):  # of another file than the first
            shot.problems.append(Problem("missing", place, "", f"series.file: {words}"))
            return
        file = filled(template, {n: cells.text(cell) or "" for n, cell in shot.cells.items()})
        folder = self._settings.path if self._settings.path.is_dir() else self._settings.path.parent
        path = folder / file
        shot.readings_where = str(path)
        if not path.resolve().is_relative_to(folder.resolve()):
            words = f"{file} is outside of {folder}"
        elif not path.is_file():
            words = f"{path}: there is no such file"
        elif (path,) in self._seen:
            words = f"{path}: several shots name this file: their readings cannot be told apart"
        else:
            self._seen[(path,)] = path
            try:
                table = _open(path, self._reading_columns(series))
                for name in self._reading_columns(series):
                    if name not in table.names:
                        raise _no_column(table, name)
                by_name = {signal.name: sensor for sensor, signal in series.signals.items()}
                readings: dict[str, list[RawReading]] = {}
                for number, row in table.rows:
                    take_row(row, series, by_name, number, readings, {})
            except InputError as error:
                words = str(error)
            else:
                shot.readings = readings
                if table.is_decimal_sure:
                    shot.readings_decimal = "."
                if table.decimal == ",":
                    _with_points(readings)
                return
        shot.problems.append(Problem("missing", place, "", words))

    def _long(self, path: Path) -> Iterator[Fetched]:
        series = _series(self._settings)
        table = _open(path, self._number_columns())
        named = [one.column for one in self._settings.columns.values() if one.column is not None]
        keys = list(dict.fromkeys(named))
        for name in (*keys, *self._reading_columns(series)):
            if name not in table.names:
                raise _no_column(table, name)
        by_name = {signal.name: sensor for sensor, signal in series.signals.items()}
        found: dict[tuple[Any, ...], _Group] = {}
        for count, (number, row) in enumerate(table.rows, start=1):
            if count > LONG_ROWS_MAX:
                raise InputError(f"{path}: more than {LONG_ROWS_MAX} rows: split it by shots")
            key = tuple(row[name] for name in keys)
            group = found.setdefault(key, _Group(number))
            take_row(row, series, by_name, number, group.readings, group.cells)
        for key, group in found.items():
            where = f"{path}: {table.row_word} {group.first}"
            before = self._seen.setdefault(key, path)
            if before != path:
                words = f"rows of this shot are in {before}, too: a shot lies in one file"
                yield Refused(Problem("refused", where, "", f"{words} ({key[0]})"))
                continue
            cells_of = {**dict(zip(keys, key, strict=True)), **group.cells}
            yield RawShot(where, cells_of, group.readings, str(path), decimal=table.decimal)


@dataclass
class _Group:
    first: int
    readings: dict[str, list[RawReading]] = field(default_factory=dict)
    cells: dict[str, Any] = field(default_factory=dict)


def rows_of_file(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Any]]]]:
    """Names and rows of a CSV or Parquet file.

    Args:
        path: the file.

    Raises:
        InputError: it is neither.
    """
    table = _open(path, [])
    return table.names, table.rows


def _open(path: Path, numbers: list[str]) -> _Table:
    return _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path, numbers)


def _csv(path: Path, numbers: list[str]) -> _Table:
    table = TextTable(path, BYTES_MAX, ())
    places = [at for at, name in enumerate(table.names) if name in numbers]

    def rows() -> Iterator[tuple[int, Mapping[str, Any]]]:
        first = True
        for line, row in table.rows():
            found = dict(zip(table.names, row, strict=True))
            if not (first and _is_row_of_units(row)):
                yield line, found
            first = False

    mark = table.decimal_mark(places)
    return _Table(path, list(table.names), rows(), "line", mark, table.delimiter != ",")


def _is_row_of_units(row: list[str]) -> bool:
    """Whether a row below the header has units alone: ``s;°C``."""
    said = [cell.strip("[]() ").casefold() for cell in row if cell]
    return bool(said) and all(cell in KNOWN for cell in said)


def _parquet(path: Path) -> _Table:
    try:
        import pyarrow as pa  # noqa: PLC0415 (an extra)
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise MissingExtra(
            "Parquet files need pyarrow, which is not installed", "parquet"
        ) from None
    check_regular(path, PARQUET_BYTES_MAX)
    try:
        names = list(parquet.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet: {error}") from None

    def rows() -> Iterator[tuple[int, Mapping[str, Any]]]:
        number = 0
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_AT_ONCE, use_threads=False):
                    for row in _in_microseconds(pa, batch).to_pylist():
                        number += 1
                        yield number, row
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: row {number + 1}: cannot be read: {error}") from None

    return _Table(path, names, rows(), "row")


def _in_microseconds(pa: Any, batch: Any) -> Any:
    """A batch whose times Python can hold."""
    table = pa.Table.from_batches([batch])
    for at, kind in enumerate(table.schema.types):
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            column = table.column(at).cast(pa.timestamp("us", kind.tz), safe=False)
            table = table.set_column(at, table.schema.names[at], column)
    return table


def _with_points(readings: dict[str, list[RawReading]]) -> None:
    """Readings of a file with decimal commas; that of the shots may have points."""
    for sensor, rows in readings.items():
        readings[sensor] = [
            RawReading(one.row, _pointed(one.time), _pointed(one.value)) for one in rows
        ]


def _pointed(cell: object) -> object:
    return cell.replace(",", ".") if isinstance(cell, str) else cell


def _series(settings: FolderSource) -> Series:
    assert settings.series is not None
    return settings.series


def _no_column(table: _Table, wanted: str) -> InputError:
    return InputError(f"{table.path}: there is no column {wanted}: {nearest(wanted, table.names)}")
