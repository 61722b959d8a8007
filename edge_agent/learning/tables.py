"""Tables as Parquet or CSV: a column is an array of numbers, of texts or of times.

numbers   float64, NaN where there is none; whole numbers and flags become floats
texts     numpy strings, "" where there is none
times     datetime64[us] in UTC, NaT where there is none
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import MissingExtra, TableError, disk_hint
from twin_core.plain_files import FileRefused, check_regular

Columns = dict[str, NDArray[Any]]
FEATURE_SETS = "give feature sets, a row a shot, as Parquet or CSV with names in the first line"
SUFFIXES = (".parquet", ".csv")
BYTES_MAX = 4_000_000_000
"""Of a file; a million shots of 300 columns fit."""


def read_table(path: Path) -> Columns:
    """Every column of a file by its name.

    Raises:
        TableError: the file is missing, no such table, or has a column of another kind.
        MissingExtra: pyarrow is not installed.
    """
    pa = _pyarrow()
    suffix = _suffix(path)
    if not path.exists():
        raise TableError(f"{path}: there is no such file: check the path")
    try:
        check_regular(path, BYTES_MAX)
    except FileRefused as error:
        raise TableError(str(error), hint=error.hint) from None
    try:
        if suffix == ".csv":
            from pyarrow import csv

            table = csv.read_csv(path)
        else:
            from pyarrow import parquet

            table = parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read as {suffix[1:]}: {_first_line(error)}", hint=FEATURE_SETS
        ) from None
    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(f"{path}: column {twice[0]!r} is there more than once: rename one")
    return {name: _values(pa, path, name, table.column(name)) for name in names}


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


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a Parquet file.

    Raises:
        TableError: the file cannot be read.
        MissingExtra: pyarrow is not installed.
    """
    pa = _pyarrow()
    from pyarrow import parquet

    try:
        found = parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read: {_first_line(error)}", hint=FEATURE_SETS
        ) from None
    return {key.decode(): value.decode() for key, value in found.items()}


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


def _values(pa: Any, path: Path, name: str, column: Any) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.array(column.fill_null("").to_pylist(), dtype=np.str_)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        times = column.cast(pa.timestamp("us"), safe=False)
        return np.asarray(times.to_numpy(), dtype="datetime64[us]")
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    try:
        if pa.types.is_boolean(kind):
            column = column.cast(pa.int8())
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    except pa.ArrowException:
        raise TableError(
            f"{path}: column {name!r} is of type {kind}: a table has numbers, texts and times",
            hint=FEATURE_SETS,
        ) from None


def _array(pa: Any, values: NDArray[Any]) -> Any:
    if values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]"), pa.timestamp("us", tz="UTC"))
    if values.dtype.kind in "OUS":
        texts = ["" if value is None else str(value) for value in values]
        return pa.array(texts, pa.string())
    return pa.array(values.astype(np.float64), pa.float64(), from_pandas=True)
