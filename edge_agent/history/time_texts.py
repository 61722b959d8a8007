"""Times as texts, as SQLite has them: ``…:00Z`` stands behind ``…:00.5Z`` there, which is later.

A whole second has no point, and Z comes after the point. Between seconds the order of texts is that
of time, so an index of texts serves, and what is within a second is put right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, and_, func, literal, type_coerce

from broker.timestamps import format_timestamp

_SECOND = len("2026-01-31T12:00:00")
_AFTER_Z = "["

Row = dict[str, Any]


def plain(column: Column[Any]) -> ColumnElement[Any]:
    """A column of times as texts whose order is that of time."""
    return func.rtrim(type_coerce(column, Text), "Z")


def since(column: Column[Any], moment: datetime) -> ColumnElement[bool]:
    """From this moment on."""
    text = format_timestamp(moment)
    by_index = type_coerce(column, Text) >= literal(text[:_SECOND], Text)
    return and_(by_index, plain(column) >= literal(text.rstrip("Z"), Text))


def before(column: Column[Any], moment: datetime) -> ColumnElement[bool]:
    """Before this moment."""
    text = format_timestamp(moment)
    by_index = type_coerce(column, Text) < literal(text[:_SECOND] + _AFTER_Z, Text)
    return and_(by_index, plain(column) < literal(text.rstrip("Z"), Text))


def in_order(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Row]:
    """Rows that come in the order of texts, in that of time.

    Args:
        rows: their first column of ``columns`` is a time, or None.
        columns: that order them.
    """
    time = columns[0]

    def key(row: Row) -> str:
        return str(row[time]).rstrip("Z")

    for _, of_second in groupby(rows, key=lambda row: str(row[time])[:_SECOND]):
        yield from sorted(of_second, key=key)  # stable: the other columns have ordered them
