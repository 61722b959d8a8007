"""The history as Parquet files: a table a file, every sensor a column of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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


class ParquetPieces:
    """A Parquet file that is given away while it is written: memory holds one group of rows."""

    GROUP = 20_000
    """Rows of a group: fewer make a large file slow to read, more fill the memory."""

    def __init__(
        self, columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]
    ) -> None:
        """Begin a file.

        Args:
            columns: of the telemetry, by the types of its table.
            texts: columns whose JSON texts are kept as they are.
            numbers: columns behind them, readings.

        Raises:
            MissingExtra: pyarrow is not installed.
        """
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtra("Parquet needs pyarrow", "parquet") from None
        types = {
            "time": pa.timestamp("us", tz="UTC"),
            "integer": pa.int64(),
            "flag": pa.bool_(),
        }
        kinds = TABLES["telemetry"].columns
        fields = [(name, types.get(kinds[name], pa.string())) for name in columns]
        fields += [(name, pa.string()) for name in texts]
        fields += [(name, pa.float64()) for name in numbers]
        self._pa, self._names = pa, [*columns, *texts]
        self._schema = pa.schema(fields)
        self._written = _Written()
        self._pool = pa.system_memory_pool()  # gives back what is freed
        self._writer = pq.ParquetWriter(
            self._written, self._schema, compression="zstd", memory_pool=self._pool
        )
        self._waiting: list[Any] = []
        self._count = 0

    def add(self, rows: Sequence[dict[str, Any]], numbers: Sequence[Sequence[Any]]) -> bytes:
        """Add rows; returns what has been written since.

        Args:
            rows: of the telemetry, its times as texts.
            numbers: for each row the values of the last columns.
        """
        pa, arrays = self._pa, []
        for place, field in enumerate(self._schema):
            if place < len(self._names):
                values: list[Any] = [row[field.name] for row in rows]
            else:
                values = [one[place - len(self._names)] for one in numbers]
            if pa.types.is_timestamp(field.type):
                values = [None if one is None else datetime.fromisoformat(one) for one in values]
            elif pa.types.is_boolean(field.type):
                values = [None if one is None else bool(one) for one in values]
            arrays.append(pa.array(values, field.type, memory_pool=self._pool))
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        self._count += len(rows)
        if self._count >= self.GROUP:
            self._write()
        return self._written.take()

    def end(self) -> bytes:
        """Close the file; returns the rest of it."""
        self._write()
        self._writer.close()
        return self._written.take()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._count = [], 0


class _Written:
    """A file that cannot be read back: what was written is taken away."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keep what is written."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """Give away what was written since."""
        found, self._parts = b"".join(self._parts), []
        return found

    def flush(self) -> None:
        """Do nothing: there is nothing below."""

    def close(self) -> None:
        """Take nothing more."""
        self.closed = True
