"""Tables as Parquet or CSV: a column is an array of numbers, of texts or of times.

numbers   float64, NaN where there is none; whole numbers and flags become floats
texts     numpy strings, "" where there is none
times     datetime64[us] in UTC, NaT where there is none

What a column holds follows from its name (docs/log-files.md), never from its cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import MissingExtra, TableError, disk_hint
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS, IDS, TIMES
from twin_core.log_files.cells import OVERFLOW, YEARS, no_readings
from twin_core.log_files.shot_table import (
    EXAMPLES,
    TEXT_BYTES_MAX,
    Column,
    Kind,
    LeftOut,
    Told,
    read_shot_table,
    text_array,
)
from twin_core.plain_files import FileRefused, check_regular
from twin_core.plausible_ranges import RANGES

Columns = dict[str, NDArray[Any]]
FEATURE_SETS = "give feature sets, a row a shot, as Parquet or CSV with names in the first line"
SUFFIXES = (".parquet", ".csv")
BYTES_MAX = 1_000_000_000
"""Of a Parquet file."""
CELLS_MAX = 20_000_000
"""Of a Parquet file, 160 MB in memory: 140,000 shots of 140 columns."""
MEASURED = ("meas_", "proc_", "qc_")
NUMBERS = ("sim_", "meas_", "delta_", "proc_", "qc_", "ml_", "prev_", "press_", "site_", "dev_")
"""Columns that begin so hold numbers, whether a feature set has them or not."""


def kind_of(name: str) -> Kind | None:
    """What a column of a feature set holds; None of one that nothing knows."""
    if name == "poured_at" or name in TIMES:
        return "time"
    is_defect = name.startswith(("qc_any_defect", "qc_defect_")) and not name.endswith("_risk")
    if is_defect or name in {"simulated", "any_defect"}:
        return "flag"
    if name in IDS:
        return "text"
    if name in COLUMNS or name.startswith(NUMBERS) or name == "defect_risk":
        return "number"
    return None


def read_table(path: Path, told: Told | None = None) -> Columns:
    """Every column of a file by its name.

    Args:
        told: called with each column of which cells are left out, being no value of it; None
            refuses such a table.

    Raises:
        TableError: the file is missing, no such table, or has a column of another kind.
        MissingExtra: pyarrow is not installed.
    """
    pa = _pyarrow()
    suffix = _suffix(path)
    if not path.exists():
        raise TableError(f"{path}: there is no such file: check the path")

    def refuse(cells: LeftOut) -> None:
        raise TableError(f"{path}: column {cells.column}: {cells.examples[0]}: correct or empty it")

    try:
        check_regular(path, BYTES_MAX)
        if suffix == ".csv":
            return read_shot_table(path, kind_of, [*IDS, *COLUMNS], told or refuse)
        return _read_parquet(pa, path, told or refuse)
    except TableError:
        raise
    except FileRefused as error:
        raise TableError(str(error), hint=error.hint) from None
    except InputError as error:
        raise TableError(str(error), hint=FEATURE_SETS) from None
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read as {suffix[1:]}: {_first_line(error)}", hint=FEATURE_SETS
        ) from None


def leave_out_impossible(columns: Columns, told: Told) -> Columns:
    """The table with NaN for numbers that no press or laboratory can mean; each is named.

    Args:
        told: called with each column of which numbers are left out.
    """
    found = dict(columns)
    for name, values in columns.items():
        if values.dtype.kind != "f" or kind_of(name) != "number":
            continue
        given, possible = ~np.isnan(values), RANGES.get(name)
        limits = "stands for no value in many devices"
        wrong = np.abs(values) >= OVERFLOW
        if name.startswith(MEASURED):
            wrong |= no_readings(values)
        if possible is not None:
            wrong |= given & ~((values >= possible.low) & (values <= possible.high))
            limits = f"is not within {possible.low:g} to {possible.high:g}"
        if wrong.any():
            found[name] = np.where(wrong, np.nan, values)
            rows = np.flatnonzero(wrong)[:EXAMPLES].tolist()
            examples = [f"{_row_words(columns, row)}: {values[row]:g} {limits}" for row in rows]
            told(LeftOut(name, int(wrong.sum()), int(given.sum()), examples))
    return found


def without_repeats(columns: Columns) -> tuple[Columns, int]:
    """The table without rows that equal one above in every column, and how many those are."""
    if not columns:
        return columns, 0
    marks = np.zeros(len(next(iter(columns.values()))), dtype=np.uint64)
    for values in columns.values():
        marks = marks * _PRIME + _codes(values)
    _, first, place = np.unique(marks, return_index=True, return_inverse=True)
    above = first[place]
    again = above < np.arange(len(marks))
    for values in columns.values():
        codes = _codes(values)
        again &= codes == codes[above]
    count = int(again.sum())
    return (
        ({name: values[~again] for name, values in columns.items()}, count)
        if count
        else (columns, 0)
    )


_PRIME = np.uint64(0x9E3779B97F4A7C15)


def _codes(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Equal whole numbers for equal values; missing ones are equal."""
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)
    if values.dtype.kind == "M":
        return values.view(np.uint64)
    return np.unique(values, return_inverse=True)[1].astype(np.uint64)


def _row_words(columns: Columns, row: int) -> str:
    shot = f" (shot {columns['shot_id'][row]})" if "shot_id" in columns else ""
    return f"row {row + 1}{shot}"


def write_table(
    path: Path, columns: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write columns of one length; the file appears when it is whole. NaN becomes an empty cell.

    Args:
        metadata: what a Parquet file says of itself; CSV keeps none.

    Raises:
        TableError: the columns differ in length, or the file cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    pa = _pyarrow()
    suffix = _suffix(path)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise TableError(f"{path}: columns differ in length: {lengths}")
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({name: _array(pa, values) for name, values in columns.items()})
        if suffix == ".csv":
            from pyarrow import csv

            csv.write_csv(table, part)
        else:
            from pyarrow import parquet

            table = table.replace_schema_metadata(dict(metadata or {}))
            parquet.write_table(table, part, compression="zstd")
        part.replace(path)
    except (OSError, pa.ArrowException) as error:
        part.unlink(missing_ok=True)
        raise TableError(
            f"{path}: cannot be written: {_first_line(error)}", hint=disk_hint(error)
        ) from None


def check_writable(path: Path) -> None:
    """Say early that a table cannot be written here.

    Raises:
        TableError: the suffix is unknown.
        MissingExtra: pyarrow is not installed.
    """
    _pyarrow()
    _suffix(path)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise MissingExtra("tables need pyarrow, which is not installed", "learn") from None
    return pyarrow


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        forms = " or ".join(SUFFIXES)
        raise TableError(f"{path}: a table ends in {forms}, not {path.suffix!r}: convert it")
    return suffix


def _first_line(error: Exception) -> str:
    words = getattr(error, "strerror", None) or str(error)
    return (words.splitlines() or [type(error).__name__])[0]


def _read_parquet(pa: Any, path: Path, told: Told) -> Columns:
    """Column by column, so that Arrow's copy of the table is never held beside ours."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise TableError(f"{path}: column {twice[0]!r} is there more than once: rename one")
        cells = file.metadata.num_rows * len(names)
        if cells > CELLS_MAX:
            raise TableError(
                f"{path}: {file.metadata.num_rows} rows of {len(names)} columns, more than "
                f"{CELLS_MAX} cells: give it in parts, or without columns that are not needed"
            )
        return {name: _values(pa, path, name, file.read([name]).column(0), told) for name in names}


def _values(pa: Any, path: Path, name: str, column: Any, told: Told) -> NDArray[Any]:
    kind, wanted = column.type, kind_of(name)
    if pa.types.is_dictionary(kind):
        _check_texts(pa, path, name, column)
        column, kind = column.cast(kind.value_type), kind.value_type
    if _is_string_view(pa, kind):
        column, kind = column.cast(pa.large_string()), pa.large_string()
    if pa.types.is_timestamp(kind) and wanted in {None, "time"}:
        return _times(pa, path, name, column, told)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _check_texts(pa, path, name, column)
        texts = [text.strip() for text in column.fill_null("").to_pylist()]
        if wanted in {None, "text"}:
            return text_array(str(path), name, texts)
        return _cells(path, name, wanted, texts, told)
    if pa.types.is_null(kind):
        return np.full(len(column), "" if wanted == "text" else np.nan)
    return (
        _ids(pa, path, name, column)
        if wanted == "text"
        else _of_numbers(pa, path, name, column, told)
    )


def _of_numbers(pa: Any, path: Path, name: str, column: Any, told: Told) -> NDArray[Any]:
    """A column of numbers: values, flags, or times since 1970."""
    wanted, numbers = kind_of(name), _as_floats(pa, column)
    if numbers is None or (wanted == "time" and pa.types.is_boolean(column.type)):
        raise TableError(
            f"{path}: column {name!r} is of type {column.type}: a table has numbers, texts and "
            "times",
            hint=FEATURE_SETS,
        )
    if wanted == "time":
        texts = ["" if np.isnan(value) else repr(value) for value in numbers.tolist()]
        return _cells(path, name, wanted, texts, told)
    return _flags(name, numbers, told) if wanted == "flag" else numbers


def _cells(path: Path, name: str, kind: Kind, texts: list[str], told: Told) -> NDArray[Any]:
    cells = Column(str(path), name, kind)
    for row, text in enumerate(texts):
        cells.add(text, f"row {row + 1}")
    return cells.finish(told)


def _as_floats(pa: Any, column: Any) -> NDArray[np.float64] | None:
    if pa.types.is_temporal(column.type):
        return None
    try:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    except pa.ArrowException:
        return None


def _times(pa: Any, path: Path, name: str, column: Any, told: Told) -> NDArray[Any]:
    if kind_of(name) is not None and column.type.tz is None:
        raise TableError(
            f"{path}: column {name}: its times have no zone: write them with UTC or the zone "
            "of the plant"
        )
    times = np.asarray(
        column.cast(pa.timestamp("us"), safe=False).to_numpy(), dtype="datetime64[us]"
    )
    if kind_of(name) is None:
        return times
    known = ~np.isnat(times)
    wrong = known & ~((times >= YEARS[0]) & (times < YEARS[1]))
    _tell(name, times, wrong, int(known.sum()), "is not of the years 1980 to 2100", told)
    return np.where(wrong, np.datetime64("NaT"), times)


def _is_string_view(pa: Any, kind: Any) -> bool:
    known = getattr(pa.types, "is_string_view", None)
    return known is not None and bool(known(kind))


def _flags(name: str, values: NDArray[np.float64], told: Told) -> NDArray[np.float64]:
    """Flags that are stored as numbers: 1 and 0, no count."""
    wrong = ~np.isnan(values) & (values != 0.0) & (values != 1.0)
    _tell(name, values, wrong, int((~np.isnan(values)).sum()), "is neither 1 nor 0", told)
    return np.where(wrong, np.nan, values)


def _tell(
    name: str, values: NDArray[Any], wrong: NDArray[np.bool_], given: int, why: str, told: Told
) -> None:
    if wrong.any():
        rows = np.flatnonzero(wrong)[:EXAMPLES].tolist()
        examples = [f"row {row + 1}: {values[row]} {why}" for row in rows]
        told(LeftOut(name, int(wrong.sum()), given, examples))


def _ids(pa: Any, path: Path, name: str, column: Any) -> NDArray[np.str_]:
    """Ids that somebody stored as numbers: whole ones, with all their digits."""
    kind = column.type
    if pa.types.is_floating(kind):
        found = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        given = found[~np.isnan(found)]
        if not np.all((np.abs(given) < 2**53) & (given == np.round(given))):
            raise TableError(f"{path}: column {name} holds numbers that lost digits: store texts")
        texts = ["" if np.isnan(value) else f"{value:.0f}" for value in found.tolist()]
    elif pa.types.is_integer(kind):
        texts = ["" if v is None else str(v) for v in column.to_pylist()]
    else:
        raise TableError(f"{path}: column {name!r} is of type {kind}: an id is a text")
    return text_array(str(path), name, texts)


def _check_texts(pa: Any, path: Path, name: str, column: Any) -> None:
    """Refuse texts that would fill the memory, before they are unpacked."""
    from pyarrow import compute

    longest = 0
    for chunk in column.chunks:
        texts = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
            longest = max(longest, compute.max(compute.utf8_length(texts)).as_py() or 0)
    if 4 * longest * len(column) > TEXT_BYTES_MAX:
        raise TableError(
            f"{path}: column {name}: {len(column)} texts of up to {longest} characters: leave the "
            "column out, or shorten its texts"
        )


def _array(pa: Any, values: NDArray[Any]) -> Any:
    if values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]"), pa.timestamp("us", tz="UTC"))
    if values.dtype.kind in "OUS":
        texts = ["" if value is None else str(value) for value in values]
        return pa.array(texts, pa.string())
    return pa.array(values.astype(np.float64), pa.float64(), from_pandas=True)
