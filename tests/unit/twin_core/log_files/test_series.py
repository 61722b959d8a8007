"""Logged series: generous about form, strict about meaning, gaps counted and told."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from twin_core.errors import InputError
from twin_core.log_files.series import LoggedSeries, read_series

T = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
CORE = np.array([24.1, 25.25, 26.0, 27.5, 28.75, 30.0])
RANGES = {
    "T_core_C": (-50.0, 350.0),
    "rpm": (0.0, 30_000.0),
    "p_total_bar": (0.5, 60.0),
    "vent_open_fraction": (0.0, 1.0),
}


def lines(
    head: str = "time_s,T_core_C", mark: str = ",", end: str = "\n", comma: bool = False
) -> str:
    """The six readings as a file."""
    rows = [f"{t:g}{mark}{value:g}" for t, value in zip(T, CORE, strict=True)]
    body = end.join(rows) + end
    return head + end + (body.replace(".", ",") if comma else body)


PLAIN = lines()
SEMICOLON = lines("time_s;T_core_C", ";")
GERMAN = lines("time_s;T_core_C", ";", comma=True)
TAB = lines("time_s\tT_core_C", "\t")

READ: dict[str, bytes] = {
    "plain": PLAIN.encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "a byte order mark, tabs": b"\xef\xbb\xbf" + TAB.encode(),
    "UTF-16 little endian": TAB.encode("utf-16"),
    "UTF-16 big endian": b"\xfe\xff" + TAB.encode("utf-16-be"),
    "UTF-16 without a mark": TAB.encode("utf-16-le"),
    "UTF-16 big endian without a mark": PLAIN.encode("utf-16-be"),
    "UTF-16 with commas and CRLF": PLAIN.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 with a NUL tail": TAB.encode("utf-16") + b"\0\0" * 50,
    "Windows-1252 in a comment": ("# Prüfung 5 °C\n" + PLAIN).encode("cp1252"),
    "Windows-1252 in the row of units": PLAIN.replace("\n", "\ns,°C\n", 1).encode("cp1252"),
    "semicolons": SEMICOLON.encode(),
    "decimal commas": GERMAN.encode(),
    "decimal commas and tabs": TAB.replace(".", ",").encode(),
    "decimal commas in quotes": "\n".join(
        ";".join(f'"{cell}"' for cell in line.split(";")) for line in GERMAN.splitlines()
    ).encode(),
    "bars": lines("time_s|T_core_C", "|").encode(),
    "sep= semicolon": b"sep=;\n" + GERMAN.encode(),
    "sep= comma, CRLF": b"sep=,\r\n" + PLAIN.replace("\n", "\r\n").encode(),
    "SEP= tab": b"SEP=\t\n" + TAB.encode(),
    '"sep=;"': b'"sep=;"\n' + SEMICOLON.encode(),
    "a mark and sep=": b"\xef\xbb\xbfsep=;\n" + SEMICOLON.encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "mixed ends of lines": PLAIN.replace("\n", "\r\n", 3).encode(),
    "no last line end": PLAIN.rstrip("\n").encode(),
    "capitals": PLAIN.replace("time_s,T_core_C", "TIME_S,T_CORE_C").encode(),
    "small letters": PLAIN.replace("T_core_C", "t_core_c").encode(),
    "blanks around names": PLAIN.replace("time_s,T_core_C", " time_s , T_core_C ").encode(),
    "blanks around cells": PLAIN.replace(",", " , ").encode(),
    "quotes around names": PLAIN.replace("time_s,T_core_C", '"time_s","T_core_C"').encode(),
    "no-break space": PLAIN.replace("T_core_C", "\u00a0T_core_C").encode(),
    "units": PLAIN.replace("\n", "\ns,°C\n", 1).encode(),
    "units in brackets": PLAIN.replace("\n", "\n[s],[degC]\n", 1).encode(),
    "units in words": PLAIN.replace("\n", "\nseconds,Celsius\n", 1).encode(),
    "units after blank lines": PLAIN.replace("\n", "\n\n(s),(°C)\n\n", 1).encode(),
    "NUL tail": PLAIN.encode() + b"\0" * 4096,
    "Ctrl-Z": PLAIN.encode() + b"\x1a",
    "trailing delimiters": PLAIN.replace("\n", ",\n").encode(),
    "several trailing delimiters": SEMICOLON.replace("\n", ";;;\n").encode(),
    "trailing delimiters in the rows alone": PLAIN.replace("\n", ",\n").replace(
        "T_core_C,", "T_core_C", 1).encode(),
    "blank lines": PLAIN.replace("\n", "\n\n").encode(),
    "lines of delimiters": (SEMICOLON + ";\n;\n").encode(),
    "comments": ("# by a logger\n" + PLAIN.replace("\n1,", "\n# the foam creams\n1,")).encode(),
    "time last": "\n".join(
        ",".join(reversed(line.split(","))) for line in PLAIN.splitlines()
    ).encode(),
    "another column": "\n".join(f"{line},x" for line in PLAIN.splitlines()).encode(),
    "a column without a name": "\n".join(
        ("" if i == 0 else str(i)) + "," + line for i, line in enumerate(PLAIN.splitlines())
    ).encode(),
    "plus and exponents": PLAIN.replace("24.1", "+2.41e1").replace("30", "3E1").encode(),
    "points at the edges": PLAIN.replace("0.5", ".5").replace("30", "30.").encode(),
}  # fmt: skip


def read(tmp_path: Path, content: bytes | str) -> LoggedSeries:
    path = tmp_path / "sensors_core_temp.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_series(path, RANGES)


@pytest.mark.parametrize("name", READ)
def test_read_without_a_word(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, READ[name])
    np.testing.assert_array_equal(found.time_s, T)
    np.testing.assert_array_equal(found.columns["T_core_C"], CORE)
    assert not found.gaps


def test_a_row_of_units_of_a_share(tmp_path: Path) -> None:
    found = read(tmp_path, "time_s;p_total_bar;vent_open_fraction\ns;bar;1\n1;1,1;1\n2;1,2;0\n")
    np.testing.assert_array_equal(found.columns["vent_open_fraction"], [1.0, 0.0])


def with_cell(cell: str) -> str:
    return PLAIN.replace("1.5,26", f"1.5,{cell}")


REFUSED: dict[str, tuple[bytes | str, str]] = {
    "a column twice": ("time_s,T_core_C,T_core_C\n1,2,3\n", r"line 1: column T_core_C stands 2 times"),
    "a column twice in other case": ("time_s,T_core_C,t_core_c\n1,2,3\n", "T_core_C stands 2 times"),
    "the time twice in the header": ("time_s,T_core_C,Time_s\n1,2,3\n", "time_s stands 2 times"),
    "the same time twice": (PLAIN + "3,31\n", r"line 8, column time_s: 3: the same time .*line 7"),
    "ten readings in a second of whole seconds": (
        "time_s,T_core_C\n" + "".join(f"{i // 10},{20 + i}\n" for i in range(30)),
        r"line 3, column time_s: 0: the same time stands twice .*reads more often",
    ),
    "closer than a microsecond": (PLAIN + "3.0000000001,31\n", "line 8, .*the same time stands twice"),
    "time runs back": (PLAIN + "2.7,31\n", r"line 8, column time_s: 2.7: time runs back .*stands 3\)"),
    "the logger started again": (PLAIN + "0,24\n1,25\n", "line 8, column time_s: 0: time runs back"),
    "seconds since 1970": ("time_s,T_core_C\n1763632800,24\n", "line 2, .*counts from 1970"),
    "milliseconds since 1970": ("time_s,T_core_C\n1763632800000,24\n", "line 2, .*counts from 1970"),
    "milliseconds": ("time_s,T_core_C\n500,24\n90000,25\n", "line 3, .*: 90000: .*milliseconds"),
    "a wild time": ("time_s,T_core_C\n1,24\n1e300,25\n", "line 3, column time_s: 1e300"),
    "a day before the pour": ("time_s,T_core_C\n-90000,24\n", "line 2, .*before the pour"),
    "no time": (PLAIN + ",31\n", "line 8, column time_s: '': every reading needs a time"),
    "NaN as time": (PLAIN + "NaN,31\n", "line 8, column time_s: 'NaN': every reading needs"),
    "infinity as time": (PLAIN + "inf,31\n", "line 8, column time_s: 'inf': every reading"),
    "a clock as time": (PLAIN + "10:00:05,31\n", "line 8, column time_s: '10:00:05' is no number"),
    "a date as time": ("time_s,T_core_C\n2026-11-20 10:00:00,24\n1,25\n", "line 2, column time_s"),
    "1_00": (with_cell("1_00"), r"line 4, column T_core_C: '1_00' is no number: .*no _"),
    "a decimal comma in quotes": (with_cell('"26,1"'), "line 4, .*'26,1' is no number.*decimal commas"),
    "both marks": (GERMAN.replace("26", "26.5"), r"line 2, .*'0,5' is no number"),
    "thousands": (with_cell('"1.026,5"'), "line 4, .*is no number"),
    "a unit in the cell": (with_cell("26 °C"), "line 4, column T_core_C: '26 °C' is no number"),
    "below a limit": (with_cell("<26"), "line 4, column T_core_C: '<26' is no number"),
    "overload": (with_cell("OL"), "line 4, column T_core_C: 'OL' is no number"),
    "an error of Excel": (with_cell("#VALUE!"), "line 4, column T_core_C: '#VALUE!' is no number"),
    "a flag": (with_cell("true"), "line 4, column T_core_C: 'true' is no number"),
    "hexadecimal": (with_cell("0x1A"), "line 4, column T_core_C: '0x1A' is no number"),
    "digits of another script": (with_cell("٢٦"), "line 4, column T_core_C: '٢٦' is no number"),
    "a minus of typographers": (with_cell("\u221226"), "line 4, .*is no number"),
    "cut in the last line": (PLAIN + "3.5", "line 8: has 1 cells, .*T_core_C is missing: the line is cut"),
    "cut in a number": (
        "time_s,T_core_C\n" + "".join(f"{i},{i}.25\n" for i in range(9)) + "9,9.2",
        r"line 11, column T_core_C: '9.2' looks cut",
    ),
    "cut before a number": (
        "time_s,T_core_C\n" + "".join(f"{i},{i}.25\n" for i in range(9)) + "9,",
        r"line 11, column T_core_C: '' looks cut",
    ),
    "cut in UTF-16": (TAB.encode("utf-16")[:-9], r"line 7"),
    "a short row": (PLAIN.replace("1.5,26", "1.5"), "line 4: has 1 cells, the header has 2 names"),
    "a long row": (PLAIN.replace("1.5,26", "1.5,26,27"), "line 4: has 3 cells, the header has 2"),
    "decimal commas between commas": (
        PLAIN.replace(".", ",").replace("\n", "\n0,4,24,0\n", 1), "line 2: .*decimal commas",
    ),
    "kelvin": ("time_s,T_core_C\n1,297.1\n2,330\n3,390\n", "line 2, column T_core_C: 297.1: .*kelvin"),
    "kelvin, with a break": ("time_s,T_core_C\n1,-9999\n2,330\n3,300\n", "line 3, .*330: .*kelvin"),
    "kelvin, and zeros before": (
        "time_s,T_core_C\n0,0\n" + "".join(f"{i},{300 + i}\n" for i in range(1, 30)), "line 2, .*kelvin",
    ),
    "psi": ("time_s,p_total_bar\n1,14.7\n2,15.1\n3,22\n", "line 2, column p_total_bar: 14.7: .*psi"),
    "gauge pressure": (
        "time_s,p_total_bar\n" + "".join(f"{i},{0.1 * i}\n" for i in range(40)),
        "line 2, column p_total_bar: 0: begins below 0.5 bar: pressure above that of the air",
    ),
    "MPa": ("time_s,p_total_bar\n1,0.1\n2,0.12\n3,0.6\n4,0.7\n5,0.7\n", "line 2, .*MPa"),
    "time of the day": (PLAIN.replace("0.5,", "-1,").replace("\n-1,", "\n36000,", 1).partition("\n1,")[0] + "\n",
                        "column time_s: begins at 36000 s"),
    "days of a spreadsheet": ("time_s,T_core_C\n46346.41667,24\n46346.41673,25\n", "begins at 46346.417 s.*spreadsheet"),
    "days from the pour": (
        "time_s,T_core_C\n" + "".join(f"{i / 86400:.7f},{24 + i}\n" for i in range(1, 20)), "19 readings within .*days",
    ),
    "before the pour alone": ("time_s,T_core_C\n-9,24\n-5,25\n", "ends at -5, before the pour"),
    "fahrenheit in the name": (PLAIN.replace("T_core_C", "T_core_F"), "T_core_F: another unit than T_core_C"),
    "kelvin in the name": (PLAIN.replace("T_core_C", "T_core_K"), "T_core_K: another unit than T_core_C"),
    "kelvin in brackets": (PLAIN.replace("T_core_C", "T_core_C [K]"), "another unit than T_core_C"),
    "milliseconds in the name": (PLAIN.replace("time_s", "time_ms"), "time_ms: another unit than time_s"),
    "a share in per cent": (
        "time_s,vent_open_fraction\ns,%\n1,0\n2,0\n3,100\n", "line 2, column vent_open_fraction: the unit is '%'",
    ),
    "another unit": ("time_s,rpm\n1,1e6\n2,2e6\n3,3e6\n", "line 2, column rpm: .*another unit"),
    "milliseconds as unit": (PLAIN.replace("\n", "\nms,°C\n", 1), "line 2, column time_s: the unit is 'ms'"),
    "kelvin as unit": (PLAIN.replace("\n", "\ns,K\n", 1), "line 2, column T_core_C: the unit is 'K'"),
    "fahrenheit as unit": (PLAIN.replace("\n", "\n[s],[°F]\n", 1), "line 2, .*the unit is '°F'"),
    "British": (PLAIN.replace("T_core_C", "T_cores_C"), "unknown column T_cores_C: is T_core_C meant"),
    "another name of the time": (PLAIN.replace("time_s", "times"), "unknown column times: is time_s"),
    "no header": (PLAIN.partition("\n")[2], "line 1: the header has no column time_s"),
    "a preamble": ("Logger 4711\n" + PLAIN, "line 1: the header has no column time_s"),
    "time alone": ("time_s\n1\n2\n", "the header has no column T_core_C or rpm or p_total_bar"),
    "nothing": (b"", "is empty"),
    "blanks": (b" \n\n\t\n", "is empty"),
    "NULs": (b"\0" * 100, "is empty"),
    "NULs between lines": (PLAIN.replace("1.5,26", "\0\0\0\0").encode(), "line 4: holds NUL"),
    "gzip": (gzip.compress(PLAIN.encode()), "is packed with gzip"),
    "Excel": (b"PK\x03\x04" + bytes(100), "is an Excel workbook"),
    "Parquet": (b"PAR1" + bytes(100), "is a Parquet file"),
    "UTF-32": (PLAIN.encode("utf-32"), "is text in UTF-32"),
    "noise": (bytes(range(128, 256)) * 10, "is no text in UTF-8, UTF-16 or Windows-1252"),
    "an open quotation mark": (PLAIN.replace("1.5,26", '1.5,"26'), "opened and not closed"),
    "a cell of 200 kB": (with_cell('"' + "9" * 200_000 + '"'), "a cell is longer than 131072"),
    "a cell of 10 MB": (with_cell("9" * 10_000_000), "line 4: is longer than 1000000 characters"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_line_column_and_way_out(name: str, tmp_path: Path) -> None:
    content, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as refused:
        read(tmp_path, content)
    assert "sensors_core_temp.csv" in str(refused.value)
    assert len(str(refused.value)) < 500 + len(str(tmp_path))


MISSING = ["", " ", "NaN", "nan", "NAN", "null", "N/A", "#N/A", "-", "---", "none"]
IMPOSSIBLE = ["3276.7", "32767", "-32768", "65535", "9.9E37", "-9999", "9999", "-999", "351",
              "-60", "1e999", "inf", "-Infinity", "+9.91e+37"]  # fmt: skip


@pytest.mark.parametrize("cell", MISSING + IMPOSSIBLE)
def test_missing_readings_are_counted_and_told(cell: str, tmp_path: Path) -> None:
    found = read(tmp_path, with_cell(cell).replace("3,30", f"3,{cell}"))
    there = np.array([True, True, False, True, True, False])
    np.testing.assert_array_equal(np.isnan(found.columns["T_core_C"]), ~there)
    np.testing.assert_array_equal(found.columns["T_core_C"][there], CORE[there])
    (gap,) = found.gaps
    assert (gap.column, gap.count, gap.impossible) == ("T_core_C", 2, cell in IMPOSSIBLE)
    assert "line 4, column T_core_C" in gap.words
    assert "2 of 6 readings" in gap.words


def test_a_broken_probe_is_a_series_without_readings(tmp_path: Path) -> None:
    text = "time_s,T_core_C,rpm\n" + "".join(f"{i},32767,100\n" for i in range(5))
    found = read(tmp_path, text)
    assert np.isnan(found.columns["T_core_C"]).all()
    assert found.gaps[0].count == 5


def test_columns_that_nobody_knows_are_told(tmp_path: Path) -> None:
    assert read(tmp_path, "Date,time_s,T_core_C,Status\nx,1,2,ok\n").unused == ("Date", "Status")


def test_a_file_at_the_limit_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("time_s,T_core_C\n" + "".join(f"{i / 10},25.5\n" for i in range(60_000)))
    size = path.stat().st_size
    tracemalloc.start()
    read_series(path, RANGES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    buffer = 64_000_000  # for the largest file, before it is read
    assert peak < 5 * size + buffer + 1_000_000, "64 MB stay below 500"


def test_more_numbers_than_memory_should_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twin_core.log_files.series.NUMBERS_MAX", 6)
    with pytest.raises(InputError, match="line 5: more than 6 numbers: split the file"):
        read(tmp_path, PLAIN)
