"""Import from a real MariaDB: types, filters that it applies itself, nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from edge_agent.errors import StoreError
from edge_agent.imports.database import Database
from edge_agent.imports.datasource_file import load_datasource
from edge_agent.imports.settings import SqlSource
from edge_agent.shots.shot_query import ShotQuery
from tests.support.foreign_logs import COLUMNS, LONG, SERIES, readings, shot
from tests.support.mariadb import DATABASE, PASSWORD, USER, MariaDb, mariadb
from tests.support.sources import fetch, ids

pytestmark = [pytest.mark.peers, pytest.mark.needs("mariadbd", "python:pymysql")]
COUNT = 120


@pytest.fixture(scope="module")
def running() -> Iterator[MariaDb]:
    """A server with the tables of a MES."""
    with mariadb() as server:
        _fill(server)
        yield server


@pytest.fixture
def mapping(running: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The mapping of that database."""
    monkeypatch.setenv("TWIN_SOURCE_PASSWORD_MES", PASSWORD)
    path = tmp_path / "mes.yaml"
    path.write_text(
        f"kind: sql\ndriver: mariadb\nhost: 127.0.0.1\nport: {running.port}\n"
        f"database: {DATABASE}\nuser: {USER}\ntable: schuesse\ntime_zone: UTC\n"
        f"{COLUMNS}series:\n  table: messwerte\n  shot: Schuss\n{LONG}{SERIES}",
        encoding="utf-8",
    )
    return path


async def test_types_of_a_database_become_the_contract(mapping: Path) -> None:
    found = await fetch(mapping)
    assert len(ids(found)) == COUNT
    assert not [one.problems for one in found if one.problems]
    bundle = found[1].bundle
    assert bundle is not None
    assert bundle.meta.timestamp_start == datetime(2026, 5, 1, 0, 1, tzinfo=UTC)
    assert (bundle.meta.mold_id, bundle.meta.order_id) == ("PANEL_B", "A-0")
    assert bundle.recipe.m_polyol_kg == 1.001
    assert bundle.readings("p_cavity_bar")[2] == (2.0, pytest.approx(1.113))


async def test_filters(mapping: Path) -> None:
    since = datetime(2026, 5, 1, 1, 30, tzinfo=UTC)
    for query, count in (
        (ShotQuery(mold_id="PANEL_A"), 60),
        (ShotQuery(order_id="A-3", press="p1"), 4),
        (ShotQuery(since=since), 30),
        (ShotQuery(until=since - timedelta(minutes=83), limit=5, offset=1), 5),
    ):
        assert len(ids(await fetch(mapping, query))) == count, query.words


async def test_nothing_can_be_written(mapping: Path) -> None:
    settings = load_datasource(mapping)
    assert isinstance(settings, SqlSource)
    database = Database(settings)
    with pytest.raises(StoreError, match="READ ONLY transaction"):
        async with database.connection() as ask:
            await ask(lambda c: c.execute(text("DELETE FROM schuesse")))
    await database.close()


def _fill(server: MariaDb) -> None:
    import pymysql

    db: Any = pymysql.connect(
        host="127.0.0.1", port=server.port, user=USER, password=PASSWORD, database=DATABASE
    )
    with db, db.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE schuesse (SchussNr varchar(20) PRIMARY KEY, Zeit datetime(3), "
            "Form tinyint, Anlage varchar(9), Polyol_g decimal(8,2), Iso_g float, "
            "Formtemp_F double, Entformzeit double, Auftrag char(8), Charge char(8), "
            "Dichte double, Haerte double, Status char(4))"
        )
        cursor.execute(
            "CREATE TABLE messwerte (Schuss varchar(20), t_ms int, Kanal varchar(9), "
            "Wert decimal(9,3), INDEX (Schuss))"
        )
        rows = [shot(n) for n in range(COUNT)]
        marks = ",".join(["%s"] * len(rows[0]))
        values = [tuple({**row, "Zeit": row["Zeit"][:-1]}.values()) for row in rows]
        cursor.executemany(f"INSERT INTO schuesse VALUES ({marks})", values)
        cursor.executemany(
            "INSERT INTO messwerte (Schuss, t_ms, Kanal, Wert) VALUES (%s,%s,%s,%s)",
            [tuple(row.values()) for n in range(COUNT) for row in readings(n, 3)],
        )
        db.commit()
