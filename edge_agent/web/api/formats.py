"""Rows of telemetry as JSON, CSV and Parquet, a piece at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Protocol

from pydantic_core import from_json

from edge_agent.history.pages import READINGS, Row
from edge_agent.history.parquet import ParquetPieces

COLUMNS = ("ts", "site", "press", "device_id", "seq", "mold_id", "shot_id", "shot_key", "simulated")
"""Of every row, in every format."""
CSV, PARQUET, JSON = "text/csv", "application/vnd.apache.parquet", "application/json"


class Form(Protocol):
    """A format that rows are written in."""

    media_type: str

    def head(self) -> bytes:
        """Begin of the answer."""
        ...

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Next rows; may be empty, and come later."""
        ...

    def end(self, next_: str | None) -> bytes:
        """End of the answer.

        Args:
            next_: cursor of the rows behind it.
        """
        ...


class JsonForm:
    """``{"items": […], "next": …}``; without ``fields`` all readings as they were sent."""

    media_type = JSON

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._begun = False

    def head(self) -> bytes:
        """Begin of the answer."""
        return b'{"items":['

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Next rows."""
        texts = [self._fields_of(row) if self._fields else _whole(row) for row in rows]
        if not texts:
            return b""
        first = "" if not self._begun else ",\n"
        self._begun = True
        return (first + ",\n".join(texts)).encode()

    def end(self, next_: str | None) -> bytes:
        """End of the answer."""
        return f'],"next":{json.dumps(next_)}}}\n'.encode()

    def _fields_of(self, row: Row) -> str:
        plain = _plain(row) | dict(zip(self._fields, values_of(row, self._fields), strict=True))
        return json.dumps(plain, allow_nan=False)


class CsvForm:
    """A header and a line a row; without ``fields`` the readings as JSON in three columns."""

    media_type = CSV

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields

    def head(self) -> bytes:
        """The header."""
        return _csv([[*COLUMNS, *(self._fields or READINGS)]])

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Next lines."""
        return _csv([[*_cells(row), *self._readings(row)] for row in rows])

    def end(self, next_: str | None) -> bytes:
        """Nothing: the header Link names the next page."""
        return b""

    def _readings(self, row: Row) -> list[Any]:
        if not self._fields:
            return [row[name] for name in READINGS]
        return values_of(row, self._fields)


class ParquetForm:
    """A Parquet file, its times as timestamps; readings as in CSV."""

    media_type = PARQUET

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._pieces = ParquetPieces(COLUMNS, () if fields else READINGS, fields)

    def head(self) -> bytes:
        """Nothing: it comes with the first rows."""
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """What is whole of the file by now."""
        readings = [values_of(row, self._fields) for row in rows]
        return self._pieces.add(rows, readings)

    def end(self, next_: str | None) -> bytes:
        """The rest of the file."""
        return self._pieces.end()


FORMS: dict[str, type[JsonForm] | type[CsvForm] | type[ParquetForm]] = {
    "json": JsonForm,
    "csv": CsvForm,
    "parquet": ParquetForm,
}
_BY_MEDIA_TYPE = {
    JSON: "json", "application/*": "json", "*/*": "json", CSV: "csv", "text/*": "csv",
    PARQUET: "parquet",
}  # fmt: skip


def form_wanted(accept: str | None) -> str | None:
    """The format that the header Accept asks for; None if it is none of ours.

    Args:
        accept: the header; None without.
    """
    if not accept:
        return "json"
    best, best_q = None, 0.0
    for part in accept.split(","):
        media_type, *parameters = (one.strip().casefold() for one in part.split(";"))
        form = _BY_MEDIA_TYPE.get(media_type)
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if form is not None and quality > best_q:
            best, best_q = form, quality
    return best


def values_of(row: Row, fields: Sequence[str]) -> list[float | None]:
    """Readings of a row by name, from its sensors, else its metrics."""
    if not fields:
        return []
    sensors = from_json(row["sensors"]) if row["sensors"] else {}
    metrics = from_json(row["metrics"]) if row["metrics"] else {}
    found = (sensors.get(name, metrics.get(name)) for name in fields)
    return [float(one) if isinstance(one, int | float) else None for one in found]


def _whole(row: Row) -> str:
    text = json.dumps(_plain(row))
    readings = ",".join(f'"{name}":{row[name] or "{}"}' for name in READINGS)
    return f"{text[:-1]},{readings}}}"


def _plain(row: Row) -> dict[str, Any]:
    plain = {name: row[name] for name in COLUMNS}
    plain["simulated"] = bool(plain["simulated"])
    return plain


def _cells(row: Row) -> list[Any]:
    cells = [row[name] for name in COLUMNS]
    cells[-1] = "true" if cells[-1] else "false"
    return cells


def _csv(lines: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()
