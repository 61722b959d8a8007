"""docs/architecture.md shows the house as it is: rooms, modules, what to touch to add a thing."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch

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
ROOMS = re.findall(
    r"^\| `([a-z_]+/[a-z_/]+)` \|", PAGE.partition("## The way of a shot")[0], re.MULTILINE
)
PLACEHOLDERS = {"edge_agent/logged_shots/from_x.py"}


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


def test_every_room_has_its_row_and_every_row_its_room() -> None:
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for package in ("twin_core", "broker", "edge_agent")
        for path in (ROOT / package).glob("*/__init__.py")
    }
    assert set(ROOMS) == folders
    assert len(ROOMS) == len(set(ROOMS))


def test_rooms_stand_in_the_order_that_lint_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for package in ("twin_core", "broker", "edge_agent"):
        (layers,) = [
            contract["layers"]
            for contract in contracts["contracts"]
            if contract["type"] == "layers" and contract.get("containers") == [package]
        ]
        height = {
            name: number
            for number, layer in enumerate(layers)
            for name in re.findall(r"[a-z_]+", layer)
        }
        shown = [height[room.split("/")[1]] for room in ROOMS if room.startswith(f"{package}/")]
        assert shown == sorted(shown)


def test_every_file_that_the_page_names_exists() -> None:
    for name in set(files_in(PAGE)) - PLACEHOLDERS:
        path = name.rstrip("/")
        assert any(fnmatch(file, path) or fnmatch(file, f"*/{path}") for file in FILES), name
