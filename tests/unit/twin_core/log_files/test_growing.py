"""Rows of a table that is still being written are those of the whole table, however it is cut."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin_core.errors import InputError
from twin_core.log_files.growing import GrowingTable

HEADER = "# made by a logger\ntime;T\n"
LINES = st.lists(
    st.sampled_from(
        [
            "1;2",
            "1;ü",
            "# no row",
            "",
            "1",
            "1;2;3",
            '"a;b";2',
            '"open;2',
            '1;"open',
            '2;shut"',
            "\0\0\0;1",
        ]
    ),
    max_size=12,
)


def table(encoding: str = "utf-8", mark: bytes = b"") -> GrowingTable:
    return GrowingTable("x.csv", mark + HEADER.encode(encoding), ["time"])


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ],
)
@settings(max_examples=30)
@given(lines=LINES, cut=st.integers(0, 400))
def test_a_cut_anywhere_changes_nothing(
    encoding: str, mark: bytes, lines: list[str], cut: int
) -> None:
    content = "".join(f"{line}\n" for line in lines).encode(encoding)
    growing = table(encoding, mark)
    assert growing.header == mark + HEADER.encode(encoding)
    assert growing.header_lines == 2
    end = growing.whole_lines(content[: cut % (len(content) + 1)])
    first = list(growing.rows(content[:end], 3))
    count = content[:end].decode(encoding).count("\n")
    second = list(growing.rows(content[end:], 3 + count))
    good = [(at, line) for at, line in enumerate(lines, start=3) if line in {"1;2", "1;ü"}]
    found = [(one.line, ";".join(one.cells)) for one in first + second if not one.problem]
    assert [one for one in found if one[1] in {"1;2", "1;ü"}] == good
    short = [at for at, line in enumerate(lines, start=3) if line in {"1", "1;2;3"}]
    told = {one.line for one in first + second if one.problem}
    assert told >= set(short)
    assert all(f"x.csv: line {one.line}: " in one.problem for one in first + second if one.problem)


def test_a_line_that_does_not_end() -> None:
    assert table().whole_lines(b"1;2") == 0
    assert table().whole_lines(b"\0" * 2_000_000) == 0
    with pytest.raises(InputError, match="a line is longer than"):
        table().whole_lines(b"1" * 2_000_000)


def test_a_header_that_is_still_being_written() -> None:
    assert not GrowingTable("x.csv", b"time;T", ["time"]).is_whole
    assert table().is_whole
    with pytest.raises(InputError, match="is empty"):
        GrowingTable("x.csv", b"", ["time"])
