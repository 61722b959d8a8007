"""docs/features.md is generated from the columns, their ranges and the rules of the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.report.features_page import COMMAND, ID_MEANINGS, main, render
from twin_core.learning.columns import COLUMNS, IDS, TIMES

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_written_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), f"{PAGE.name} is stale: run {COMMAND}"


def test_every_column_is_there() -> None:
    text = render()
    assert set(ID_MEANINGS) == {*IDS, *TIMES}
    assert not [name for name in [*IDS, *COLUMNS] if f"| `{name}` |" not in text]


def test_the_command_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "features.md")]) == 0
    assert (tmp_path / "features.md").read_text(encoding="utf-8") == render()
    assert main([]) == 2
    assert COMMAND in capsys.readouterr().err
