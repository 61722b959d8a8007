"""What only a real TimescaleDB shows: the schema, the roll-up, a link that breaks, bad rights."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import migrations, timescale, upkeep
from edge_agent.history.schema import TABLES
from edge_agent.history.timescale import TimescaleHistory
from edge_agent.ports import HistoryRow, RowKind, Stored
from edge_agent.shots.shot_key import shot_key
from tests.support.timescale import TimescaleServer, migrated_database, new_database
from tests.support.waiting import LIMIT_S

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]
NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
COLUMN_TYPES = {
    "text": "text",
    "time": "timestamp with time zone",
    "real": "double precision",
    "integer": "bigint",
    "flag": "boolean",
    "json": "jsonb",
}


@pytest.fixture
async def store(server: TimescaleServer) -> AsyncIterator[TimescaleHistory]:
    """On a database without a row."""
    store = opened(await migrated_database(server.url))
    yield store
    await store.close()


@pytest.fixture
async def db(store: TimescaleHistory) -> AsyncIterator[asyncpg.Connection]:
    """Another connection to it."""
    await store.deliver([])
    db = await asyncpg.connect(url_of(store))
    yield db
    await db.close()


def opened(url: str) -> TimescaleHistory:
    return TimescaleHistory(HistorySettings(url=url))


def url_of(store: TimescaleHistory) -> str:
    url = store._settings.url
    assert url is not None
    return url


def frames(count: int, start: datetime = NOW, value: float = 1.0) -> list[Stored[HistoryRow]]:
    rows = []
    for seq in range(count):
        ts = (start + timedelta(seconds=10 * seq)).isoformat()
        columns: dict[str, Any] = {"site": "s", "press": "p", "device_id": "d", "ts": ts}
        columns |= {"seq": seq, "sensors": {"T_core_C": value + seq, "p_cavity_bar": 1.0}}
        rows.append(Stored(seq, NOW, HistoryRow("telemetry", json.dumps(columns))))
    return rows


def test_the_version_is_the_newest_there_is() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_migrated_tables_are_those_of_the_schema(
    store: TimescaleHistory, db: asyncpg.Connection
) -> None:
    for table in TABLES.values():
        rows = await db.fetch(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1",
            table.name,
        )
        expected = {name: COLUMN_TYPES[kind] for name, kind in table.columns.items()}
        assert {row[0]: row[1] for row in rows} == expected, table.name
    found = "SELECT hypertable_name FROM timescaledb_information.hypertables"
    assert [row[0] for row in await db.fetch(found)] == ["telemetry"]


async def test_tables_of_version_0001_get_the_key_of_a_shot(
    server: TimescaleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compressed telemetry stays as it is; a shot that is open meanwhile stays one row."""
    url = await new_database(server.url)
    with monkeypatch.context() as older:
        older.setattr(migrations, "HEAD", "0001")
        await migrations.upgrade(url)
    db = await asyncpg.connect(url)
    await db.execute(_OF_VERSION_0001)
    if await upkeep.compress(db):
        await db.execute("SELECT compress_chunk(c) FROM show_chunks('telemetry') c")
    poured_at = NOW + timedelta(seconds=5, microseconds=250_000)
    key = shot_key(PressAddress("s", "p"), "M", "a", "poured", poured_at)
    store = opened(url)
    columns = {"site": "s", "press": "p", "shot_id": "a", "mold_id": "M", "shot_key": key}
    ended = columns | {"poured_at": poured_at.isoformat(), "outcome": "demolded"}
    late = {"device_id": "d", "ts": NOW.isoformat(), "seq": 1}
    kinds: list[tuple[RowKind, dict[str, Any]]] = [("shot", ended), ("telemetry", columns | late)]
    rows = [HistoryRow(kind, json.dumps(row)) for kind, row in kinds]
    receipt = await store.deliver([Stored(i, NOW, row) for i, row in enumerate(rows)])
    assert receipt.rejected == {}
    shots = await db.fetch("SELECT shot_key, outcome FROM shot")
    assert [tuple(row) for row in shots] == [(key, "demolded")]
    said = await db.fetch(
        "SELECT shot_key = $1, revision, basis FROM prediction ORDER BY 1, 2", key
    )
    assert [tuple(row) for row in said] == [
        (False, 3, "live"),  # of another shot with this id
        (True, 1, "poured"),
        (True, 2, "live"),
        (True, 3, "final"),  # had the number of the one before it
    ]
    frames = await db.fetch("SELECT seq, shot_key FROM telemetry ORDER BY seq")
    assert [tuple(row) for row in frames] == [(0, None), (1, key)]
    await db.close()
    await store.close()


_OF_VERSION_0001 = """
INSERT INTO telemetry (site, press, device_id, ts, seq, shot_id, sensors)
VALUES ('s', 'p', 'd', '2026-05-04T08:00:00Z', 0, 'a', '{}');
INSERT INTO shot (site, press, shot_id, mold_id, poured_at, started_at)
VALUES ('s', 'p', 'a', 'M', '2026-05-04T08:00:05.25Z', '2026-05-04T08:00:00Z');
INSERT INTO prediction (site, press, shot_id, mold_id, basis, revision, poured_at, issued_at)
SELECT 's', 'p', 'a', 'M', basis, revision, at::timestamptz, at::timestamptz
FROM (VALUES ('poured', 1, '2026-05-04T08:00:05.25Z'), ('live', 2, '2026-05-04T08:00:05.25Z'),
             ('final', 2, '2026-05-04T08:00:06.25Z'), ('live', 3, '2026-05-05T08:00:00Z'))
     AS said (basis, revision, at);
UPDATE prediction SET poured_at = '2026-05-04T08:00:05.25Z' WHERE basis = 'final';
"""


async def test_several_may_make_the_tables_at_once(server: TimescaleServer) -> None:
    url = await new_database(server.url)
    command = [sys.executable, "-m", "edge_agent", "history", "--history", url, "upgrade"]
    ends = [await asyncio.create_subprocess_exec(*command, stdout=DEVNULL) for _ in range(3)]
    assert [await end.wait() for end in ends] == [0, 0, 0]
    store = opened(url)
    await store.deliver(frames(2))
    await store.close()


async def test_minutes_are_rolled_up_and_again_when_late_data_comes(
    store: TimescaleHistory, db: asyncpg.Connection
) -> None:
    query = "SELECT count, min, mean, max FROM telemetry_1m WHERE sensor = 'T_core_C' ORDER BY 1, 2"
    await store.deliver(frames(5))
    await store.upkeep(NOW + timedelta(minutes=1))
    assert await db.fetch(query) == []  # not settled
    await store.upkeep(NOW + timedelta(minutes=5))
    assert [tuple(row) for row in await db.fetch(query)] == [(5, 1.0, 3.0, 5.0)]
    await store.deliver(frames(12))  # 5 of them again, 7 late, 6 of those in the next minute
    await store.upkeep(NOW + timedelta(minutes=5))
    found = [tuple(row) for row in await db.fetch(query)]
    assert found == [(6, 1.0, 3.5, 6.0), (6, 7.0, 9.5, 12.0)]
    assert await db.fetchval("SELECT count(*) FROM rollup_due") == 0


async def test_late_frames_do_not_spoil_a_minute_whose_raw_rows_are_gone(
    store: TimescaleHistory, db: asyncpg.Connection
) -> None:
    store._raw_days = 1
    await store.deliver(frames(6))
    much_later = NOW + timedelta(days=5)
    await store.upkeep(NOW + timedelta(minutes=5))
    await store.upkeep(much_later)
    assert await db.fetchval("SELECT count(*) FROM telemetry") == 0
    await store.deliver(frames(1, NOW, value=99.0))
    await store.upkeep(much_later)
    query = "SELECT count, mean FROM telemetry_1m WHERE sensor = 'T_core_C'"
    assert [tuple(row) for row in await db.fetch(query)] == [(6, 3.5)]


async def test_tables_that_a_newer_program_changed_are_not_written(
    store: TimescaleHistory, db: asyncpg.Connection
) -> None:
    """Also by an agent that is connected, or in the middle of a batch when they are changed."""
    await store.deliver(frames(1))
    migrating = db.transaction()
    await migrating.start()
    await db.execute(f"SELECT pg_advisory_xact_lock({migrations.ONE_AT_A_TIME})")
    waiting = asyncio.create_task(store.deliver(frames(2)))
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(LIMIT_S):
        while not await db.fetchval(locks):
            assert not waiting.done()
    await db.execute("ALTER TABLE telemetry RENAME COLUMN seq TO number")
    await db.execute("UPDATE alembic_version SET version_num = '9999'")
    await migrating.commit()
    with pytest.raises(
        StoreError, match=rf"version 9999.*knows {migrations.HEAD}: update the program"
    ):
        await waiting
    with pytest.raises(StoreError, match=r"newer program.*update this program"):  # connected anew
        await store.deliver(frames(2))
    with pytest.raises(StoreError, match="newer program"):
        await store.upkeep(NOW)
    assert await db.fetchval("SELECT count(*) FROM telemetry") == 1


async def test_a_killed_database_is_trouble_for_a_while(
    server: TimescaleServer, store: TimescaleHistory
) -> None:
    await store.deliver(frames(3))
    db = await asyncpg.connect(url_of(store))
    await db.execute("CHECKPOINT")  # else it recovers what all tests before this one have written
    await db.close()
    server.kill()
    with pytest.raises(StoreError, match=r"twin@127\.0\.0\.1"):
        await store.deliver(frames(6))
    await asyncio.to_thread(server.start)
    await store.deliver(frames(6))
    again = await asyncpg.connect(url_of(store))
    assert await again.fetchval("SELECT count(*) FROM telemetry") == 6
    await again.close()


async def test_a_server_killed_between_copy_and_commit_is_trouble_for_a_while(
    server: TimescaleServer, store: TimescaleHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg then finds its own state impossible, which is no PostgresError: the agent ended."""

    async def impossible(connection: asyncpg.Connection, rows: Any) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is …")

    with monkeypatch.context() as patched:
        patched.setattr(timescale, "_write", impossible)
        with pytest.raises(StoreError, match="cannot switch to state"):
            await store.deliver(frames(3))
    await store.deliver(frames(3))
    assert store._connection is not None


async def test_a_role_that_may_not_make_tables_is_told_so(
    server: TimescaleServer, db: asyncpg.Connection
) -> None:
    await db.execute("DROP ROLE IF EXISTS visitor; CREATE ROLE visitor LOGIN PASSWORD 'v'")
    address = (await new_database(server.url)).rpartition("@")[2]
    store = opened(f"postgresql://visitor:v@{address}")
    with pytest.raises(StoreError, match="permission denied for schema public") as problem:
        await store.deliver(frames(1))
    assert "v@" not in str(problem.value)
    await store.close()


async def test_nobody_there_is_a_store_error() -> None:
    store = opened("postgresql://twin:secret@127.0.0.1:1/twin")
    with pytest.raises(StoreError) as problem:
        await store.deliver(frames(1))
    assert "secret" not in str(problem.value)


def final(revision: int) -> list[Stored[HistoryRow]]:
    columns: dict[str, Any] = {
        "site": "s",
        "press": "p",
        "shot_id": "one",
        "shot_key": shot_key(PressAddress("s", "p"), "M", "one", "poured", NOW),
        "mold_id": "M",
        "basis": "final",
        "revision": revision,
        "poured_at": NOW.isoformat(),
        "issued_at": NOW.isoformat(),
        "document": {"revision": revision},
    }
    return [Stored(revision, NOW, HistoryRow("prediction", json.dumps(columns)))]


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
async def test_of_two_agents_that_write_at_once_the_last_word_counts(
    store: TimescaleHistory, db: asyncpg.Connection, first: int, second: int
) -> None:
    """Both have answered the shot; neither transaction sees what the other is about to write."""
    await db.execute(timescale._INCOMING)
    transaction = db.transaction()
    await transaction.start()
    rows = [(row.id, row.entry.kind, row.entry.document) for row in final(first)]
    await timescale._write_part(db, rows)
    other = asyncio.create_task(store.deliver(final(second)))
    done, _ = await asyncio.wait({other}, timeout=0.5)
    assert not done, "it waits for the first"
    await transaction.commit()
    assert len((await other).accepted) == 1
    revisions = await db.fetch("SELECT revision FROM prediction")
    assert [row["revision"] for row in revisions] == [2]
