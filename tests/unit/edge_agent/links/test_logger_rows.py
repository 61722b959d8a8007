"""Cells of a logger's rows: values, and times in every zone and form that is not ambiguous."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge_agent.config.gateway_sources import FolderSource
from edge_agent.links.logger_rows import HeaderProblem, NoReading, RowReader, cell_value, mark_of
from edge_agent.links.tag_source import Sample
from twin_core.log_files.growing import AddedRow

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def settings_for(**more: Any) -> FolderSource:
    tags = {"t": {"column": "T"}}
    return FolderSource(kind="folder", path=Path("x"), time_column="time", tags=tags, **more)


def read(cell: str, after: datetime | None = None, mark: str = ".", **more: Any) -> Sample:
    rows = RowReader("x.csv", ["time", "T"], settings_for(**more))
    (sample,) = rows.samples(AddedRow(2, [cell, "1"]), mark, after, NOW, backlog=False)
    return sample


@pytest.mark.parametrize(
    ("cell", "mark", "value"),
    [
        ("45.3", ".", 45.3),
        ("45,3", ",", 45.3),
        ("7", ".", 7),
        ("-7", ".", -7),
        ("7.0", ".", 7.0),
        ("1e3", ".", 1000.0),
        ("007", ".", "007"),
        ("12345678901234567", ".", "12345678901234567"),
        ("0", ".", 0),
        ("0.5", ".", 0.5),
        ("True", ".", True),
        ("false", ".", False),
        ("M-01", ".", "M-01"),
        ("1.234,5", ",", "1.234,5"),
        ("45,3", ".", "45,3"),
    ],
)
def test_cells(cell: str, mark: str, value: object) -> None:
    found = cell_value(cell, mark)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "cell", ["", "NaN", "n/a", "--", "#NV", "inf", "-Infinity", "a\nb", "x" * 1001]
)
def test_what_is_no_value(cell: str) -> None:
    with pytest.raises(NoReading):
        cell_value(cell, ".")


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-01T08:30:00Z",
        "2026-03-01 09:30:00+01:00",
        "2026-03-01 09:30:00",
        "2026-03-01T09:30",
        "01.03.2026 09:30:00",
        "1.3.2026 9:30",
        "1772353800",
        "1772353800000",
    ],
)
def test_times_of_a_zone(cell: str) -> None:
    sample = read(cell, time_zone="Europe/Berlin")
    assert (sample.ts, sample.of_arrival) == (datetime(2026, 3, 1, 8, 30, tzinfo=UTC), False)


def test_fractions_of_a_second() -> None:
    for cell in ("2026-03-01 09:30:00.25", "01.03.2026 09:30:00,25"):
        assert read(cell, time_zone="Europe/Berlin").ts.microsecond == 250_000
    assert read("1772353800,25", mark=",").ts.microsecond == 250_000


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("2026-03-01 09:30:00", "has no zone: set time_zone"),
        ("31.02.2026 10:00:00", "has no zone: set time_zone"),
        ("03/01/2026 10:00", "is no time"),
        ("", "is no time"),
        ("1970-01-01T00:00:00Z", "a clock that was never set"),
    ],
)
def test_what_is_no_time_costs_the_row(cell: str, words: str) -> None:
    sample = read(cell)
    assert (sample.value, sample.of_arrival, sample.ts) == (None, True, NOW)
    assert words in sample.fault
    assert "x.csv: line 2, time: " in sample.fault


def test_a_day_that_there_is_not() -> None:
    assert "no such day" in read("31.02.2026 10:00:00", time_zone="Europe/Berlin").fault


def test_the_hour_that_is_there_twice() -> None:
    """On 25 October 2026 the clock goes from 03:00 back to 02:00 in Berlin, at 01:00 UTC."""
    zone = {"time_zone": "Europe/Berlin"}
    minutes = [
        f"25.10.2026 0{hour}:{minute:02}:00" for hour in (1, 2) for minute in range(0, 60, 10)
    ]
    cells = [*minutes, *minutes[6:], "25.10.2026 03:00:00"]
    after, times = None, []
    for cell in cells:
        after = read(cell, after, **zone).ts
        times.append(after)
    start = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    assert times == [start + timedelta(minutes=10 * at) for at in range(19)]


def test_columns_are_asked_for() -> None:
    with pytest.raises(HeaderProblem, match="no column 'time' in the header \\(is 'Time_' meant"):
        RowReader("x.csv", ["Time_", "T"], settings_for())


def test_marks() -> None:
    assert mark_of(AddedRow(2, ["1", "x"]), ";") == ""
    assert mark_of(AddedRow(2, ["1", "4,5"]), ";") == ","
    assert mark_of(AddedRow(2, ["1", "4,5"]), ",") == ""
    assert mark_of(AddedRow(2, ["1", "4.5"]), ";") == "."


def test_a_zone_that_there_is_not() -> None:
    for zone in ("Berlin", "../etc/passwd", ""):
        if zone:
            with pytest.raises(ValidationError, match="is no time zone of this machine"):
                settings_for(time_zone=zone)
