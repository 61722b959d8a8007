"""docs/history.md: every table and column of the history, each with its key."""

from __future__ import annotations

import re
from pathlib import Path

from edge_agent.history.schema import TABLES

PAGE = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")


def test_every_column_is_explained() -> None:
    sections = re.findall(r"^### (\w+): .*\n(?:.*\n)*?(?=^###|\Z)", PAGE, flags=re.MULTILINE)
    assert sections == list(TABLES)
    for name, table in TABLES.items():
        text = PAGE.partition(f"### {name}: ")[2].partition("\n### ")[0]
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        assert tuple(re.findall(r"`(\w+)`", rows[0])) == table.key, name
        assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(table.columns), name
