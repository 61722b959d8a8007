"""Rows of the history piece by piece: telemetry oldest first, shots and results newest first.

A position is the key of the last row that was given, so rows that come meanwhile shift nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Select,
    Table,
    Text,
    cast,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)

from broker.timestamps import parse_timestamp
from edge_agent.history import time_texts
from edge_agent.history.read import (
    ORDERS,
    HistoryReader,
    RowFilter,
    conditions,
    shots_with_prediction,
)

Position = tuple[str | int | None, ...]
"""Key of a row, its time first, as text."""
Row = dict[str, Any]
TELEMETRY_KEY = ("ts", "site", "press", "device_id", "seq", "content")
READINGS = ("sensors", "metrics", "status")
"""Columns that are given as JSON texts, as they are stored."""
TELEMETRY_COLUMNS = (
    *TELEMETRY_KEY, "mold_id", "shot_id", "shot_key", *READINGS, "simulated", "received_at",
)  # fmt: skip
CHUNK = 2_000
"""Rows of telemetry that are asked for at once; so many are in memory."""
_NEWEST_FIRST = {
    "shot": ("poured_at", "shot_key"),
    "quality": ("ts", "press", "shot_id", "content"),
    "alert": ("raised_at", "press", "alert_id"),
}
_SECOND = len("2026-01-31T12:00:00")


async def telemetry(
    reader: HistoryReader, which: RowFilter, after: Position | None = None, chunk: int | None = None
) -> AsyncGenerator[list[Row]]:
    """Give telemetry in order of time, some rows at a time, without an end but the last row.

    Each piece is a question of its own: a reader that takes hours holds nothing in the database.

    Args:
        reader: the history.
        which: of the rows.
        after: the position of the last row that the reader has.
        chunk: rows that are asked for at once; ``CHUNK`` by default.

    Raises:
        StoreError: the history cannot be read.
    """
    pieces = _pieces(reader, which, after, chunk or CHUNK)
    if not reader.is_file:
        async for rows in pieces:
            yield rows
        return
    waiting: list[Row] = []  # rows of a second that may go on in the next piece
    async for rows in pieces:
        waiting += rows
        last = str(waiting[-1]["ts"])[:_SECOND]
        end = next(
            (i for i in range(len(waiting), 0, -1) if waiting[i - 1]["ts"][:_SECOND] != last), 0
        )
        if end:
            yield list(_in_time(waiting[:end], after))
            waiting = waiting[end:]
    if waiting:
        yield list(_in_time(waiting, after))


def position_of(row: Row) -> Position:
    """The position of a row of telemetry."""
    return tuple(row[name] for name in TELEMETRY_KEY)


async def _pieces(
    reader: HistoryReader, which: RowFilter, after: Position | None, chunk: int
) -> AsyncIterator[list[Row]]:
    """Rows in the order in which they lie there; in a file, from the second of ``after`` on."""
    table = reader.tables["telemetry"]
    begin = after
    if after is not None and reader.is_file:
        begin = (str(after[0])[:_SECOND],)
    async with reader.asking() as ask:
        while True:
            statement = _telemetry(reader, table, which, begin, chunk)

            def run(connection: Connection, statement: Select[Any] = statement) -> list[Row]:
                rows = connection.execute(statement).all()
                return [dict(zip(TELEMETRY_COLUMNS, row, strict=True)) for row in rows]

            rows = await ask(run)
            if rows:
                yield rows
            if len(rows) < chunk:
                return
            begin = position_of(rows[-1])


def _telemetry(
    reader: HistoryReader, table: Table, which: RowFilter, begin: Position | None, limit: int
) -> Select[Any]:
    as_text = type_coerce if reader.is_file else cast
    columns = [
        as_text(table.c[name], Text).label(name) if name in READINGS else table.c[name]
        for name in TELEMETRY_COLUMNS
    ]
    wanted = conditions("telemetry", table, which, reader.is_file)
    if begin is not None:
        names = TELEMETRY_KEY[: len(begin)]
        time = _time(reader, begin[0])
        key = tuple_(*(_key(reader, table, name) for name in names))
        values = [time, *(literal(value) for value in begin[1:])]
        wanted.append(_key(reader, table, "ts") >= time)  # for the index
        wanted.append(key > tuple_(*values))
    order = [table.c[name] for name in TELEMETRY_KEY]
    return select(*columns).where(*wanted).order_by(*order).limit(limit)


def _key(reader: HistoryReader, table: Table, name: str) -> ColumnElement[Any]:
    column = table.c[name]
    if name not in {"ts", "poured_at", "raised_at"}:
        return column
    kind = Text() if reader.is_file else DateTime(timezone=True)
    return type_coerce(column, kind)


def _time(reader: HistoryReader, text: str | int | None) -> ColumnElement[Any]:
    if reader.is_file:
        return literal(text, Text)
    return literal(parse_timestamp(text), DateTime(timezone=True))


def _in_time(rows: Sequence[Row], after: Position | None) -> Iterator[Row]:
    """Rows as they lie in a file, in order of time; without those up to a position."""
    ordered = time_texts.in_order(rows, TELEMETRY_KEY)
    if after is None:
        return ordered
    known = _sortable(after)
    return (row for row in ordered if _sortable(position_of(row)) > known)


def _sortable(position: Position) -> tuple[Any, ...]:
    time, *rest = position
    return (str(time).rstrip("Z"), *((one is not None, one) for one in rest))


async def newest(
    reader: HistoryReader,
    table: str,
    which: RowFilter,
    after: Position | None,
    limit: int,
    state: str = "all",
) -> tuple[list[Row], Position | None]:
    """Rows of a table, newest first; shots with their latest prediction.

    Args:
        reader: the history.
        table: ``shot``, ``quality`` or ``alert``.
        which: of the rows.
        after: the position of the last row that the reader has.
        limit: so many at most.
        state: of alerts: ``open``, ``closed`` or ``all``.

    Returns:
        The rows, and the position of the last one; None if there are no more.

    Raises:
        StoreError: the history cannot be read.
    """
    source, names = reader.tables[table], _NEWEST_FIRST[table]
    statement = shots_with_prediction() if table == "shot" else select(source)
    time_column = source.c[names[0]]
    by_time = time_texts.plain(time_column) if reader.is_file else _key(reader, source, names[0])
    order = [by_time, *(func.coalesce(source.c[name], "") for name in names[1:])]
    wanted = conditions(table, source, which, reader.is_file)
    wanted.append(time_column.is_not(None))
    if state != "all":
        is_open = source.c.closed_at.is_(None)
        wanted.append(is_open if state == "open" else ~is_open)
    if after is not None:
        first = str(after[0])
        time = literal(first.rstrip("Z"), Text) if reader.is_file else _time(reader, first)
        values = tuple_(time, *(literal(value) for value in after[1:]))
        wanted.append(tuple_(*order) < values)
    statement = statement.where(*wanted).order_by(*(key.desc() for key in order))

    def run(connection: Connection) -> list[Row]:
        found = connection.execute(statement.limit(limit + 1)).mappings()
        return [dict(row) for row in found]

    async with reader.asking() as ask:
        rows = await ask(run)
    more, rows = len(rows) > limit, rows[:limit]
    return rows, tuple(rows[-1][name] for name in names) if more else None


async def alert(reader: HistoryReader, alert_id: str) -> Row | None:
    """An alert by its id; None if there is none.

    Raises:
        StoreError: the history cannot be read.
    """
    table = reader.tables["alert"]
    statement = select(table).where(table.c.alert_id == alert_id).limit(1)

    def run(connection: Connection) -> Row | None:
        found = connection.execute(statement).mappings().first()
        return None if found is None else dict(found)

    async with reader.asking() as ask:
        return await ask(run)


def position_length(table: str) -> int:
    """Number of values in a position of ``newest``."""
    return len(_NEWEST_FIRST[table])


async def of_shot(reader: HistoryReader, shot_key: str) -> dict[str, list[Row]]:
    """All that is stored of a shot but its telemetry: rows by table, in order of time.

    Raises:
        StoreError: the history cannot be read.
    """
    found: dict[str, list[Row]] = {}
    async with reader.asking() as ask:
        for name in ("shot", "prediction", "quality", "event"):
            table = reader.tables[name]
            order = [table.c[column] for column in ORDERS[name]]
            statement = select(table).where(table.c.shot_key == shot_key).order_by(*order)

            def run(connection: Connection, statement: Select[Any] = statement) -> list[Row]:
                return [dict(row) for row in connection.execute(statement).mappings()]

            rows = await ask(run)
            is_text = reader.is_file
            found[name] = list(time_texts.in_order(rows, ORDERS[name])) if is_text else rows
    return found
