"""docs/sparkplug-conformance.md says what the markers say, and no assertion is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sparkplug_page import COMMAND, PARTS, PREFIX, gather, main, marks, render

PAGE = Path(__file__).parents[2] / "docs" / "sparkplug-conformance.md"


def test_the_written_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(gather()), f"{PAGE.name}: run {COMMAND}"


def test_no_assertion_is_open() -> None:
    assert gather().open == []


def test_the_list_is_whole_and_each_id_stands_once() -> None:
    table = gather()
    assert len(table.ids) == len(set(table.ids)) == 303
    assert sorted(set(table.tests) - set(table.ids)) == []  # a marker with a typo
    assert sorted(set(table.not_ours) - set(table.ids)) == []
    assert sorted(set(table.not_ours) & set(table.tests)) == []  # tested, so it is ours
    assert {one.removeprefix(PREFIX).partition("-")[0] for one in table.ids} <= set(PARTS)


def test_markers_are_read_from_the_source() -> None:
    source = '@pytest.mark.sparkplug("tck-id-a", "tck-id-b")\nasync def test_one() -> None: ...\n'
    assert list(marks(source)) == [("test_one", "tck-id-a"), ("test_one", "tck-id-b")]
    with pytest.raises(ValueError, match="test_one"):
        list(marks(source.replace('"tck-id-a"', "A")))


def test_the_command_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == render(gather())
    assert main([]) == 2
    assert COMMAND in capsys.readouterr().err
