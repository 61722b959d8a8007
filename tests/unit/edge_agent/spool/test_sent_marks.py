"""Marks of what was sent: what an earlier process left is known, whatever the file is like."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.spool import sent_marks
from edge_agent.spool.sent_marks import SENT, WORKED_ON, SentMarks


def test_the_next_process_knows_what_was_sent_and_answered(tmp_path: Path) -> None:
    first = SentMarks(tmp_path / "marks")
    first.sent("a")
    first.worked_on(first.sent("b"), "b")
    second = SentMarks(tmp_path / "marks")  # the first was killed: never closed
    assert [second.before(key) for key in "abc"] == [SENT, WORKED_ON, 0]
    second.sent("c")
    third = SentMarks(tmp_path / "marks")
    assert [third.before(key) for key in "abc"] == [SENT, WORKED_ON, SENT]
    for one in (first, second, third):
        one.close()


def test_the_oldest_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_marks, "SLOTS", 4)
    first = SentMarks(tmp_path / "marks")
    for key in "abcdef":
        first.sent(key)
    first.close()
    second = SentMarks(tmp_path / "marks")
    assert [second.before(key) for key in "abcdef"] == [0, 0, SENT, SENT, SENT, SENT]
    second.close()


def test_a_damaged_file_and_one_that_cannot_be_had_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "marks").write_bytes(b"\x07" * 1001)
    for path in (tmp_path / "marks", tmp_path, None):
        marks = SentMarks(path)
        marks.worked_on(marks.sent("a"), "a")
        assert marks.before("a") == 0
        marks.close()
