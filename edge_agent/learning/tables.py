"""Tables in files: Parquet, or CSV by the suffix, as numpy arrays by column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.errors import InputError

Columns = dict[str, NDArray[Any]]
SUFFIXES = (".parquet", ".csv")


def read_table(path: Path) -> Columns:
    """A table: floats for numbers (NaN where empty), objects for text (None where empty),
    ``datetime64[us]`` in UTC for times (NaT where empty).

    Raises:
        InputError: the file is missing or no table, or pyarrow is not installed.
    """
    pa = _pyarrow()
    _suffix_known(path)
    try:
        if path.suffix == ".csv":
            table = pa.csv.read_csv(path)
        else:
            table = pa.parquet.ParquetFile(path).read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return {name: _array(pa, table.column(name)) for name in table.column_names}


def write_table(
    path: Path, columns: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a table; the file appears when it is whole. CSV keeps no metadata.

    Raises:
        InputError: the folder refuses, the suffix is unknown, or pyarrow is not installed.
    """
    pa = _pyarrow()
    _suffix_known(path)
    table = pa.table({name: _column(pa, values) for name, values in columns.items()})
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            pa.csv.write_csv(table, part)
        else:
            table = table.replace_schema_metadata(dict(metadata or {}))
            pa.parquet.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from None


def read_metadata(path: Path) -> dict[str, str]:
    """What a Parquet file says of itself.

    Raises:
        InputError: the file cannot be read, or pyarrow is not installed.
    """
    pa = _pyarrow()
    try:
        found = pa.parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return {key.decode(): value.decode() for key, value in found.items()}


def check_writable(path: Path) -> None:
    """Say early that a table cannot be written here.

    Raises:
        InputError: the suffix is unknown, or pyarrow is not installed.
    """
    _pyarrow()
    _suffix_known(path)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise InputError("tables need pyarrow: pip install 'pur-mold-twin[learn]'") from None
    return pyarrow


def _suffix_known(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a table ends in {' or '.join(SUFFIXES)}: rename it")


def _array(pa: Any, column: Any) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return np.asarray(column.cast(pa.timestamp("us")).to_numpy()).astype("datetime64[us]")
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    if pa.types.is_null(kind) or pa.types.is_integer(column.type) or pa.types.is_floating(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.array(column.cast(pa.string()).to_pylist(), dtype=object)


def _column(pa: Any, values: NDArray[Any]) -> Any:
    if values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]"), type=pa.timestamp("us", tz="UTC"))
    if values.dtype.kind in "fiub":
        return pa.array(values.astype(np.float64), from_pandas=True)
    return pa.array([None if v is None else str(v) for v in values], type=pa.string())
