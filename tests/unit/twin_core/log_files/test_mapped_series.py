"""Tables whose columns have other names and units, below lines that are no table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from twin_core import InputError
from twin_core.log_files.mapped_series import MappedColumn, read_mapped_series
from twin_core.log_files.text_form import TextTable

COLUMNS = [
    MappedColumn("time_s", 0, lambda minutes: 60.0 * minutes),
    MappedColumn("height_mm", 2, lambda cm: 10.0 * cm - 5.0),
]
RANGES = {"height_mm": (0.0, 1000.0)}


def is_header(names: Sequence[str]) -> bool:
    return "Zeit" in names and "Höhe" in names


def table(folder: Path, text: str) -> TextTable:
    file = folder / "a.csv"
    file.write_text(text, encoding="utf-8")
    return TextTable(file, 10_000, (), comments=True, is_header=is_header)


def test_values_are_converted_and_other_columns_told(tmp_path: Path) -> None:
    found = read_mapped_series(
        table(tmp_path, "Zeit;Rest;Höhe\n0;x;1,5\n0,5;x;2\n"), COLUMNS, RANGES
    )
    assert found.time_s.tolist() == [0.0, 30.0]
    assert found.columns["height_mm"].tolist() == [10.0, 15.0]
    assert found.unused == ("Rest",)


@pytest.mark.parametrize("above", ["", "Probe: 7\n", "\n\nDatum, Uhrzeit, Ort\n", "a;b;c;d\n"])
def test_lines_above_the_header_are_passed_over_and_lines_counted_as_in_the_file(
    tmp_path: Path, above: str
) -> None:
    found = table(tmp_path, f"{above}Zeit;Rest;Höhe\n0;x;1\n1;x;oops\n")
    assert found.names == ["Zeit", "Rest", "Höhe"]
    line = above.count("\n") + 3
    with pytest.raises(InputError, match=f"line {line}, column Höhe: 'oops' is no number"):
        read_mapped_series(found, COLUMNS, RANGES)


def test_without_such_a_header_the_first_line_is_it(tmp_path: Path) -> None:
    assert table(tmp_path, "t;h\n0;1\n").names == ["t", "h"]


def test_a_sentinel_is_one_in_any_unit(tmp_path: Path) -> None:
    found = read_mapped_series(
        table(tmp_path, "Zeit;Rest;Höhe\n0;x;1\n1;x;-999\n2;x;3\n"), COLUMNS, RANGES
    )
    (gap,) = found.gaps
    assert gap.words.endswith("column Höhe: -999, not 0 to 1000: 1 of 3 readings impossible")


def test_a_row_of_units_is_no_reading(tmp_path: Path) -> None:
    text = "Zeit;Rest;Höhe\nmin;-;cm\n0;x;1\n1;x;2\n"
    found = read_mapped_series(table(tmp_path, text), COLUMNS, RANGES, has_units=True)
    assert len(found.time_s) == 2
