"""The history in TimescaleDB, or in plain PostgreSQL: batches by COPY, exactly once by key.

A batch goes as documents into a temporary table with one COPY, and from there into each table with
one ``INSERT … ON CONFLICT``: the database takes the documents apart, not this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
from pydantic_core import to_json

from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import telemetry_key, upkeep
from edge_agent.history.connection import CONNECT_TIMEOUT_S, TROUBLE, connect, database_error
from edge_agent.history.migrations import HEAD, NEWER, ONE_AT_A_TIME, upgrade_apart
from edge_agent.history.rows import columns_of
from edge_agent.history.schema import SUPERSEDED, TABLES, Table, names
from edge_agent.logs import get_logger
from edge_agent.ports import HistoryRow, Receipt, Stored

KEY_WAIT_S = 1.0
"""How long rows wait for the build of a key before they are looked after again."""
AT_ONCE = 16
"""Rows that are made ready, half a millisecond, before whoever answers a shot has its turn."""
EVER = datetime(1, 1, 1, tzinfo=UTC)
_BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What a row, not the database, is to blame for: trying again changes nothing."""
_SQL_TYPES = {
    "text": "text",
    "time": "timestamptz",
    "real": "double precision",
    "integer": "bigint",
    "flag": "boolean",
    "json": "jsonb",
}
_Record = tuple[int, str, str]
"""Number in the spool, kind and document of a row."""
_INCOMING = "CREATE TEMPORARY TABLE incoming (entry_id bigint, entry_kind text, entry jsonb)"


class TimescaleHistory:
    """History in TimescaleDB; it connects when there is something to deliver, and after trouble."""

    def __init__(self, settings: HistorySettings) -> None:
        self._settings, self._raw_days = settings, settings.raw_days
        self._connection: asyncpg.Connection | None = None
        self._keying: asyncio.Task[None] | None = None

    async def deliver(self, rows: Sequence[Stored[HistoryRow]]) -> Receipt:
        """Write a batch; rows that can never be stored are rejected alone."""
        async with self._errors():
            connection = await self._connected()
            try:
                await _write(connection, rows)
            except _BAD_ROW:
                return await _write_parts(connection, rows)
        return Receipt([row.id for row in rows])

    async def upkeep(self, now: datetime) -> bool:
        """Make roll-ups, remove raw telemetry older than ``raw_days``, and give telemetry of an
        older program its key, some at a time."""
        raw_since = EVER if self._raw_days is None else now - timedelta(days=self._raw_days)
        async with self._errors():
            connection = await self._connected()
            if await self._keyed(connection):
                return True
            async with connection.transaction():
                await _check_version(connection)
                more = await upkeep.roll_up(connection, now, raw_since)
            if not more and self._raw_days is not None:  # the roll-ups are done with the raw rows
                await upkeep.drop_old(connection, raw_since)
        return more

    async def close(self) -> None:
        """Close the connection."""
        if self._keying is not None:
            self._keying.cancel()
            await asyncio.wait({self._keying})
        if self._connection is not None:
            with suppress(*TROUBLE):
                await self._connection.close(timeout=CONNECT_TIMEOUT_S)
            self._connection = None

    async def _keyed(self, connection: asyncpg.Connection) -> bool:
        """Have the telemetry get its key, beside what else is done; true while it does."""
        if self._keying is None:
            if await telemetry_key.has_key(connection):
                return False
            self._keying = asyncio.create_task(telemetry_key.make_key(self._address()))
            get_logger().info("history_key_started", stage="forward")
        await asyncio.wait({self._keying}, timeout=KEY_WAIT_S)
        if not self._keying.done():
            return True
        keying, self._keying = self._keying, None
        await keying
        get_logger().info("history_key_made", stage="forward")
        return False

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            url = self._address()  # read anew: a password may have been exchanged
            self._connection = await connect(url)
            if await _version(self._connection) != HEAD:
                await upgrade_apart(url)
            await self._connection.execute(_INCOMING)
            await upkeep.compress(self._connection)
            get_logger().info("history_connected", stage="forward", version=HEAD)
        return self._connection

    def _address(self) -> str:
        url = self._settings.address()
        assert url is not None
        return url

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            self._give_up()
            if isinstance(error, TROUBLE):
                raise database_error(self._address(), error) from error
            raise

    def _give_up(self) -> None:
        """Give the connection up, whatever happened: its state is not known."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


async def _version(connection: asyncpg.Connection) -> str | None:
    try:
        version = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return str(version)


async def _check_version(connection: asyncpg.Connection) -> None:
    """Make sure that no newer program has changed the tables, and that none does before we commit.

    Raises:
        StoreError: another version.
    """
    await connection.execute(f"SELECT pg_advisory_xact_lock_shared({ONE_AT_A_TIME})")
    version = await connection.fetchval("SELECT version_num FROM alembic_version")
    if version != HEAD:
        raise StoreError(
            f"history of version {version}, this program knows {HEAD}: update the program",
            hint=NEWER,
        )


async def _write(connection: asyncpg.Connection, rows: Sequence[Stored[HistoryRow]]) -> None:
    """All rows, or none."""
    whole, older = list[_Record](), list[_Record]()
    for number, row in enumerate(rows):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        columns = columns_of(row.entry)
        record = row.id, row.entry.kind, to_json(columns).decode()
        by_older = row.entry.kind == "telemetry" and columns.get("received_at") is None
        (older if by_older else whole).append(record)
    async with connection.transaction():
        await _check_version(connection)
        if older:  # that an older program left in the spool: before what may repeat them
            await _write_part(connection, older, by_older_program=True)
        await _write_part(connection, whole)


async def _write_part(
    connection: asyncpg.Connection,
    records: Sequence[_Record],
    by_older_program: bool = False,
) -> None:
    await connection.execute("TRUNCATE incoming")
    await connection.copy_records_to_table("incoming", records=records)
    for kind in sorted({kind for _, kind, _ in records}):
        if kind == "telemetry":
            await _write_telemetry(connection, by_older_program)
            continue
        if kind == "prediction":
            await connection.execute(_ONE_AGENT_A_PRESS)
        await connection.execute(_INSERTS[kind])
        if kind == "prediction":
            await connection.execute(_SUPERSEDED)


async def _write_telemetry(connection: asyncpg.Connection, by_older_program: bool) -> None:
    """Frames that are not there yet, by their key or, where an older program wrote, their columns.

    Raises:
        StoreError: a frame can only be stored when the telemetry has got its new key.
    """
    first, last, until, older_key = await connection.fetchrow(_TIMES)
    if by_older_program:
        await connection.execute("UPDATE telemetry_older SET until = greatest(until, $1)", last)
    if by_older_program or (first is not None and first <= until):
        await connection.execute(_DROP_REPEATS, first, last, by_older_program)
    await connection.execute(_INSERTS["telemetry"])
    await connection.execute(_ROLLUP_DUE)
    if older_key and await connection.fetchval(_HELD_UP):
        raise StoreError(
            "the telemetry gets a new key: a second frame of one device, time and number can only "
            "be stored with it",
            hint="nothing to do: rows wait in the spool until the key is there",
        )


async def _write_parts(
    connection: asyncpg.Connection, rows: Sequence[Stored[HistoryRow]]
) -> Receipt:
    """Halve a batch until what the database refuses stands alone."""
    try:
        await _write(connection, rows)
    except _BAD_ROW as error:
        if len(rows) == 1:
            return Receipt(rejected={rows[0].id: f"{rows[0].entry.kind}: {error}"})
        middle = len(rows) // 2
        first = await _write_parts(connection, rows[:middle])
        second = await _write_parts(connection, rows[middle:])
        return replace(
            first,
            accepted=first.accepted + second.accepted,
            rejected=first.rejected | second.rejected,
        )
    return Receipt([row.id for row in rows])


def _insert(table: Table) -> str:
    columns, key = names(table.columns), names(table.key)
    types = ", ".join(f'"{name}" {_SQL_TYPES[kind]}' for name, kind in table.columns.items())
    # twice in one batch: the ended shot counts, and of these the last word
    last = f"DISTINCT ON ({key})" if table.replace else ""
    order = f"{key}, {table.newest_first}, entry_id DESC" if table.replace else "entry_id"
    return (
        f"INSERT INTO {table.name} ({columns}) SELECT {last} {columns} FROM incoming,"
        f" jsonb_to_record(entry) AS entry_columns({types})"
        f" WHERE entry_kind = '{table.name}' ORDER BY {order} {table.on_conflict}"
    )


_INSERTS = {name: _insert(table) for name, table in TABLES.items()}
_TIMES = f"""
SELECT min((entry ->> 'ts')::timestamptz), max((entry ->> 'ts')::timestamptz),
       (SELECT max(until) FROM telemetry_older), ({telemetry_key.OLDER})
FROM incoming WHERE entry_kind = 'telemetry'
"""
_SAME_KEY = """
stored.site = entry ->> 'site' AND stored.press = entry ->> 'press'
AND stored.device_id = entry ->> 'device_id' AND stored.ts = (entry ->> 'ts')::timestamptz
AND stored.seq = (entry ->> 'seq')::bigint
"""
_DROP_REPEATS = f"""
DELETE FROM incoming WHERE entry_kind = 'telemetry' AND (
    SELECT count(*) FROM (
        SELECT 1 FROM telemetry AS stored
        WHERE {_SAME_KEY} AND stored.ts BETWEEN $1 AND $2 AND (stored.received_at IS NULL OR $3)
            AND coalesce(stored.mold_id, '') = coalesce(entry ->> 'mold_id', '')
            AND coalesce(stored.simulated, false)
                = coalesce((entry ->> 'simulated')::boolean, false)
            AND coalesce(nullif(stored.sensors, 'null'), '{{}}')
                = coalesce(nullif(entry -> 'sensors', 'null'), '{{}}')
            AND coalesce(nullif(stored.metrics, 'null'), '{{}}')
                = coalesce(nullif(entry -> 'metrics', 'null'), '{{}}')
            AND coalesce(nullif(stored.status, 'null'), '{{}}')
                = coalesce(nullif(entry -> 'status', 'null'), '{{}}')
        LIMIT 1) AS repeated) > 0
"""
"""A count, not EXISTS: looked up frame by frame, never by a join with all telemetry. The shot is
not compared: an older row does not tell whether its frame named it."""
_HELD_UP = f"""
SELECT 1 FROM incoming WHERE entry_kind = 'telemetry' AND (
    SELECT count(*) FROM telemetry AS stored
    WHERE {_SAME_KEY} AND stored.content = entry ->> 'content') = 0
LIMIT 1
"""
_SUPERSEDED = f"""{SUPERSEDED} AND shot_key IN (
    SELECT entry ->> 'shot_key' FROM incoming WHERE entry_kind = 'prediction')
"""
_ONE_AGENT_A_PRESS = """
SELECT pg_advisory_xact_lock(hashtextextended(press, 0)) FROM (
    SELECT DISTINCT concat_ws('/', entry ->> 'site', entry ->> 'press') AS press
    FROM incoming WHERE entry_kind = 'prediction' ORDER BY 1) AS presses
"""
"""Of two agents that write predictions of a press at the same moment neither would see the other's:
one waits for the other."""
_ROLLUP_DUE = """
INSERT INTO rollup_due (site, press, bucket)
SELECT DISTINCT entry ->> 'site', entry ->> 'press',
       date_trunc('minute', (entry ->> 'ts')::timestamptz)
FROM incoming WHERE entry_kind = 'telemetry'
ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
"""
