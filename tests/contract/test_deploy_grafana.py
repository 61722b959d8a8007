"""Dashboards: every metric, column and datasource that they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.history.schema import TABLES
from tests.support.deploy import (
    DASHBOARDS,
    METRIC,
    load_dashboard,
    queryable,
    read,
    statements,
    targets,
)

WORDS = set(
    """select distinct from where and or order by group desc asc limit as on is not null join left
    lateral true in count filter avg coalesce interval now float8 case when then else end""".split()
)
"""SQL that is no name of ours."""
DATASOURCES = {
    source["uid"]: source["type"]
    for source in read("grafana/provisioning/datasources/pur-mold-twin.yaml")["datasources"]
}


def unknown_names(sql: str) -> set[str]:
    """Names in a statement that are neither SQL, a table, nor a column of its table."""
    sql = re.sub(r"'[^']*'|\"[^\"]*\"|\$[a-zA-Z_]+", " ", sql)
    from_ = re.findall(r"(?:FROM|JOIN) ([a-z_]+) ([a-z])\b", sql)
    of_inner = re.findall(r"LATERAL \(.*?FROM ([a-z_]+) .*?\) ([a-z])\b", sql)
    tables = {alias: table for table, alias in [*from_, *of_inner]}
    unknown = {f"table {table}" for table in tables.values() if table not in TABLES}
    for alias, column in re.findall(r"\b([a-z])\.([A-Za-z_][A-Za-z_0-9]*)", sql):
        table = TABLES.get(tables.get(alias, ""))
        if table is None or column not in table.columns:
            unknown.add(f"{alias}.{column}")
    named = set(re.findall(r"\bAS ([a-z_]+)", sql))
    rest = re.sub(r"\b[a-z]\.([A-Za-z_][A-Za-z_0-9]*|\*)", " ", sql)
    words = set(re.findall(r"\b[A-Za-z_][A-Za-z_0-9]*\b", rest))
    ours = named | set(tables) | set(tables.values())
    return unknown | {word for word in words if word.lower() not in WORDS | ours}


def test_a_wrong_name_would_be_noticed() -> None:
    assert unknown_names("SELECT s.no_such FROM shot s") == {"s.no_such"}
    assert unknown_names("SELECT press FROM shot s") == {"press"}
    assert unknown_names("SELECT n.press FROM nothing n WHERE true") >= {"table nothing"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_what_a_dashboard_names_exists(path: Path, tmp_path: Path) -> None:
    dashboard = load_dashboard(path)
    queries = [target["expr"] for target in targets(dashboard) if "expr" in target]
    assert {name for query in queries for name in METRIC.findall(query)} <= queryable(tmp_path)
    for sql in statements(dashboard):
        assert unknown_names(sql) == set(), sql
    for panel in dashboard["panels"]:
        assert panel["targets"], panel["title"]
        for item in (panel, *panel["targets"]):
            source = item["datasource"]
            assert DATASOURCES[source["uid"]] == source["type"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_provisioned(path: Path) -> None:
    dashboard = load_dashboard(path)
    assert dashboard["uid"] == f"pur-{path.stem}"
    assert "id" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_all_three_are_there() -> None:
    assert [path.stem for path in DASHBOARDS] == ["agent", "presses", "shots"]
    (provider,) = read("grafana/provisioning/dashboards/pur-mold-twin.yaml")["providers"]
    mounts = read("compose.yaml")["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
