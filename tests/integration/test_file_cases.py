"""Inputs that went wrong, through the commands that read them: tests/cases says the right result."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.learning.tables import Columns, read_table
from edge_agent.logged_shots.measured_series import from_file, from_folder
from tests.support.processes import ROOT
from twin_core.errors import InputError

CASES = {path.name[:2]: path for path in (ROOT / "tests" / "cases").iterdir()}
READ = {"20": 37, "22": 37, "25": 35, "39": 37}
"""Bundles that are read, and how many readings they have."""
REFUSED = {
    "28": ("sensors_core_temp.csv", "line 1", "T_core_C stands 2 times", "rename one"),
    "31": ("sensors_core_temp.csv", "line 39", "time_s"),
    "33": ("sensors_core_temp.csv", "time_s", "h after the pour", "milliseconds?"),
    "40": ("qc.yaml", "rho_moulded", "62,1", "H_demold", "38 Shore"),
    "71": ("mould_id", "mold_id", "T_mould_init_C", "T_mold_init_C"),
}
MEASURED = ("--scenario", "baser_khakhar_1994_r11", "--fit", "time_offset_s", "--dry-run")


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_all_three_commands_alike(case: str, tmp_path: Path) -> None:
    folder = CASES[case]
    for arguments in (
        ("replay", folder, "--port", closed_port()),
        ("build-features", "--bundles", folder, "-o", tmp_path / "f.csv"),
        ("calibrate", "--measured", folder, *MEASURED),
    ):
        done = run(*arguments)
        assert done.exit_code == 2, done.output
        for words in REFUSED[case]:
            assert words in done.output, (arguments[0], words)
    assert not (tmp_path / "f.csv").exists()


@pytest.mark.parametrize("case", READ)
def test_read_by_all_three_commands_alike(case: str, tmp_path: Path) -> None:
    folder, told = CASES[case], list[str]()
    (series,) = from_folder(folder, {}, told.append)
    assert len(series.t_s) == READ[case]
    assert len(told) == (case == "25")
    done = run("build-features", "--bundles", folder, "-o", tmp_path / "f.csv")
    assert done.exit_code == 0, done.output
    table = read_table(tmp_path / "f.csv")
    assert table["meas_T_core_max_C"].tolist() == [pytest.approx(139.0728)]
    assert table["proc_T_mold_init_C"].tolist() == [45.0 if case == "39" else 23.85]
    assert table["meas_t_demold_actual_s"].tolist() == [640.0]
    done = run("replay", folder, "--port", closed_port())
    assert done.exit_code == 1, "read, and then no broker"
    assert ("note: " in done.output) == (case == "25")


def test_calibrate_fits_to_the_readings_that_are_there() -> None:
    done = run("calibrate", "--measured", CASES["25"], *MEASURED)
    assert done.exit_code in {0, 1}
    assert "line 7, column T_core_C: no number: 2 of 37 readings missing" in done.output


def test_bad_bundles_are_named_left_out_and_counted(tmp_path: Path) -> None:
    for case in (*READ, *REFUSED):
        shutil.copytree(CASES[case], tmp_path / "bundles" / CASES[case].name)
    done = run("build-features", "--bundles", tmp_path / "bundles", "-o", tmp_path / "f.csv")
    assert done.exit_code == 3, done.output
    assert len(read_table(tmp_path / "f.csv")["shot_id"]) == len(READ)
    assert f"left out: {len(REFUSED)}" in done.stderr
    for case in REFUSED:
        assert f"not read: {tmp_path / 'bundles' / CASES[case].name}" in done.stderr


def features(folder: Path, out: Path) -> tuple[Result, Columns]:
    done = run(
        "build-features", "-m", folder / "measured.csv", "-s", folder / "simulated.csv", "-o", out
    )
    return done, read_table(out) if out.exists() else {}


def test_ids_of_17_digits(tmp_path: Path) -> None:
    done, table = features(CASES["50"], tmp_path / "f.csv")
    assert done.exit_code == 0, done.output
    assert table["shot_id"][0] == "20261120100000101"
    assert table["sim_rho_moulded"].tolist() == [60.0 + i for i in range(12)]


def test_one_text_cell(tmp_path: Path) -> None:
    done, table = features(CASES["51"], tmp_path / "f.csv")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(table["qc_rho_moulded"], [60, 61, np.nan, 63, 64, 65])
    assert "measured.csv: column qc_rho_moulded: left out: line 4: '<5' is no number" in done.stderr
    assert table["shot_id"].tolist() == [f"000{i}" for i in range(1, 7)]


def test_two_presses_with_one_counter(tmp_path: Path) -> None:
    done, _ = features(CASES["61"], tmp_path / "f.csv")
    assert done.exit_code == 2
    assert "shot_id 0001 is there 2 times with different content, for press p1, p2" in done.output


HEAD = "shot_id,press,mold_id,qc_rho_moulded"
SIMULATED = "shot_id,sim_rho_moulded\n0001,60\n0002,61\n"
AMBIGUOUS = {
    "two presses": (f"{HEAD}\n0001,p1,A,60\n0001,p2,A,80\n", SIMULATED),
    "two molds": (f"{HEAD}\n0001,p1,A,60\n0001,p1,B,80\n", SIMULATED),
    "the simulation twice": (f"{HEAD}\n0001,p1,A,60\n", SIMULATED + "0001,80\n"),
    "the counter begins anew": (
        "shot_id,press,poured_at,qc_rho_moulded\n0001,p1,2026-11-20T10:00:00Z,60\n"
        "0001,p1,2026-11-21T10:00:00Z,80\n", SIMULATED),
    "presses in the simulation alone": (
        "shot_id,qc_rho_moulded\n0001,60\n", "shot_id,press,sim_rho_moulded\n0001,p1,60\n0001,p2,80\n"),
    "molds in the simulation, presses measured": (
        f"{HEAD}\n0001,p1,A,60\n0001,p2,A,80\n", "shot_id,mold_id,sim_rho_moulded\n0001,A,60\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_number_that_two_shots_share_is_refused(name: str, tmp_path: Path) -> None:
    for file, text in zip(("measured.csv", "simulated.csv"), AMBIGUOUS[name], strict=True):
        (tmp_path / file).write_text(text)
    done, _ = features(tmp_path, tmp_path / "f.csv")
    assert done.exit_code == 2
    assert "shot_id 0001 is there 2 times with different content" in done.output


UNAMBIGUOUS = {
    "both say the press": (
        f"{HEAD}\n0001,p1,A,60\n0001,p2,A,80\n", "shot_id,press,sim_rho_moulded\n0001,p2,80\n0001,p1,60\n"),
    "both say the time": (
        "shot_id,press,poured_at,qc_rho_moulded\n0001,p1,2026-11-20T10:00:00Z,60\n0002,p1,2026-11-21T10:00:00Z,80\n",
        "shot_id,poured_at,sim_rho_moulded\n0002,2026-11-21T11:00:00+01:00,80\n0001,2026-11-20T10:00:00Z,60\n"),
    "the same line twice": (f"{HEAD}\n0001,p1,A,60\n0002,p1,A,80\n", "shot_id,sim_rho_moulded\n0001,60\n0001,60\n0002,80\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNAMBIGUOUS)
def test_a_number_is_joined_where_both_say_which(name: str, tmp_path: Path) -> None:
    for file, text in zip(("measured.csv", "simulated.csv"), UNAMBIGUOUS[name], strict=True):
        (tmp_path / file).write_text(text)
    done, table = features(tmp_path, tmp_path / "f.csv")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(table["qc_rho_moulded"], table["sim_rho_moulded"])
    assert len(table["shot_id"]) == 2


def test_a_column_without_any_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text(f"{HEAD}\n0001,p1,A,n.m.\n0002,p1,A,<5\n")
    (tmp_path / "simulated.csv").write_text(SIMULATED)
    done, table = features(tmp_path, tmp_path / "f.csv")
    assert done.exit_code == 3
    assert np.isnan(table["qc_rho_moulded"]).all()
    assert "column qc_rho_moulded of measured.csv: none of its cells is a value" in done.stderr


NEAR = {
    "qc_rho_molded": "is qc_rho_moulded meant", "QC rho moulded": "is qc_rho_moulded meant",
    "qc_rho_moulded [kg/m3]": "is qc_rho_moulded meant", "proc_T_mold_init_F": "another unit than proc_T_mold_init_C",
    "mould_id": "is mold_id meant", "Poured at": "is poured_at meant",
}  # fmt: skip


@pytest.mark.parametrize("name", NEAR)
def test_a_column_of_almost_a_known_name_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text(f"shot_id,{name}\n0001,60\n0002,61\n")
    (tmp_path / "simulated.csv").write_text(SIMULATED)
    done, _ = features(tmp_path, tmp_path / "f.csv")
    assert done.exit_code == 3
    assert f"measured.csv: column {name} is not used: {NEAR[name]}" in done.stderr


def test_rows_without_a_shot_are_no_shot(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text("shot_id,qc_rho_moulded\n0001,60\n0002,80\n,70\n")
    (tmp_path / "simulated.csv").write_text(SIMULATED + ",60.5\n")
    done, table = features(tmp_path, tmp_path / "f.csv")
    assert table["shot_id"].tolist() == ["0001", "0002"]
    assert "measured.csv: column shot_id: left out: row 3: no shot_id" in done.stderr
    assert "simulated.csv: column shot_id: left out: row 3: no shot_id" in done.stderr


def drift(
    tmp_path: Path, change: dict[int, str], of: str = "current.csv", column: int = 4
) -> Result:
    """Check of case 68 with other cells of a column (qc_rho_moulded) in some rows, -1 in all."""
    folder = CASES["68"]
    for name in ("baseline.csv", "current.csv"):
        rows = [line.split(",") for line in (folder / name).read_text().splitlines()]
        if name == of:
            for at, row in enumerate(rows[1:]):
                row[column] = change.get(at, change.get(-1, row[column]))
        (tmp_path / name).write_text("\n".join(map(",".join, rows)) + "\n")
    return run(
        "check-drift",
        "--baseline",
        tmp_path / "baseline.csv",
        "--current",
        tmp_path / "current.csv",
    )


@pytest.mark.parametrize(
    "cell", ["n.m.", "<5", "OL", "61;9", "#N/V", "-9999", "3276.7", "9.9E37", "x"]
)
def test_a_cell_of_drift_is_named_and_the_others_compared(cell: str, tmp_path: Path) -> None:
    done = drift(tmp_path, {3: cell, 7: "67"})
    assert done.exit_code == 2, done.output
    assert "column qc_rho_moulded: left out: " in done.output
    assert "ALERT   qc_rho_moulded" in done.output


@pytest.mark.parametrize("of", ["baseline.csv", "current.csv"])
def test_a_lost_column_is_no_part_of_an_ok(of: str, tmp_path: Path) -> None:
    done = drift(tmp_path, {-1: "n.m."}, of)
    assert done.exit_code == 3, done.output
    assert "column qc_rho_moulded" in done.stderr
    assert "OK: nothing" not in done.output.splitlines()[0][:10]


def test_a_column_without_any_value_is_named_with_the_reason(tmp_path: Path) -> None:
    done = drift(tmp_path, {-1: ""})
    words = "qc_rho_moulded - sim_rho_moulded: no values in the current table yet"
    assert words in " ".join(done.output.split())


def test_a_lost_column_does_not_hide_an_alert(tmp_path: Path) -> None:
    done = drift(tmp_path, {-1: "n.m."}, column=3)
    assert done.exit_code == 2, done.output
    assert "column proc_T_mold_init_C" in done.stderr


def test_a_renamed_column_is_no_part_of_an_ok(tmp_path: Path) -> None:
    for name in ("baseline.csv", "current.csv"):
        shutil.copy(CASES["68"] / name, tmp_path)
    current = tmp_path / "current.csv"
    current.write_text(current.read_text().replace("qc_rho_moulded", "qc_rho_molded"))
    done = run("check-drift", "--baseline", tmp_path / "baseline.csv", "--current", current)
    assert done.exit_code == 3
    assert "qc_rho_moulded (no numbers in current.csv)" in done.stderr


def test_training_names_the_cell(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "shot_id,poured_at,qc_rho_moulded\n1,2026-11-20T10:00:00Z,<5\n2,2026-11-20T11:00:00Z,60\n"
    )
    done = run("train-ml", "--features", table, "--out", tmp_path)
    assert done.exit_code == 2
    assert "t.csv: column qc_rho_moulded: left out: line 2: '<5' is no number" in done.stderr
    table.write_text("shot_id,qc_rho_moulded\n1,<5\n2,n.m.\n")
    done = run("train-ml", "--features", table, "--out", tmp_path)
    assert done.exit_code == 2
    assert "t.csv: column qc_rho_moulded: line 2: '<5' is no number, as all others" in done.stderr


@pytest.mark.parametrize("time", ["1763632800", "1763632800000", "3e8", "1e300", "389310"])
def test_a_time_that_would_fill_the_memory(time: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(f"time_s,T_core_C\n1,24\n{time},25\n")
    done = run("calibrate", "--series", tmp_path / "s.csv", *MEASURED)
    assert done.exit_code == 2
    assert f"s.csv: line 3, column time_s: {time}" in done.output


def test_two_quantities_in_a_series_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("time_s,T_core_C,p_total_bar\n1,24,1\n2,25,1\n")
    with pytest.raises(InputError, match="give each in a file of its own"):
        from_file(tmp_path / "s.csv", {}, print)


@pytest.mark.parametrize("column", ["qc_rho_moulded", "proc_m_total_kg", "meas_T_core_max_C"])
@pytest.mark.parametrize("cell", ["9999", "-9999", "9.9E37", "3276.7", "1e300"])
def test_numbers_that_stand_for_no_value_in_a_table(cell: str, column: str, tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text(f"shot_id,{column}\n0001,60\n0002,{cell}\n")
    (tmp_path / "simulated.csv").write_text(SIMULATED)
    done, table = features(tmp_path, tmp_path / "f.csv")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(table[column], [60.0, np.nan])
    assert f"measured.csv: column {column}: left out: row 2 (shot 0002): " in done.stderr


def test_a_column_in_kelvin_is_named(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text("shot_id,meas_T_core_max_C\n0001,393\n0002,399\n")
    (tmp_path / "simulated.csv").write_text(SIMULATED)
    done, _ = features(tmp_path, tmp_path / "f.csv")
    assert done.exit_code == 3
    assert "column meas_T_core_max_C of measured.csv" in done.stderr


@pytest.mark.parametrize("rows", ["", "5,30\n", "5,3276.7\n6,3276.7\n", "5,\n6,NaN\n"])
def test_too_few_readings_to_fit_to(rows: str, tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    shutil.copytree(CASES["20"], folder)
    (folder / "sensors_core_temp.csv").write_text("time_s,T_core_C\n" + rows)
    done = run("calibrate", "--measured", folder, *MEASURED)
    assert done.exit_code == 2
    assert f"{folder}: holds " in done.output
