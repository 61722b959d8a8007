"""The table "To add X, touch Y" of docs/architecture.md names what there is."""

from __future__ import annotations

import re

import pytest

from tests.support.processes import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## To add X, touch Y")[2].partition("\n## ")[0]
ROWS = [line.split(" | ", 1) for line in TABLE.splitlines() if line.startswith("| a")]
FOLDERS = ("twin_core", "broker", "edge_agent", "configs", "deploy", "docs", "tests")
FILES = {
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if "__pycache__" not in path.parts
} | {"README.md", "pyproject.toml"}
PLACEHOLDERS = {"edge_agent/learning/from_x.py"}


def files_in(text: str) -> list[str]:
    """What stands in back-ticks and is a file or a folder."""
    quoted = re.findall(r"`([^`\s]+)`", text)
    return [name for name in quoted if "/" in name or re.search(r"\.(py|md|yml|yaml|toml)$", name)]


def test_there_are_rows_for_what_people_add() -> None:
    things = {row[0].removeprefix("| ") for row in ROWS}
    assert len(things) > 30
    for thing in ("a sensor", "a setting", "a metric", "an alert", "a command", "an extra"):
        assert thing in things


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].removeprefix("| "))
def test_a_row_names_files_that_exist(row: list[str]) -> None:
    named = files_in(row[1])
    for name in set(named) - PLACEHOLDERS:
        assert name in FILES or any(file.endswith(f"/{name}") for file in FILES), name


def test_names_in_capitals_are_in_the_files_of_their_row() -> None:
    for thing, rest in ROWS:
        for name in re.findall(r"`([A-Z][A-Z_]{3,})`", rest):
            texts = [
                (ROOT / file).read_text(encoding="utf-8")
                for named in files_in(rest)
                for file in FILES
                if (file == named or file.endswith(f"/{named}")) and file.endswith(".py")
            ]
            assert any(re.search(rf"\b{name}\b", text) for text in texts), (thing, name)
