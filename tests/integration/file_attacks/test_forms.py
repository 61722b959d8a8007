"""Kind 9: forms of logged series. All commands read a file alike, or refuse it alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.learning.tables import read_table
from edge_agent.logged_shots.measured_series import from_file, from_folder
from tests.support.file_commands import (
    READINGS_COUNT,
    SERIES,
    bundle,
    closed_port,
    refused_by_all,
    run,
)

HEAD, _, BODY = SERIES.partition("\n")
ROWS = [line.split(",") for line in BODY.splitlines()]
GERMAN = "time_s;T_core_C\n" + BODY.replace(",", ";").replace(".", ",")


def table(head: str, *rows: list[str], mark: str = ",") -> str:
    return "\n".join([head, *(mark.join(row) for row in rows)]) + "\n"


READ: dict[str, str | bytes] = {
    "Excel on a German Windows": ("sep=;\r\n" + GERMAN.replace("\n", "\r\n")).encode("cp1252"),
    "Unicode text of Excel": SERIES.replace(",", "\t").encode("utf-16"),
    "a file of a Mac of old": SERIES.replace("\n", "\r"),
    "a logger that ends each line with its mark": SERIES.replace("\n", ",\n"),
    "names in capitals with blanks around": SERIES.replace(HEAD, " TIME_S , T_CORE_C "),
    "a row of units": SERIES.replace(HEAD, HEAD + "\n[s],[°C]"),
    "remarks of the operator": "# Form 7, Schuss 0017\n# Größe: 500 mm\n" + SERIES,
    "a block of a memory card, filled with NUL": SERIES.encode() + b"\0" * 512,
    "every cell in quotes": table(
        '"time_s","T_core_C"', *([f'"{cell}"' for cell in row] for row in ROWS)
    ),
    "the time in the last column": table("T_core_C,time_s", *(row[::-1] for row in ROWS)),
    "a column of the logger's own": table("No,time_s,T_core_C", *(["7", *row] for row in ROWS)),
    "a blank line after each": SERIES.replace("\n", "\n\n"),
}


@pytest.mark.parametrize("name", READ)
def test_read_by_all_commands_alike(name: str, tmp_path: Path) -> None:
    folder, out = bundle(tmp_path / "b", {"sensors_core_temp.csv": READ[name]}), tmp_path / "f.csv"
    (series,) = from_folder(folder, {}, list[str]().append)
    assert len(series.t_s) == READINGS_COUNT
    done = run("build-features", "--bundles", folder, "-o", out)
    assert done.exit_code == 0, done.output
    assert read_table(out)["meas_T_core_max_C"].tolist() == [pytest.approx(139.0728)]
    done = run("replay", folder, "--port", closed_port())
    assert done.exit_code == 1, "read, and then no broker"


REFUSED: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "a logger that was started again": (
        SERIES + "0.5,24.0\n1.0,24.1\n",
        ("line 39, column time_s: 0.5", "time runs back"),
    ),
    "three readings in each whole second": (
        table(HEAD, *([str(n // 3), str(24 + n)] for n in range(60))),
        ("line 3, column time_s: 0", "the same time stands twice"),
    ),
    "seconds since 1970": (
        table(HEAD, *([f"{1_795_168_800 + n}", str(24 + n)] for n in range(60))),
        ("line 2, column time_s", "counts from 1970"),
    ),
    "milliseconds from the pour": (
        table(HEAD, *([str(1000 * n), str(24 + n)] for n in range(5, 90))),
        ("column time_s", "milliseconds?"),
    ),
    "kelvin under °C": (
        table(HEAD, *([row[0], f"{float(row[1]) + 273.15:.4f}"] for row in ROWS)),
        ("line 2, column T_core_C", "kelvin"),
    ),
    "a card that was drawn while it wrote": (SERIES[:-5], ("line 38, column T_core_C", "cut")),
    "digits in groups": (SERIES + "700,1_00\n", ("line 39, column T_core_C: '1_00'",)),
    "a decimal comma between commas": (SERIES + '700,"139,1"\n', ("line 39", "'139,1'")),
    "an overload": (SERIES + "700,OL\n", ("line 39, column T_core_C: 'OL' is no number",)),
    "the same channel twice": (
        table("time_s,T_core_C,T_core_C", *([*row, row[1]] for row in ROWS)),
        ("line 1", "T_core_C stands 2 times"),
    ),
    "another unit in the name": (
        SERIES.replace("T_core_C", "T_core_F"),
        ("T_core_F: another unit",),
    ),
    "a workbook under the name of a CSV": (b"PK\x03\x04" + bytes(200), ("is an Excel workbook",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_all_commands_alike(name: str, tmp_path: Path) -> None:
    content, words = REFUSED[name]
    folder = bundle(tmp_path / "b", {"sensors_core_temp.csv": content})
    refused_by_all(folder, tmp_path / "f.csv", "sensors_core_temp.csv", *words)


def test_a_probe_that_is_still_hot_is_left_out_and_told(tmp_path: Path) -> None:
    hot = table(HEAD, ["0.0", "150.0"], ["0.2", "149.5"], ["0.4", "149.0"], *ROWS)
    folder, out = bundle(tmp_path / "b", {"sensors_core_temp.csv": hot}), tmp_path / "f.csv"
    told = list[str]()
    (series,) = from_folder(folder, {}, told.append)
    assert len(series.t_s) == READINGS_COUNT
    assert (
        "T_core_C: 150 °C at the pour: the probe still held the heat of the part before" in told[0]
    )
    done = run("build-features", "--bundles", folder, "-o", out)
    assert "probe_still_hot" in done.output
    assert read_table(out)["meas_T_core_max_C"].tolist() == [pytest.approx(139.0728)]
    done = run("replay", folder, "--port", closed_port())
    assert "3 of 40 readings" in " ".join(done.output.split())
    (tmp_path / "core.csv").write_text(hot)
    told.clear()
    assert len(from_file(tmp_path / "core.csv", {}, told.append).t_s) == READINGS_COUNT
    assert "3 of 40 readings left out" in told[0]


def test_a_log_that_is_mostly_after_the_opening_is_told(tmp_path: Path) -> None:
    """As with times in tenths of a second."""
    tenths = table(HEAD, *([f"{10 * float(row[0]):.0f}", row[1]] for row in ROWS))
    folder = bundle(tmp_path / "b", {"sensors_core_temp.csv": tenths})
    done = run("replay", folder, "--port", closed_port())
    assert "35 of 37 readings are after the opening" in " ".join(done.output.split())
