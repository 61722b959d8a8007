"""Inputs that went wrong, through the commands that read them: tests/cases says what is right."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_agent.learning.tables import read_table
from edge_agent.logged_shots.measured_series import from_folder
from tests.support.file_commands import (
    CASES,
    MEASURED,
    closed_port,
    features,
    refused_by_all,
    run,
)

READ = {"20": 37, "22": 37, "25": 35, "39": 37}
"""Bundles that are read, and how many readings they have."""
REFUSED = {
    "28": ("sensors_core_temp.csv", "line 1", "T_core_C stands 2 times", "rename one"),
    "31": ("sensors_core_temp.csv", "line 39", "time_s"),
    "33": ("sensors_core_temp.csv", "time_s", "h after the pour", "milliseconds?"),
    "40": ("qc.yaml", "rho_moulded", "62,1", "H_demold", "38 Shore"),
    "71": ("mould_id", "mold_id", "T_mould_init_C", "T_mold_init_C"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_all_three_commands_alike(case: str, tmp_path: Path) -> None:
    refused_by_all(CASES[case], tmp_path / "f.csv", *REFUSED[case])


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
