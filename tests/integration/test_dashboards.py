"""Every SQL statement of the dashboards runs on a real TimescaleDB that the agent has filled."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from broker.messages import QualityRecord, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.history.rows import quality_row, shot_row, telemetry_row
from edge_agent.history.schema import TABLES
from edge_agent.history.timescale import TimescaleHistory
from edge_agent.ports import HistoryRow, Stored
from tests.support.deploy import DASHBOARDS, load_dashboard, statements
from tests.support.timescale import TimescaleServer, migrated_database

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]
NOW = datetime.now(UTC)
PRESS = PressAddress("s", "p1")
SQL = [(path.stem, sql) for path in DASHBOARDS for sql in statements(load_dashboard(path))]


def as_grafana_sends_it(sql: str) -> str:
    """Macros and variables filled in."""
    day = "BETWEEN now() - INTERVAL '1 day' AND now() + INTERVAL '1 day'"
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 {day}", sql)
    sql = re.sub(
        r"\$__timeGroup\(([^,]*), ?'?([^')]*)'?\)",
        r"floor(extract(epoch from \1) / 60) * 60",
        sql,
    )
    return sql.replace("$press", "'p1'").replace("$mold", "'M'").replace("$__interval", "1m")


def rows() -> list[HistoryRow]:
    at = NOW.isoformat()
    shot = {"site": "s", "press": "p1", "shot_id": "one", "mold_id": "M", "poured_at": at}
    shot["shot_key"] = "0" * 20
    document = shot | {"basis": "final", "revision": 1, "issued_at": at, "t_demold_min_s": 60.0}
    frame = TelemetryFrame(
        ts=NOW, device_id="d", seq=1, mold_id="M", sensors={"T_core_C": 1.0, "p_cavity_bar": 1.0}
    )
    quality = QualityRecord(ts=NOW, shot_id="one", mold_id="M", rho_moulded_kg_per_m3=60.0)
    return [
        telemetry_row(PRESS, frame, "one"),
        quality_row(PRESS, quality),
        shot_row(dict.fromkeys(TABLES["shot"].columns) | shot),
        HistoryRow("prediction", json.dumps(document)),
    ]


@pytest.fixture
async def db(server: TimescaleServer) -> AsyncIterator[asyncpg.Connection]:
    url = await migrated_database(server.url)
    store = TimescaleHistory(HistorySettings(url=url))
    receipt = await store.deliver([Stored(i, NOW, row) for i, row in enumerate(rows())])
    assert receipt.rejected == {}
    await store.close()
    db = await asyncpg.connect(url)
    yield db
    await db.close()


async def test_every_statement_of_the_dashboards(db: asyncpg.Connection) -> None:
    empty = []
    for name, sql in SQL:
        try:
            found = await db.fetch(as_grafana_sends_it(sql))
        except asyncpg.PostgresError as error:
            error.add_note(f"{name}: {sql}")
            raise
        if not found:
            empty.append(sql)
    # nothing was refused, and no mold was measured: these two have nothing to show
    assert {("dead_letter" in sql, "T_mold_C" in sql) for sql in empty} == {
        (True, False),
        (False, True),
    }
