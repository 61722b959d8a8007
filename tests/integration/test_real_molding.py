"""Tables of real cycles in many forms; their values are made up, the tables of others stay out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from tests.support.processes import ROOT
from tests.support.real_molding.__main__ import command
from tests.support.real_molding.columns_file import read_columns_file
from tests.support.real_molding.cycles import Cycles, read_cycles
from tests.support.real_molding.rows import feature_set
from twin_core.errors import InputError, TwinError

COUNT = 400
NUMBERS = ("Zyklus", "Druck", "Werkzeug", "Fuellzeit")
COLUMNS = """
time: {column: Zeit, format: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
machine: Maschine
mold: {column: Teil, pattern: '^(\\S+)'}
duration_s: Zyklus
results_after_h: 1
first: 20
targets:
  p_max: {column: Druck, factor: 0.01}
inputs: {proc_T_mold_init_C: Werkzeug}
more_at_demold: [Fuellzeit]
failure: {column: Ergebnis, failed: [n.i.O.], passed: [i.O.], reason: Grund,
          kinds: {short_shot: [unvollständig]}}
"""


def rows(count: int = COUNT) -> list[dict[str, str]]:
    """Cycles as a German press writes them."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(count):
        minute, bad = i * 2, rng.random() < 0.15
        pressure = 800.0 + 20.0 * math.sin(i / 60.0) + rng.normal(0.0, 3.0)
        day, hour = 1 + minute // 1440, minute // 60 % 24
        found.append(
            {
                "Zeit": f"{day:02d}.06.2024 {hour:02d}:{minute % 60:02d}:00",
                "Maschine": "7",
                "Teil": f"{'Türgriff' if i % 2 else 'Blende'} links",
                "Zyklus": f"{60.0 + rng.normal():.2f}",
                "Druck": f"{pressure:.2f}",
                "Werkzeug": f"{45.0 + rng.normal():.1f}",
                "Fuellzeit": f"{1.5 + 0.2 * bad + rng.normal(0.0, 0.1):.3f}",
                "Ergebnis": "n.i.O." if bad else "i.O.",
                "Grund": "unvollständig" if bad else "",
            }
        )
    return found


def write(
    path: Path, table: list[dict[str, str]], mark: str = ";", encoding: str = "cp1252"
) -> Path:
    lines = [mark.join(table[0])]
    for row in table:
        cells = dict(row)
        if mark != ",":
            cells |= {name: row[name].replace(".", ",") for name in NUMBERS}
        lines.append(mark.join(cells.values()))
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def columns_file(folder: Path, text: str = COLUMNS) -> Path:
    path = folder / "columns.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, folder: Path, text: str = COLUMNS) -> tuple[Cycles, list[str]]:
    said: list[str] = []
    columns = read_columns_file(columns_file(folder, text))
    return read_cycles(path, columns, folder, said.append), said


@pytest.mark.parametrize(
    ("name", "mark", "encoding", "form"),
    [
        ("t.csv", ";", "cp1252", ""),
        ("t.csv", ",", "utf-8", ""),
        ("t.txt", "\t", "utf-8-sig", ""),
        ("t.csv", ";", "utf-16", ""),
        ("t.csv", ";", "cp850", 'text: {encoding: cp850, separator: ";", decimal: ","}'),
    ],
)
def test_forms_of_a_table(tmp_path: Path, name: str, mark: str, encoding: str, form: str) -> None:
    cycles, said = read(write(tmp_path / name, rows(), mark, encoding), tmp_path, COLUMNS + form)
    assert len(cycles) == COUNT
    assert set(cycles.mold.tolist()) == {"Türgriff", "Blende"}
    assert set(cycles.machine.tolist()) == {"7"}
    assert cycles.time_s[0] == 1717192800.0, "midnight in Berlin is 22:00 UTC"
    assert cycles.numbers["meas_p_max_bar"].mean() == pytest.approx(8.0, abs=0.3)
    assert cycles.failed.sum() == cycles.kinds["short_shot"].sum() > 30
    assert said == []


def test_parquet_with_times_of_its_own(tmp_path: Path) -> None:
    table = rows()
    times = np.datetime64("2024-05-31T22:00:00", "us") + np.arange(COUNT) * np.timedelta64(120, "s")
    arrays: dict[str, Any] = {name: [row[name] for row in table] for name in table[0]}
    for name in NUMBERS:
        arrays[name] = [float(row[name]) for row in table]
    arrays["Zeit"] = pa.array(times, pa.timestamp("us", tz="UTC"))
    parquet.write_table(pa.table(arrays), tmp_path / "t.parquet")
    text = COLUMNS.replace(', format: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin', "")
    cycles, _ = read(tmp_path / "t.parquet", tmp_path, text)
    assert cycles.time_s[0] == 1717192800.0


def test_rows_know_only_what_had_arrived(tmp_path: Path) -> None:
    columns = read_columns_file(columns_file(tmp_path))
    cycles, _ = read(write(tmp_path / "t.csv", rows()), tmp_path)
    found, words = feature_set(cycles, columns)
    assert len(found) == COUNT - 2 * 20, "the first of each mold stand for the physics"
    assert any("mean of the first 20 cycles" in line for line in words)
    physics = found.columns["sim_p_max_bar"]
    assert len(np.unique(physics)) == 2
    residual = found.columns["meas_p_max_bar"] - physics
    mine = found.columns["mold_id"] == "Blende"
    last = found.columns["prev_p_max_last"][mine]
    assert np.isnan(last[0])
    assert np.array_equal(last[1:], residual[mine][:-1]), "two minutes after a cycle of a minute"
    assert found.columns["qc_any_defect"].sum() > 30
    assert np.isnan(found.columns["meas_T_core_max_C"]).all()


def test_two_parts_of_a_cycle_teach_once(tmp_path: Path) -> None:
    columns = read_columns_file(columns_file(tmp_path))
    twice = [row for row in rows(100) for _ in range(2)]
    cycles, _ = read(write(tmp_path / "t.csv", twice), tmp_path)
    found, words = feature_set(cycles, columns)
    assert any(line.startswith("100 rows are other parts of the cycle above") for line in words)
    assert np.isnan(found.columns["meas_p_max_bar"]).sum() == len(found) / 2
    assert not np.isnan(found.columns["qc_any_defect"]).any(), "each part is good or bad itself"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "column: Zeit",
            "column: Uhr",
            "has no column 'Uhr': correct the columns file; it has Zeit",
        ),
        ("%d.%m.%Y", "%m/%d/%Y", "row 1: column Zeit: '01.06.2024 00:00:00' is not of the form"),
        ("Europe/Berlin", "Berlin", "time.zone: is no zone"),
        (
            "factor: 0.01",
            "factor: 1",
            "row 1: column Druck: 799.6 for meas_p_max_bar is outside 0.5",
        ),
        ("failed: [n.i.O.]", "failed: [bad]", "column Ergebnis: no cell is one of failed: ['bad']"),
        ("short_shot", "warpage", "kinds: warpage is none of void"),
        ("proc_T_mold_init_C", "proc_T_moldinit_C", "inputs: proc_T_moldinit_C is no input"),
        ("column: Druck", "column: Grund", "column Grund: holds no numbers"),
        ("first: 20", "first: 300", "no mold has more than 300 cycles"),
        ("^(\\S+)", "^(\\d+)", "row 1: column Teil: 'Blende links' does not fit the pattern"),
        (
            "machine:",
            "only: {Maschine: ['9']}\nmachine:",
            "no row has ['9'] in Maschine: there are 7",
        ),
        ("machine: Maschine", "macine: Maschine", "macine: unknown field: is machine meant?"),
    ],
)
def test_errors_say_where_and_what_to_do(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in COLUMNS
    path = write(tmp_path / "t.csv", rows(60))
    file = columns_file(tmp_path, COLUMNS.replace(old, new))
    done = CliRunner().invoke(command, [str(path), "--columns", str(file)])
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert "Traceback" not in done.output


def test_no_table(tmp_path: Path) -> None:
    file = str(columns_file(tmp_path))
    for path in (tmp_path / "no.csv", tmp_path):
        assert CliRunner().invoke(command, [str(path), "--columns", file]).exit_code == 2
    (tmp_path / "t.csv").write_bytes(b"PK\x03\x04xx")
    with pytest.raises(TwinError, match="Excel"):
        read(tmp_path / "t.csv", tmp_path)


def test_the_mapping_of_kamp_is_valid() -> None:
    found = read_columns_file(ROOT / "tests" / "support" / "real_molding" / "kamp.yaml")
    assert set(found.targets) == {"rho_moulded", "t_demold", "p_max", "T_core_max"}
    with pytest.raises(InputError):
        read_columns_file(ROOT / "pyproject.toml")


@pytest.mark.peers
@pytest.mark.timeout(900)
def test_the_whole_way(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", rows(700))
    options = ["--learner", "ridge", "--window", "100", "--keep", str(tmp_path / "kept")]
    file = str(columns_file(tmp_path))
    done = CliRunner().invoke(command, [str(path), "--columns", file, *options])
    assert done.exit_code == 0, done.output
    assert "meas_p_max_bar stands for Druck x 0.01" in done.output
    assert "model/EWMA" in done.output
    assert "any_defect" in done.output
    assert "Drift: windows of 100" in done.output
    assert (tmp_path / "kept" / "models" / "pour" / "1" / "report.html").exists()
