"""Import from a real PostgreSQL: types, filters that it applies itself, long and wide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from edge_agent.errors import StoreError
from edge_agent.imports.database import Database
from edge_agent.imports.datasource_file import load_datasource
from edge_agent.imports.settings import SqlSource
from edge_agent.shots.shot_query import ShotQuery
from tests.support.foreign_logs import SERIES, readings, shot
from tests.support.sources import fetch, ids
from tests.support.timescale import TimescaleServer, new_database

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]
COUNT = 120
MAPPING = """\
kind: sql
driver: postgresql
host: {host}
port: {port}
database: {database}
user: {user}
schema: mes
table: schuesse
time_zone: Europe/Berlin
columns:
  shot_id: {{column: nr}}
  poured_at: zeit
  mold_id: {{column: form, names: {{"1": PANEL_A}}, prefix: M-}}
  press: anlage
  system_id: {{value: SYSTEM_R1}}
  m_polyol_kg: {{column: polyol, unit: g}}
  m_iso_kg: {{column: iso, unit: g}}
  rho_moulded_kg_per_m3: dichte
  order_id: auftrag
"""
BERLIN = timezone(timedelta(hours=2))


@pytest.fixture
async def mapping(server: TimescaleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The mapping of a database as a MES keeps it."""
    url = await new_database(server.url)
    login, _, place = url.removeprefix("postgresql://").partition("@")
    user, _, password = login.partition(":")
    host, _, database = place.partition("/")
    monkeypatch.setenv("TWIN_SOURCE_PASSWORD_MES", password)
    db = await asyncpg.connect(url)
    await db.execute(
        "CREATE SCHEMA mes; CREATE TABLE mes.schuesse (nr bigint PRIMARY KEY, zeit timestamp, "
        "form smallint, anlage text, polyol numeric(8,2), iso real, dichte double precision, "
        "auftrag char(8));"
        "CREATE TABLE mes.messwerte (schuss bigint, t_ms integer, kanal text, wert numeric);"
        "CREATE INDEX ON mes.messwerte (schuss)"
    )
    rows = [shot(n) for n in range(COUNT)]
    await db.copy_records_to_table(
        "schuesse",
        schema_name="mes",
        records=[
            (
                20261120100000000 + n,
                datetime(2026, 5, 1, 2, tzinfo=None) + timedelta(minutes=n),
                1 + n % 2,
                row["Anlage"],
                row["Polyol_g"],
                row["Iso_g"],
                row["Dichte"],
                row["Auftrag"],
            )
            for n, row in enumerate(rows)
        ],
    )
    await db.copy_records_to_table(
        "messwerte",
        schema_name="mes",
        records=[
            (20261120100000000 + n, int(row["t_ms"]), row["Kanal"], row["Wert"])
            for n in range(COUNT)
            for row in readings(n, 3)
        ],
    )
    await db.close()
    path = tmp_path / "mes.yaml"
    server_host, _, port = host.partition(":")
    path.write_text(
        MAPPING.format(host=server_host, port=port, database=database, user=user)
        + "series:\n  table: messwerte\n  shot: schuss\n  signal: kanal\n  value: wert\n"
        + SERIES
    )
    return path


async def test_types_of_a_database_become_the_contract(mapping: Path) -> None:
    found = await fetch(mapping)
    assert len(ids(found)) == COUNT
    assert not [one.problems for one in found if one.problems]
    bundle = found[1].bundle
    assert bundle is not None
    assert bundle.meta.shot_id == "20261120100000001", "17 digits stay"
    assert bundle.meta.timestamp_start == datetime(2026, 5, 1, 0, 1, tzinfo=UTC)
    assert (bundle.meta.mold_id, bundle.meta.order_id) == ("M-2", "A-0")
    assert bundle.recipe.m_polyol_kg == 1.001
    assert bundle.readings("p_cavity_bar")[2] == (2.0, pytest.approx(1.113))


QUERIES = [
    (ShotQuery(mold_id="PANEL_A"), 60),
    (ShotQuery(mold_id="M-2", press="p1"), 20),
    (ShotQuery(mold_id="2"), 0),
    (ShotQuery(order_id="A-3"), 10),
    (ShotQuery(since=datetime(2026, 5, 1, 3, 30, tzinfo=BERLIN)), 30),
    (ShotQuery(until=datetime(2026, 5, 1, 2, 7, tzinfo=BERLIN), limit=5, offset=1), 5),
]


async def test_filters(mapping: Path) -> None:
    for query, count in QUERIES:
        assert len(ids(await fetch(mapping, query))) == count, query.words


async def test_a_table_in_the_long_form(mapping: Path) -> None:
    head = mapping.read_text().partition("table: schuesse")[0]
    mapping.write_text(
        head + "form: long\ncolumns:\n  shot_id: schuss\n  press: {value: p1}\n"
        "  system_id: {value: SYSTEM_R1}\n  mold_id: {value: A}\n"
        "  m_polyol_kg: {value: 1.0}\n  m_iso_kg: {value: 1.0}\n"
        "series:\n  table: messwerte\n  signal: kanal\n  value: wert\n" + SERIES
    )
    found = await fetch(mapping, ShotQuery(limit=7))
    assert len(ids(found)) == 7
    assert found[0].bundle is not None
    assert len(found[0].bundle.readings("T_core_C")) == 3


async def test_nothing_can_be_written(mapping: Path) -> None:
    settings = load_datasource(mapping)
    assert isinstance(settings, SqlSource)
    database = Database(settings)
    with pytest.raises(StoreError, match="read-only transaction"):
        async with database.connection() as ask:
            await ask(lambda c: c.execute(text("DELETE FROM mes.schuesse")))
    await database.close()


async def test_a_wrong_password_is_told_without_it(
    mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_SOURCE_PASSWORD_MES", "wrong-secret")
    with pytest.raises(StoreError, match="password authentication failed") as refused:
        await fetch(mapping)
    assert "wrong-secret" not in str(refused.value)
