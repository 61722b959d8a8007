"""The history as Parquet files: a table a file, every sensor a column of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_agent.errors import MissingExtra, StoreError
from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.history.schema import TABLES, ColumnType, Table

WIDE = ("sensors", "metrics")
"""JSON columns that become a column a name; those of metrics begin with ``metric_``."""


async def export(
    reader: HistoryReader, which: RowFilter, folder: Path, progress: Callable[[str, int], None]
) -> dict[str, int]:
    """Write ``{table}.parquet`` for every table; a file appears when it is whole.

    Returns rows by table.

    Raises:
        StoreError: the history cannot be read, or the folder not written.
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow", "parquet") from None
    types = {
        "text": pa.string(),
        "time": pa.timestamp("us", tz="UTC"),
        "real": pa.float64(),
        "integer": pa.int64(),
        "flag": pa.bool_(),
        "json": pa.string(),
    }

    async def write(table: Table) -> int:
        wide = {}
        if table.name == "telemetry":
            wide = {column: await reader.names_in(column, which) for column in WIDE}
        fields = [(name, types[kind]) for name, kind in table.columns.items() if name not in wide]
        for column, found in wide.items():
            fields += [(_wide_name(column, name), pa.float64()) for name in found]
        schema, count = pa.schema(fields), 0
        part = folder / f"{table.name}.parquet.part"
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:

            def take(rows: list[dict[str, Any]]) -> None:
                nonlocal count
                flat = [_flat(row, table.columns, wide) for row in rows]
                writer.write_table(pa.Table.from_pylist(flat, schema=schema))
                count += len(rows)
                progress(table.name, count)

            await reader.each(table.name, which, take)
        part.rename(folder / f"{table.name}.parquet")
        return count

    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {table.name: await write(table) for table in TABLES.values()}
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error}") from error


def _wide_name(column: str, name: str) -> str:
    return name if column == "sensors" else f"metric_{name}"


def _flat(
    row: dict[str, Any], columns: dict[str, ColumnType], wide: dict[str, list[str]]
) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, kind in columns.items():
        value = row[name]
        if name in wide:
            flat |= {_wide_name(name, one): number for one, number in (value or {}).items()}
        elif value is None:
            flat[name] = None
        elif kind == "json":
            flat[name] = json.dumps(value)
        else:
            flat[name] = datetime.fromisoformat(value) if kind == "time" else value
    return flat
