"""Alerts: one module constructs them, their codes stand in one module, people can look them up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from broker import alert_codes
from tests.support.processes import ROOT


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in ("edge_agent", "twin_core", "broker"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def constructs_an_alert(tree: ast.Module) -> bool:
    """``Alert(...)``, or one of pydantic's other ways to make one."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(
        (isinstance(call, ast.Name) and call.id == "Alert")
        or (
            isinstance(call, ast.Attribute)
            and isinstance(call.value, ast.Name)
            and call.value.id == "Alert"
        )
        for call in calls
    )


def test_one_module_constructs_alerts() -> None:
    found = [name for name, tree in sources() if constructs_an_alert(tree)]
    assert len(found) == 1, found


def test_no_code_is_written_twice() -> None:
    for name, tree in sources():
        if Path(name).name != "alert_codes.py":
            written = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
            assert not written & set(alert_codes.ALERT_CODES), name


def test_every_constant_has_its_meaning() -> None:
    constants = {
        value
        for name, value in vars(alert_codes).items()
        if name.isupper() and isinstance(value, str)
    }
    assert constants == set(alert_codes.ALERT_CODES)


def test_operations_lists_every_code() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition("## Alerts on MQTT\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (info|warning|critical) \|", section, re.MULTILINE)
    assert {code for code, _ in rows} == set(alert_codes.ALERT_CODES)
    assert len(rows) == len(alert_codes.ALERT_CODES)
