"""Tables of the Markdown pages: each is one table, and every row is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.processes import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def tables(text: str) -> list[list[str]]:
    """Blocks of lines that begin with a bar, without those in fenced code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_tables_are_whole(page: Path) -> None:
    for head, *rows in tables(page.read_text()):
        assert rows, f"a table of one line: {head}"
        assert re.fullmatch(r"[|:\- ]+", rows[0]), f"no line below the head: {head}"
        for row in rows[1:]:
            assert len(cells(row)) == len(cells(head)), row
            assert cells(row)[0], f"begins with an empty cell: {row}"


def test_the_promises_are_one_table() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    section = text.partition("## Promises\n")[2].partition("\n## ")[0]
    assert len(tables(section)) == 1
