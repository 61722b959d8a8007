"""Kind 10: tables. Their names say what columns hold; a cell that is not that is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from edge_agent.learning.tables import Columns, write_table
from tests.support.feature_sets import feature_set
from tests.support.file_commands import CASES, features, run
from twin_core.learning.columns import TARGETS

HEAD = "shot_id,press,mold_id,qc_rho_moulded"
SIMULATED = "shot_id,sim_rho_moulded\n0001,60\n0002,61\n"
POURED = "shot_id,poured_at,qc_rho_moulded"
TABLES: dict[str, tuple[str, str, int, str]] = {
    "German dates": (
        f"{POURED}\n0001,20.11.2026 10:00,60\n0002,20.11.2026 10:05,61\n", SIMULATED, 2, "is no time: write 2026-01-31T12:00:00Z",
    ),
    "times of a spreadsheet without a zone": (
        f"{POURED}\n0001,2026-11-20 10:00:00,60\n", SIMULATED, 2, "has no zone: write 2026-11-20T10:00:00Z if it is UTC",
    ),
    "milliseconds since 1970": (
        f"{POURED}\n0001,1795168800000,60\n0002,1795169100000,61\n", SIMULATED, 0, "2 rows",
    ),
    "one German date among times": (
        f"{POURED}\n0001,2026-11-20T10:00:00Z,60\n0002,20.11.2026 10:05,61\n", SIMULATED, 0, "column poured_at: left out: line 3",
    ),
    "ids that a spreadsheet has shortened": (
        "shot_id,qc_rho_moulded\n2.02611E+16,60\n", SIMULATED, 2, "column shot_id: 2.02611E+16: a spreadsheet",
    ),
    "flags in German": (
        "shot_id,qc_any_defect\n0001,ja\n0002,nein\n", SIMULATED, 0, "2 rows",
    ),
    "a flag that is neither": (
        "shot_id,qc_any_defect\n0001,ja\n0002,i.O.\n", SIMULATED, 0, "'i.O.' is neither yes nor no",
    ),
    "a mean at the end": ("shot_id,qc_rho_moulded\n0001,60\n0002,61\n,60.5\n", SIMULATED, 0, "row 3: no shot_id"),
    "decimal commas": ("shot_id;qc_rho_moulded\n0001;60,5\n0002;61,5\n", SIMULATED, 0, "2 rows"),
    "one decimal comma among points": ("shot_id;qc_rho_moulded\n0001;60.5\n0002;61,5\n", SIMULATED, 0, "'61,5' is no number"),
    "a density in g/cm³ in the row of units": (
        "shot_id;qc_rho_moulded\n-;g/cm3\n0001;0,06\n", SIMULATED, 2, "the unit is 'g/cm3'",
    ),
    "a column twice": ("shot_id,qc_rho_moulded,qc_rho_moulded\n0001,60,61\n", SIMULATED, 2, "qc_rho_moulded stands 2 times"),
    "a row that was cut": ("shot_id,press,qc_rho_moulded\n0001,p1,60\n0002,p1\n", SIMULATED, 2, "line 3: has 2 cells"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_a_plant(name: str, tmp_path: Path) -> None:
    measured, simulated, exit_code, words = TABLES[name]
    (tmp_path / "measured.csv").write_text(measured)
    (tmp_path / "simulated.csv").write_text(simulated)
    done, _ = features(tmp_path, tmp_path / "f.csv")
    assert (done.exit_code, words in done.output) == (exit_code, True), done.output


def test_leading_zeros_are_part_of_an_id(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text("shot_id,qc_rho_moulded\n1,70\n0002,61\n")
    (tmp_path / "simulated.csv").write_text(SIMULATED)
    done, table = features(tmp_path, tmp_path / "f.csv")
    assert dict(zip(table["shot_id"], table["sim_rho_moulded"], strict=True)) == {"0002": 61.0}
    assert "1 (not in simulated.csv)" in done.output


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
    "mould_id": "is mold_id meant", "Poured at": "is poured_at meant", "rho_moulded": "is qc_rho_moulded meant",
    "T_core_max_C": "is meas_T_core_max_C meant",
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


@pytest.mark.parametrize(
    "cell", ["<5", "n.m.", "OL", "61;9", "#N/V", "~60", "60?", "62 kg/m3", "1_00", "x"]
)
def test_training_names_the_cell(cell: str, tmp_path: Path) -> None:
    table, head = tmp_path / "t.csv", "shot_id,poured_at,qc_rho_moulded\n"
    table.write_text(f"{head}1,2026-11-20T10:00:00Z,{cell}\n2,2026-11-20T11:00:00Z,60\n")
    done = run("train-ml", "--features", table, "--out", tmp_path)
    assert done.exit_code == 2
    assert f"t.csv: column qc_rho_moulded: left out: line 2: {cell!r} is no number" in done.stderr
    table.write_text(f"shot_id,qc_rho_moulded\n1,{cell}\n2,n.m.\n")
    done = run("train-ml", "--features", table, "--out", tmp_path)
    assert done.exit_code == 2
    words = f"t.csv: column qc_rho_moulded: line 2: {cell!r} is no number, as all others"
    assert words in done.stderr


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


def test_files_that_were_exchanged_are_refused(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text(SIMULATED)
    (tmp_path / "simulated.csv").write_text("shot_id,qc_rho_moulded\n0001,60\n0002,61\n")
    done, table = features(tmp_path, tmp_path / "f.csv")
    assert (done.exit_code, table) == (2, {})
    assert "are they exchanged?" in done.stderr


def written(path: Path, columns: Columns, rows: list[int]) -> Path:
    write_table(path, {name: values[rows] for name, values in columns.items()})
    return path


def test_shots_that_stand_there_again_count_once_or_are_refused(tmp_path: Path) -> None:
    """As where exports of two months overlap, or a file is given twice."""
    columns = {name: np.array(values) for name, values in feature_set(40).items()}
    columns = {n: v.astype(np.str_) if v.dtype == object else v for n, v in columns.items()}
    once = written(tmp_path / "once.csv", columns, [*range(40)])
    twice = written(tmp_path / "twice.csv", columns, [*range(40), *range(12)])
    done = run("check-drift", "--baseline", once, "--current", twice)
    assert "twice.csv: 12 rows stand there again; each counts once" in done.stdout
    assert "columns of 40 shots" in done.stdout
    for name in (*(target.measured for target in TARGETS.values()), "qc_any_defect"):
        columns[name][:] = np.nan  # nothing to learn: it ends at once
    once = written(tmp_path / "once.csv", columns, [*range(40)])
    twice = written(tmp_path / "twice.csv", columns, [*range(40), *range(12)])
    done = run("train-ml", "--features", twice, "--unseen", once, "--out", tmp_path)
    assert "12 rows of the feature sets stand there again; each counts once" in done.stderr
    assert "once.csv: 40 shots are in the feature sets, too: they are not unseen" in done.stderr
    columns["qc_H_24h"] = columns["qc_H_24h"] + 1.0
    other = written(tmp_path / "other.csv", columns, [*range(12)])
    done = run("train-ml", "--features", once, "--features", other, "--out", tmp_path)
    assert done.exit_code == 2
    assert "is there twice with different content" in done.stderr


def test_shots_without_a_time_are_named_in_a_check_of_drift(tmp_path: Path) -> None:
    columns = {name: np.array(values) for name, values in feature_set(40).items()}
    columns = {n: v.astype(np.str_) if v.dtype == object else v for n, v in columns.items()}
    once = written(tmp_path / "once.csv", columns, [*range(40)])
    columns["poured_at"][:5] = np.datetime64("NaT")
    some = written(tmp_path / "some.csv", columns, [*range(40)])
    done = run("check-drift", "--baseline", once, "--current", some)
    assert "5 shots of the current table have no poured_at" in done.stdout
    columns["poured_at"][:] = np.datetime64("NaT")
    none = written(tmp_path / "none.csv", columns, [*range(40)])
    done = run("check-drift", "--baseline", once, "--current", none)
    assert "no poured_at: the rows are taken to be in order of time" in done.stdout
