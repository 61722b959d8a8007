"""Tables with a row a shot: ids stay as written, no cell changes what its column is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from edge_agent.errors import TableError
from edge_agent.learning.tables import Columns, leave_out_impossible, read_table
from twin_core.log_files.shot_table import LeftOut

FOUND = tuple[Columns, list[LeftOut]]


def read(tmp_path: Path, content: bytes | str) -> FOUND:
    path = tmp_path / "shots.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path)


def read_file(path: Path) -> FOUND:
    told: list[LeftOut] = []
    return read_table(path, told.append), told


IDS = ["0001", "20261120100000101", "1e5", "12e5", "007", "1.0", "+5", "A 7", "Prüf-1", "true",
       "2026-11-20", "1_000", "0x10", "99999999999999999999"]  # fmt: skip


@pytest.mark.parametrize("shot_id", IDS)
def test_an_id_is_a_text_as_written(shot_id: str, tmp_path: Path) -> None:
    found, told = read(tmp_path, f"shot_id,mold_id,qc_rho_moulded\n{shot_id},{shot_id},60\n")
    assert found["shot_id"].tolist() == found["mold_id"].tolist() == [shot_id]
    assert not told


def test_an_id_that_a_spreadsheet_has_shortened(tmp_path: Path) -> None:
    for shot_id in ("2.02611E+16", "2,02611E+16", "2E+16"):
        with pytest.raises(
            TableError, match=r"line 2, column shot_id: 2(.02611)?E\+16: a spreadsheet"
        ):
            read(tmp_path, f"shot_id;qc_rho_moulded\n{shot_id};60\n")


TEXTS = ["<5", ">100", "n.m.", "61,9", "62 kg/m3", "1_00", "ok", "#VALUE!", "OL", "~60", "60?",
         "6O.5", "60..5", "inf", "1.234,5", "sixty", "0x3C", "yes"]  # fmt: skip


@pytest.mark.parametrize("cell", TEXTS)
def test_a_cell_that_is_no_number_is_left_out_and_named(cell: str, tmp_path: Path) -> None:
    found, told = read(tmp_path, f'shot_id,qc_rho_moulded\n1,60.5\n2,"{cell}"\n3,61\n4,\n5,NaN\n')
    np.testing.assert_array_equal(found["qc_rho_moulded"], [60.5, np.nan, 61.0, np.nan, np.nan])
    (left_out,) = told
    assert (left_out.column, left_out.count, left_out.given) == ("qc_rho_moulded", 1, 3)
    assert left_out.examples == [f"line 3: {cell!r} is no number"]
    assert not left_out.whole


@pytest.mark.parametrize("cell", TEXTS[:5])
def test_where_nobody_listens_it_is_refused(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text(f'shot_id,qc_rho_moulded\n1,"{cell}"\n')
    with pytest.raises(TableError, match=r"shots.csv: column qc_rho_moulded: line 2: "):
        read_table(path)


def test_decimal_commas_and_semicolons(tmp_path: Path) -> None:
    found, told = read(tmp_path, "shot_id;qc_rho_moulded;poured_at\n01;60,5;2026-11-20T10:00:00Z\n")
    assert found["qc_rho_moulded"].tolist() == [60.5]
    assert not told


def test_one_decimal_comma_among_points_is_left_out(tmp_path: Path) -> None:
    found, told = read(tmp_path, "shot_id;qc_rho_moulded\n1;60.5\n2;61,9\n")
    assert np.isnan(found["qc_rho_moulded"][1])
    assert told[0].examples == ["line 3: '61,9' is no number"]


TIMES = {
    "2026-11-20T10:00:00Z": "2026-11-20T10:00:00",
    "2026-11-20 10:00:00Z": "2026-11-20T10:00:00",
    "2026-11-20T10:00:00.25Z": "2026-11-20T10:00:00.25",
    "2026-11-20T10:00Z": "2026-11-20T10:00:00",
    "2026-11-20T11:00:00+01:00": "2026-11-20T10:00:00",
    "2026-11-20T11:00:00+0100": "2026-11-20T10:00:00",
    "2026-11-20T04:30:00-05:30": "2026-11-20T10:00:00",
    "2026-11-20 10:00:00 UTC": "2026-11-20T10:00:00",
    "2026-11-20t10:00:00z": "2026-11-20T10:00:00",
    "1795168800": "2026-11-20T10:00:00",
    "1795168800.5": "2026-11-20T10:00:00.5",
    "1795168800000": "2026-11-20T10:00:00",
}


@pytest.mark.parametrize("cell", TIMES)
def test_a_time_with_a_zone(cell: str, tmp_path: Path) -> None:
    found, told = read(tmp_path, f"shot_id,poured_at\n1,{cell}\n2,\n")
    assert found["poured_at"][0] == np.datetime64(TIMES[cell])
    assert np.isnat(found["poured_at"][1])
    assert not told


NO_TIMES = {
    "2026-11-20T10:00:00": "has no zone: write 2026-11-20T10:00:00Z if it is UTC",
    "2026-11-20 10:00": "has no zone",
    "20.11.2026 10:00:00": "is no time: write",
    "20.11.2026 10:00:00+01:00": "is no time: write",
    "11/20/2026 10:00 AM": "is no time",
    "2026-11-20": "is no time",
    "10:00:00": "is no time",
    "46346.4166": "is no time",
    "1795168800000000": "is no time",
    "1795168800000000000": "is no time",
    "2026-13-45T10:00:00Z": "there is no such day or hour",
    "2026-02-30T10:00:00Z": "there is no such day or hour",
    "2026-11-20T25:00:00Z": "there is no such day or hour",
    "2026-11-20T10:00:00+99:00": "there is no zone",
    "yesterday": "is no time",
    "1900-01-00T00:00:00Z": "there is no such day",
    "1899-12-30T00:00:00Z": "is not of the years 1980 to 2100",
    "3000-01-01T00:00:00Z": "is not of the years 1980 to 2100",
    "9999-12-31T23:59:59-14:00": "is not of the years 1980 to 2100",
    "2026-11-20T10:00:00 CET": "is no time",
}


@pytest.mark.parametrize("cell", NO_TIMES)
def test_no_time_is_named_and_none_at_all_is_refused(cell: str, tmp_path: Path) -> None:
    found, told = read(tmp_path, f"shot_id,poured_at\n1,2026-11-20T10:00:00Z\n2,{cell}\n")
    assert np.isnat(found["poured_at"][1])
    assert NO_TIMES[cell] in told[0].examples[0]
    with pytest.raises(TableError, match=r"column poured_at: line 2: ") as refused:
        read(tmp_path, f"shot_id,poured_at\n1,{cell}\n")
    assert NO_TIMES[cell] in str(refused.value)


FLAGS = {"1": 1, "0": 0, "1.0": 1, "true": 1, "FALSE": 0, "yes": 1, "No": 0, "ja": 1, "Nein": 0,
         "y": 1, "N": 0, "": np.nan, "NaN": np.nan}  # fmt: skip


@pytest.mark.parametrize("cell", FLAGS)
def test_a_flag(cell: str, tmp_path: Path) -> None:
    found, told = read(
        tmp_path, f"shot_id,simulated,qc_any_defect,qc_defect_void\n1,{cell},{cell},{cell}\n"
    )
    for name in ("simulated", "qc_any_defect", "qc_defect_void"):
        np.testing.assert_array_equal(found[name], [FLAGS[cell]])
    assert not told


@pytest.mark.parametrize(
    "cell", ["x", "2", "0.5", "void", "vielleicht", "-1", "ok", "i.O.", "n.i.O.", "10"]
)
def test_an_answer_that_is_neither_yes_nor_no(cell: str, tmp_path: Path) -> None:
    found, told = read(tmp_path, f"shot_id,qc_any_defect\n1,{cell}\n2,1\n")
    np.testing.assert_array_equal(found["qc_any_defect"], [np.nan, 1.0])
    assert "neither yes nor no" in told[0].examples[0]


def test_columns_that_nothing_knows(tmp_path: Path) -> None:
    text = "shot_id,mine,lot,words,gone\n" + "".join(f"{i},{i}.5,00{i},w{i},\n" for i in range(4))
    found, told = read(tmp_path, text + "9,n.m.,0009,w,\n")
    np.testing.assert_array_equal(found["mine"], [0.5, 1.5, 2.5, 3.5, np.nan])
    assert found["lot"].tolist() == ["000", "001", "002", "003", "0009"]
    assert found["words"].dtype.kind == "U"
    assert np.isnan(found["gone"]).all()
    assert told[0].examples == ["row 5: 'n.m.' is no number"]


UNITS = {
    "kg/m3;°C": None, "[kg/m³];[°C]": None, "kg/m3;": None,
    "g/cm3;°C": "column qc_rho_moulded: the unit is 'g/cm3'",
    "kg/m3;K": "column proc_T_mold_init_C: the unit is 'K'",
    ";°F": "column proc_T_mold_init_C: the unit is '°F'",
}  # fmt: skip


@pytest.mark.parametrize("units", UNITS)
def test_a_row_of_units(units: str, tmp_path: Path) -> None:
    text = f"shot_id;qc_rho_moulded;proc_T_mold_init_C\n-;{units}\n1;60,5;45\n"
    if UNITS[units] is None:
        found, told = read(tmp_path, text)
        assert (found["shot_id"].tolist(), found["qc_rho_moulded"].tolist()) == (["1"], [60.5])
        assert not told
    else:
        with pytest.raises(TableError, match=f"line 2, {UNITS[units]}"):
            read(tmp_path, text)


def test_a_first_row_without_numbers_is_a_shot(tmp_path: Path) -> None:
    found, told = read(tmp_path, "shot_id,qc_rho_moulded\n1,n.m.\n2,60\n")
    assert found["shot_id"].tolist() == ["1", "2"]
    assert told[0].examples == ["line 2: 'n.m.' is no number"]


def test_the_form_is_that_of_series(tmp_path: Path) -> None:
    text = "sep=;\r\nSHOT_ID; QC_RHO_MOULDED;\r\n01; 60,5;\r\n;;\r\n"
    for content in (text.encode("utf-16"), text.encode("utf-8-sig"), text.encode() + b"\0" * 99):
        found, told = read(tmp_path, content)
        assert found["shot_id"].tolist() == ["01"]
        assert found["qc_rho_moulded"].tolist() == [60.5]
        assert not told


REFUSED = {
    "a column twice": ("shot_id,a,a\n1,2,3\n", "line 1: column a stands 2 times"),
    "a short row": ("shot_id,qc_rho_moulded\n1,60\n2\n", "line 3: has 1 cells"),
    "a long row": ("shot_id,qc_rho_moulded\n1,60,3\n", "line 2: has 3 cells"),
    "no header": ("", "is empty"),
    "a line of 2 MB": ("shot_id,note\n1," + "x" * 2_000_000, "line 2: is longer than 1000000"),
    "a cell of 200 kB": ("shot_id,note\n1," + "x" * 200_000, "a cell is longer than 131072"),
    "texts that fill the memory": (
        "shot_id,note\n1," + "x" * 100_000 + "\n" + "2,y\n" * 1000, "column note: 1001 texts of up to 100000",
    ),
    "an open quotation mark": ('shot_id,note\n1,"x\n', "opened and not closed"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    content, words = REFUSED[name]
    with pytest.raises(TableError, match=words):
        read(tmp_path, content)


def test_the_same_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "shots.parquet"
    table = pa.table({
        "shot_id": pa.array([20261120100000101, 20261120100000102, None]),
        "mold_id": pa.array([1.0, 2.0, None]),
        "poured_at": pa.array(["2026-11-20T10:00:00Z", "20.11.2026", None]),
        "qc_rho_moulded": pa.array(["60.5", "<5", ""]),
        "qc_any_defect": pa.array(["ja", "nein", "x"]),
    })  # fmt: skip
    parquet.write_table(table, path)
    found, told = read_file(path)
    assert found["shot_id"].tolist() == ["20261120100000101", "20261120100000102", ""]
    assert found["mold_id"].tolist() == ["1", "2", ""]
    np.testing.assert_array_equal(found["qc_rho_moulded"], [60.5, np.nan, np.nan])
    np.testing.assert_array_equal(found["qc_any_defect"], [1.0, 0.0, np.nan])
    assert [cells.column for cells in told] == ["poured_at", "qc_rho_moulded", "qc_any_defect"]


def test_flags_views_and_times_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "shots.parquet"
    years = [datetime(1900, 1, 1, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC)]
    for times in (pa.array(years), pa.array([5, 1795168800]), pa.array([5.5, 1795168800000.0])):
        table = pa.table({
            "shot_id": pa.array(["1", "2"]).cast(pa.string_view()),
            "poured_at": times, "qc_any_defect": pa.array([2.0, 1.0]), "simulated": pa.array([3, 0]),
        })  # fmt: skip
        parquet.write_table(table, path)
        found, told = read_file(path)
        assert found["shot_id"].tolist() == ["1", "2"]
        assert np.isnat(found["poured_at"]).tolist() == [True, False]
        assert found["poured_at"][1] == np.datetime64("2026-11-20T10:00:00")
        np.testing.assert_array_equal(found["qc_any_defect"], [np.nan, 1.0])
        assert [cells.column for cells in told] == ["poured_at", "qc_any_defect", "simulated"]


ODD_PARQUET = {
    "ids that lost digits": ({"shot_id": pa.array([2.0261120100000101e16])}, "lost digits"),
    "fractions as ids": ({"shot_id": pa.array([1.5])}, "lost digits"),
    "times without a zone": (
        {"poured_at": pa.array([0], pa.timestamp("us"))}, "column poured_at: its times have no zone",
    ),
    "a day": ({"poured_at": pa.array([0], pa.date32())}, "is of type date32"),
    "numbers as times": ({"poured_at": pa.array([1.5])}, "row 1: '1.5' is no time"),
    "flags as times": ({"poured_at": pa.array([True])}, "is of type bool"),
    "times as numbers": ({"qc_rho_moulded": pa.array([0], pa.timestamp("us"))}, "is of type timestamp"),
    "a list": ({"qc_rho_moulded": pa.array([[1.0]])}, "is of type list"),
    "bytes": ({"shot_id": pa.array([b"1"])}, "is of type binary"),
    "a text of a dictionary for every row": (
        {"note": pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), ["x" * 1_000_000])},
        "column note: 10000 texts of up to 1000000 characters",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_PARQUET)
def test_parquet_that_is_refused(name: str, tmp_path: Path) -> None:
    columns, words = ODD_PARQUET[name]
    parquet.write_table(pa.table(columns), tmp_path / "shots.parquet")
    with pytest.raises(TableError, match=words):
        read_file(tmp_path / "shots.parquet")


@pytest.mark.parametrize("value", [-9999.0, 3276.7, 32767.0, 9.9e37, 0.1, 2501.0, -1.0, 65535.0])
def test_impossible_numbers_are_left_out_and_named(value: float) -> None:
    table = {"shot_id": np.array(["A", "B"]), "qc_rho_moulded": np.array([60.0, value])}
    told: list[LeftOut] = []
    found = leave_out_impossible(table, told.append)
    np.testing.assert_array_equal(found["qc_rho_moulded"], [60.0, np.nan])
    assert told[0].examples == [f"row 2 (shot B): {value:g} is not within 5 to 2500"]
