"""A database of an older program gets today's tables beside the work, whatever is killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from broker.messages import TelemetryFrame
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import StoreError
from edge_agent.history import telemetry_key
from edge_agent.history.rows import telemetry_row
from edge_agent.history.timescale import TimescaleHistory
from edge_agent.ports import HistoryRow, Stored
from tests.support.older_histories import START, make_postgres
from tests.support.timescale import TimescaleServer, new_database
from tests.support.waiting import until

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]
FRAMES = 2_000
PRESS = PressAddress("s", "p")
WAITS = """
SELECT pid FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND (query LIKE 'CREATE%' OR query LIKE 'DROP INDEX%')
"""


def sent(number: int, T_core_C: float, named: str | None = None) -> HistoryRow:
    """A frame of the older history, as it is sent again: with its readings or with others."""
    frame = TelemetryFrame(
        ts=START + timedelta(seconds=number // 4),
        device_id=f"d{number % 4}",
        seq=0,
        mold_id="M",
        shot_id=named,
        sensors={"p_cavity_bar": 1.2034, "T_core_C": T_core_C, "T_mold_C": 45.2}
        | {"T_ambient_C": 23.1},
    )
    return telemetry_row(PRESS, frame, "shot-0", None, datetime.now(UTC))


def stored(*rows: HistoryRow) -> list[Stored[HistoryRow]]:
    return [Stored(number, START, row) for number, row in enumerate(rows)]


async def upgrading(url: str) -> Process:
    command = (sys.executable, "-m", "edge_agent", "history", "--history", url, "upgrade")
    return await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)


@pytest.mark.peers
@pytest.mark.parametrize("plain", [False, True])
async def test_killed_again_and_again_it_loses_and_doubles_nothing(
    server: TimescaleServer, plain: bool
) -> None:
    """The build of the key waits for a transaction, so that every kill meets it in the middle."""
    url = await new_database(server.url, plain=plain)
    await make_postgres(url, FRAMES)
    store = TimescaleHistory(HistorySettings(url=url))
    await store.deliver(stored(sent(0, 25.0), sent(0, 25.0, "shot-0")))  # repeats, with the old key
    for victim in ("process", "server"):
        db = await asyncpg.connect(url)
        blocking = db.transaction()
        await blocking.start()
        await db.execute("LOCK TABLE telemetry IN ROW EXCLUSIVE MODE")
        watcher = await asyncpg.connect(url)
        process = await upgrading(url)

        async def builds(watcher: asyncpg.Connection = watcher) -> bool:
            return bool(await watcher.fetch(WAITS))

        await until(builds, "the build to begin")
        if victim == "server":
            server.kill()
            await process.wait()
            await asyncio.to_thread(server.start)
        else:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            for (pid,) in await watcher.fetch(WAITS):  # it waits on, whoever asked for it is gone
                await watcher.execute("SELECT pg_terminate_backend($1)", pid)
            await blocking.rollback()
        for connection in (db, watcher):
            connection.terminate()
    with pytest.raises(StoreError):  # the server was away; then, a second content needs the key
        await store.deliver(stored(sent(0, 99.0)))
    with pytest.raises(StoreError, match="new key"):
        await store.deliver(stored(sent(0, 99.0)))
    await store.deliver(stored(sent(0, 25.0), sent(FRAMES, 25.0)))
    async with asyncio.timeout(60):
        while await store.upkeep(START):
            pass
    last = round(25.0 + (FRAMES - 1) % 900 * 0.1, 1)
    for _ in range(2):
        await store.deliver(stored(sent(0, 99.0), sent(0, 25.0), sent(FRAMES - 1, last, "shot-0")))
    db = await asyncpg.connect(url)
    assert await telemetry_key.has_key(db)
    found = await db.fetchrow(
        "SELECT count(*), count(DISTINCT (ts, device_id)), count(content) FROM telemetry"
    )
    assert tuple(found) == (FRAMES + 2, FRAMES + 1, 2)
    assert await db.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    assert await db.fetchval("SELECT length(content) FROM quality") == 16
    await db.close()
    await store.close()


async def test_frames_are_stored_while_the_key_is_built(server: TimescaleServer) -> None:
    """Of a plain table; a hypertable is not written meanwhile, and its rows wait in the spool."""
    url = await new_database(server.url, plain=True)
    await make_postgres(url, FRAMES)
    store = TimescaleHistory(HistorySettings(url=url))
    await store.deliver([])
    db = await asyncpg.connect(url)
    blocking = db.transaction()
    await blocking.start()
    await db.execute("LOCK TABLE telemetry IN ROW EXCLUSIVE MODE")
    assert await store.upkeep(START)  # is at it
    await store.deliver(stored(sent(FRAMES, 25.0)))
    assert await db.fetchval("SELECT count(*) FROM telemetry") == FRAMES + 1
    await blocking.rollback()
    async with asyncio.timeout(60):
        while await store.upkeep(START):
            pass
    assert await telemetry_key.has_key(db)
    await db.close()
    await store.close()
