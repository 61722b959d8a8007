"""Shots from a database: rows by a server-side cursor, readings for some shots at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnClause,
    Connection,
    CursorResult,
    Select,
    String,
    TableClause,
    cast,
    column,
    func,
    inspect,
    select,
    table,
)
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql.sqltypes import DateTime, Integer
from sqlalchemy.sql.sqltypes import String as StringType

from edge_agent.imports.database import Ask, Database
from edge_agent.imports.not_mapped import not_mapped
from edge_agent.imports.reading_rows import take_row
from edge_agent.imports.settings import Series, SqlSource
from edge_agent.imports.source import Fetched, Problem, RawReading, RawShot
from edge_agent.mapping.problem import nearest
from edge_agent.shots.shot_query import ShotQuery
from twin_core.errors import InputError

SHOTS_AT_ONCE = 50
"""Shots whose readings are in memory at once."""
ROWS_AT_ONCE = 1000
AROUND = timedelta(hours=2)
"""More than is asked for: a clock that is put back shows an hour twice."""
_FILTERS = ("mold_id", "press", "system_id", "order_id")
"""Fields of a question that are fields of a mapping, too."""
Row = Mapping[str, Any]
Key = tuple[Any, ...]


class SqlShots:
    """Shots of the tables that a mapping names."""

    def __init__(self, settings: SqlSource) -> None:
        """Make ready; nothing is connected yet.

        Raises:
            SettingsError: the password file or the SQLite file cannot be read.
            MissingExtra: the driver is not installed.
        """
        self._settings = settings
        self._database = Database(settings)
        self._types: dict[str, Any] = {}
        """Types of the columns of the table that is filtered."""
        self._shared: set[Key] = set()

    async def check(self) -> list[str]:
        """Look whether tables and columns are there; says which columns are not used."""
        async with self._database.connection() as ask:
            return await ask(self._check)

    async def fetch_shots(self, query: ShotQuery) -> AsyncGenerator[Fetched]:
        """Shots in the order of their times; filters that the database can apply, it applies."""
        if not self._types:
            await self.check()
        async with self._database.connection() as ask, self._database.connection() as beside:
            self._shared = await beside(self._shared_keys)
            result = await ask(lambda c: _begin(c, self._statement(query)))
            number = 0
            while rows := await ask(lambda _: _some(result)):
                for part in _parts(rows):
                    for shot in await self._with_readings(beside, part, number):
                        yield shot
                    number += len(part)

    async def sample(self, name: str, count: int) -> tuple[list[str], list[Row]]:
        """Columns of any table of the database, and some of its rows.

        Args:
            name: of the table or view.
            count: at most so many rows.
        """

        def run(connection: Connection) -> tuple[list[str], list[Row]]:
            names = list(self._columns_of(connection, name))
            columns: list[ColumnClause[Any]] = [column(one) for one in names]
            rows = connection.execute(select(*columns).select_from(self._table(name)).limit(count))
            return names, [dict(row) for row in rows.mappings()]

        async with self._database.connection() as ask:
            return await ask(run)

    async def close(self) -> None:
        """Close the connections."""
        await self._database.close()

    @property
    def _series_key(self) -> dict[str, str]:
        """Columns of the readings, and those of the shots that they repeat."""
        series, columns = self._settings.series, self._settings.columns
        if series is None:
            return {}
        shot_id = columns["shot_id"].column if "shot_id" in columns else "shot_id"
        if self._settings.form == "long":  # that of the shot first: readings are asked for by it
            return {name: name for name in dict.fromkeys([str(shot_id), *self._own_columns()])}
        if isinstance(series.shot, dict):
            return dict(series.shot)
        return {str(series.shot): str(shot_id)}

    def _own_columns(self) -> list[str]:
        """Columns of the mapping, each once."""
        named = (one.column for one in self._settings.columns.values() if one.column is not None)
        return list(dict.fromkeys(named))

    def _table(self, name: str) -> TableClause:
        return table(name, schema=self._settings.db_schema)

    def _check(self, connection: Connection) -> list[str]:
        settings, unused = self._settings, list[str]()
        main = settings.table if settings.form == "wide" else _series(settings).table
        assert main is not None
        self._types = self._columns_of(connection, main)
        wanted = {*self._own_columns(), *self._series_key.values()}
        self._require(main, wanted)
        if settings.form == "wide":
            unused += not_mapped(f"table {main}", self._types, settings, wanted)
        series = settings.series
        if series is not None:
            assert series.table is not None
            found = self._columns_of(connection, series.table)
            for name in self._reading_columns():
                if name not in found:
                    raise _no_column(series.table, name, found)
        return unused

    def _columns_of(self, connection: Connection, name: str) -> dict[str, Any]:
        inspector, schema = inspect(connection), self._settings.db_schema
        try:
            return {
                str(one["name"]): one["type"] for one in inspector.get_columns(name, schema=schema)
            }
        except NoSuchTableError:
            known = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema)]
            words = f"{self._database.words}: there is no table {name}: {nearest(name, known)}"
            raise InputError(words) from None

    def _require(self, name: str, wanted: Iterable[str]) -> None:
        for one in wanted:
            if one not in self._types:
                raise _no_column(name, one, self._types)

    def _reading_columns(self) -> list[str]:
        series = _series(self._settings)
        named = [series.time.column, *self._series_key]
        if series.is_long:
            named += [str(series.signal), str(series.value)]
        else:
            named += [signal.name for signal in series.signals.values()]
        return list(dict.fromkeys(named))

    def _statement(self, query: ShotQuery) -> Select[Any]:
        settings = self._settings
        wide = settings.form == "wide"
        source = self._table(str(settings.table if wide else _series(settings).table))
        if wide and not settings.columns:
            names = list(self._types)
        else:
            names = list(dict.fromkeys([*self._own_columns(), *self._series_key.values()]))
        columns: list[ColumnClause[Any]] = [column(name) for name in names]
        found = select(*columns).select_from(source).where(*self._conditions(query))
        poured_at = settings.columns.get("poured_at")
        if not wide:
            found = found.group_by(*columns)
        if poured_at is not None and poured_at.column is not None:
            return found.order_by(column(poured_at.column))
        if not wide:
            return found.order_by(func.min(column(_series(settings).time.column)))
        return found

    def _conditions(self, query: ShotQuery) -> Iterator[Any]:
        """What the database can decide by itself; the rest is decided behind it."""
        if self._database.dialect == "sqlite":  # a local file, and its columns have no types
            return
        mapped = self._settings.columns
        for field in _FILTERS:
            wanted, one = getattr(query, field), mapped.get(field)
            if wanted is None or one is None or one.column is None:
                continue
            if not isinstance(self._types[one.column], Integer | StringType):
                continue
            raw = [said for said, name in one.names.items() if name == wanted]
            if wanted.startswith(one.prefix):
                raw.append(wanted.removeprefix(one.prefix))
            yield func.trim(cast(column(one.column), String(200))).in_(raw)
        one = mapped.get("poured_at")
        kind = None if one is None or one.column is None else self._types[one.column]
        if one is None or not isinstance(kind, DateTime):
            return
        poured_at: ColumnClause[Any] = column(str(one.column))
        since = None if query.since is None else self._moment(query.since - AROUND, kind)
        until = None if query.until is None else self._moment(query.until + AROUND, kind)
        if since is not None:
            yield poured_at >= since
        if until is not None:
            yield poured_at < until

    def _moment(self, moment: datetime, kind: DateTime) -> datetime | None:
        """A moment as the column has it; None where nobody knows."""
        if kind.timezone:
            return moment
        zone = self._settings.time_zone
        return None if zone is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    def _shared_keys(self, connection: Connection) -> set[Key]:
        """Keys of readings that several shots have."""
        settings = self._settings
        if settings.series is None or settings.form == "long":
            return set()
        keys: list[ColumnClause[Any]] = [column(name) for name in self._series_key.values()]
        twice = (
            select(*keys)
            .select_from(self._table(str(settings.table)))
            .group_by(*keys)
            .having(func.count() > 1)
        )
        return {tuple(row) for row in connection.execute(twice)}

    async def _with_readings(self, ask: Ask, rows: Sequence[Row], before: int) -> list[RawShot]:
        settings = self._settings
        wide = settings.form == "wide"
        name = settings.table if wide else _series(settings).table
        shots = [
            RawShot(f"table {name}: row {before + number}", row)
            for number, row in enumerate(rows, start=1)
        ]
        series = settings.series
        if series is None:
            return shots
        of_shots = self._series_key
        by_key: dict[Key, RawShot] = {}
        for shot in shots:
            key = tuple(shot.cells[one] for one in of_shots.values())
            shot.readings_where = f"table {series.table}, shot {key[0]}"
            shot.key_is_shared = key in self._shared
            if shot.key_is_shared and series.time.unit is not None:
                words = f"several shots have the key {key}: their readings cannot be told apart"
                shot.problems.append(
                    Problem("contradictory", shot.where, series.table or "", words)
                )
            by_key.setdefault(key, shot)
        found = await ask(lambda c: self._readings(c, list(by_key)))
        for shot in shots:
            key = tuple(shot.cells[one] for one in of_shots.values())
            if not (shot.key_is_shared and series.time.unit is not None):
                shot.readings, cells = found.get(key, ({}, {}))
                shot.cells = {**shot.cells, **cells}
        return shots

    def _readings(
        self, connection: Connection, keys: Sequence[Key]
    ) -> dict[Key, tuple[dict[str, list[RawReading]], dict[str, Any]]]:
        series = _series(self._settings)
        key_columns = list(self._series_key)
        first: ColumnClause[Any] = column(key_columns[0])
        columns: list[ColumnClause[Any]] = [column(name) for name in self._reading_columns()]
        wanted = {key[0] for key in keys}
        statement = (
            select(*columns)
            .select_from(self._table(str(series.table)))
            .where(first.in_([one for one in wanted if one is not None]))
            .order_by(first, column(series.time.column))
        )
        by_name = {signal.name: sensor for sensor, signal in series.signals.items()}
        known = set(keys)
        found: dict[Key, tuple[dict[str, list[RawReading]], dict[str, Any]]] = {}
        counts: dict[Key, int] = {}
        for row in _begin(connection, statement).mappings():
            key = tuple(row[name] for name in key_columns)
            if key not in known:
                continue
            counts[key] = number = counts.get(key, 0) + 1
            readings, cells = found.setdefault(key, ({}, {}))
            take_row(dict(row), series, by_name, number, readings, cells)
        return found


def _begin(connection: Connection, statement: Select[Any]) -> CursorResult[Any]:
    return connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)


def _some(result: CursorResult[Any]) -> list[Row]:
    return [dict(row) for row in result.mappings().fetchmany(ROWS_AT_ONCE)]


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while part := list(islice(left, SHOTS_AT_ONCE)):
        yield part


def _series(settings: SqlSource) -> Series:
    assert settings.series is not None
    return settings.series


def _no_column(name: str, wanted: str, known: Iterable[str]) -> InputError:
    return InputError(f"table {name}: there is no column {wanted}: {nearest(wanted, known)}")
