"""Tables as Parquet and CSV: what goes in comes out, and what is wrong is said."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from edge_agent.errors import MissingExtra, TableError
from edge_agent.learning.tables import read_table, write_table
from twin_core.extras import how_to_install

COLUMNS = {
    "shot_id": np.array(["L1", "", "Lß3"]),
    "poured_at": np.array(["2026-01-01T00:00:00.000001", "NaT", "2026-01-03"], "datetime64[us]"),
    "proc_T_mold_C": np.array([45.25, np.nan, 44.0]),
    "qc_any_defect": np.array([0.0, 1.0, np.nan]),
    "meas_empty": np.full(3, np.nan),
}


@pytest.mark.parametrize("name", ["shots.parquet", "shots.csv", "SHOTS.PARQUET"])
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    write_table(tmp_path / name, COLUMNS)
    found = read_table(tmp_path / name)
    assert list(found) == list(COLUMNS)
    for column, values in COLUMNS.items():
        assert found[column].dtype.kind == values.dtype.kind
        np.testing.assert_array_equal(found[column], values)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_numbers_of_every_kind_become_floats(tmp_path: Path) -> None:
    table = pa.table(
        {
            "whole": pa.array([1, None, 3], pa.int32()),
            "flag": pa.array([True, None, False]),
            "short": pa.array([0.5, 1.5, None], pa.float32()),
            "nothing": pa.nulls(3),
            "mold": pa.array(["A", None, "A"]).dictionary_encode(),
            "local": pa.array([0, None, 1], pa.timestamp("s", tz="Europe/Warsaw")),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet")
    np.testing.assert_array_equal(found["whole"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(found["flag"], [1.0, np.nan, 0.0])
    np.testing.assert_array_equal(found["short"], [0.5, 1.5, np.nan])
    assert np.isnan(found["nothing"]).all()
    assert found["mold"].tolist() == ["A", "", "A"]
    assert found["local"][0] == np.datetime64("1970-01-01T00:00:00")


def test_a_table_without_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", {"x": np.empty(0)})
    assert len(read_table(tmp_path / "t.parquet")["x"]) == 0


def test_errors_name_the_file_the_field_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no\.parquet: there is no such file: check the path"):
        read_table(tmp_path / "no.parquet")
    (tmp_path / "bad.parquet").write_text("not a table")
    with pytest.raises(TableError, match=r"bad\.parquet: cannot be read as parquet: "):
        read_table(tmp_path / "bad.parquet")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(TableError, match=r"bad\.csv: line 3: has 1 cells, .*column b is missing"):
        read_table(tmp_path / "bad.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(TableError, match="is empty: the first line must name the columns"):
        read_table(tmp_path / "empty.csv")
    with pytest.raises(TableError, match=r"ends in \.parquet or \.csv, not '\.xlsx'"):
        read_table(tmp_path / "shots.xlsx")
    parquet.write_table(pa.table({"curve": [[1.0], [2.0]]}), tmp_path / "curve.parquet")
    with pytest.raises(TableError, match="column 'curve' is of type list"):
        read_table(tmp_path / "curve.parquet")
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    with pytest.raises(TableError, match="line 1: column a stands 2 times: rename one"):
        read_table(tmp_path / "twice.csv")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="differ in length"):
        write_table(tmp_path / "t.csv", {"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(TableError, match="cannot be written"):
        write_table(Path("/proc") / "no" / "t.csv", {"a": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="pyarrow") as error:
        read_table(tmp_path / "t.parquet")
    assert error.value.hint == how_to_install("learn")
