"""``pur-mold-twin run-sim``: what it prints, writes, refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli.run_sim import command
from edge_agent.report.operator import operator_answer
from edge_agent.report.shot_tables import interval_words
from tests.support.scenarios import CONFIGS, SCENARIO_FILES, run
from twin_core import load_scenario
from twin_core.results.result import CSV_COLUMNS, SERIES
from twin_core.window_interval import window_interval

PANEL = str(CONFIGS / "scenarios" / "panel_packed.yaml")
CUP = str(CONFIGS / "scenarios" / "cup_25C_system_r1.yaml")
USE_CASE_1 = str(CONFIGS / "scenarios" / "use_case_1.yaml")

KPI_ROWS = """quality_status pressure_status t_demold_min_s t_demold_opt_s t_demold_max_s p_max
    rho_moulded H_demold H_24h defect_risk"""


def run_sim(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output + repr(result.exception)
    return result


def test_table_has_the_kpi_rows_and_fits_80_columns() -> None:
    for file in SCENARIO_FILES:
        text = run_sim("-s", file).stdout
        rows = [line.split()[0] for line in text.splitlines() if line.strip()]
        cup = load_scenario(file).mold.open  # it is not opened: peak and rise instead
        for name in KPI_ROWS.split():
            assert (name in rows) != (cup and name.startswith("t_demold"))
        assert ("t_rise_s" in rows) == cup
        assert max(len(line) for line in text.splitlines()) <= 80
        assert "Audit: species within" in text


def test_table_says_what_binds_and_what_is_wrong() -> None:
    text = " ".join(run_sim("-s", USE_CASE_1).stdout.split())
    assert (
        "Demold window: opened by hardness (40 Shore A, proxy), ended by the longest cycle (1800 s)"
    ) in text
    assert "Swell until cold: " in text
    assert (
        "INDEX_MISMATCH: the masses give another isocyanate index than was declared "
        "(declared_ratio 1.05, from_masses_ratio 1.263)"
    ) in text
    assumed = len(run("use_case_1").scenario.system.assumed())
    assert f"Parameters: {assumed} of " in text


def test_json_is_alone_on_stdout_and_complete() -> None:
    result = run_sim("--scenario", PANEL, "--output", "json")
    assert result.stderr == ""
    found = json.loads(result.stdout, parse_constant=pytest.fail)
    interval = window_interval(run("panel_packed"))
    assert interval is not None
    expected = run("panel_packed").as_dict() | {"demold_interval": interval.as_dict()}
    assert found == json.loads(json.dumps(expected))
    for name in SERIES:
        assert len(found[name]) == len(found["time_s"])


def test_saved_json_is_the_printed_one(tmp_path: Path) -> None:
    file = tmp_path / "shot.json"
    printed = run_sim("-s", PANEL, "--output", "json", "--save-json", file)
    assert file.read_text() == printed.stdout


def test_csv_has_the_first_generations_header(tmp_path: Path) -> None:
    file = tmp_path / "shot.csv"
    run_sim("-s", PANEL, "--export-csv", file)
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows[0] == CSV_COLUMNS
    result = run("panel_packed")
    assert len(rows) == len(result.time_s) + 1
    last = dict(zip(rows[0], map(float, rows[-1]), strict=True))
    for name in CSV_COLUMNS:  # ten digits are written
        assert last[name] == pytest.approx(getattr(result, name)[-1], rel=1e-9)


def test_another_system_and_another_catalogue(tmp_path: Path) -> None:
    text = run_sim("-s", PANEL, "-y", "SYSTEM_M1", "--output", "json").stdout
    assert json.loads(text)["system_id"] == "SYSTEM_M1"
    single = CONFIGS / "systems" / "SYSTEM_R1.yaml"
    run_sim("-s", PANEL, "-c", single)
    error = run_sim("-s", PANEL, "-c", single, "-y", "SYSTEM_M1", exit_code=2).stderr
    assert error.startswith(f"error: {PANEL}: system_id: no system 'SYSTEM_M1' in ")


def test_quality_file_overrides_field_by_field(tmp_path: Path) -> None:
    quality = tmp_path / "quality.yaml"
    quality.write_text("rho_moulded_max: 90\ncore_temp_max_C: 150\nH_demold_min_shore: 10\n")
    found = json.loads(run_sim("-s", USE_CASE_1, "-q", quality, "--output", "json").stdout)
    assert [d["code"] for d in found["diagnostics"]] == [
        "INDEX_MISMATCH",
        "SHEET_CONTRADICTS_ITSELF",
        "SHORT_SHOT",
    ]
    assert found["quality_status"] == "FAIL"
    assert "hardness_24h" in found["risks"]  # kept from the scenario
    quality.write_text("hardness: 10\n")
    error = run_sim("-s", USE_CASE_1, "-q", quality, exit_code=2).stderr
    assert (
        error == f"error: {quality}: hardness: unknown field: correct its spelling or remove it\n"
    )


def test_operator_gets_a_plain_answer() -> None:
    text = run_sim("-s", PANEL, "--mode", "operator").stdout
    result = run("panel_packed")
    assert text.splitlines() == operator_answer(result, interval=window_interval(result))
    assert "Not sure: between" in text
    assert (
        f"for {len(result.scenario.system.assumed())} numbers of the material are assumed" in text
    )


def test_a_cup_has_no_interval() -> None:
    cup = ("-s", CUP)
    assert json.loads(run_sim(*cup, "--output", "json").stdout)["demold_interval"] is None
    assert "Not sure" not in run_sim(*cup, "--mode", "operator").stdout
    assert "Interval" not in run_sim(*cup).stdout


def test_the_table_names_the_interval_and_what_moves_it() -> None:
    text = " ".join(run_sim("-s", PANEL).stdout.split())
    interval = window_interval(run("panel_packed"))
    assert interval is not None
    assert interval_words(interval) in text
    assert f"of {interval.assumed_count} assumed" in text


@pytest.mark.parametrize("option", ["--save-json", "--export-csv"])
def test_files_that_cannot_be_written(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").touch()
    for file in (tmp_path / "file" / "folder" / "x", tmp_path):
        error = run_sim("-s", PANEL, option, file, exit_code=2).stderr
        assert error.startswith(f"error: {file}: cannot be written: ")


def test_input_errors_end_with_2(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    result = run_sim("-s", missing, exit_code=2)
    assert result.stderr.startswith(f"error: {missing}: no such file\nhint: correct the path")
    assert result.stdout == ""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(Path(PANEL).read_text().replace("m_iso_kg: 0.53", "m_iso_kg: -1\n  speed: 2"))
    lines = run_sim("-s", wrong, exit_code=2).stderr.splitlines()
    assert [line.startswith(f"error: {wrong}: process.") for line in lines] == [True, True]
    assert "must be one of: " in run_sim("-s", PANEL, "--backend", "euler", exit_code=2).stderr
    assert "Missing option" in run_sim(exit_code=2).stderr


def test_solver_errors_end_with_1(tmp_path: Path) -> None:
    scarce = tmp_path / "scarce.yaml"
    text = Path(PANEL).read_text().replace("t_end_s: 900", "t_end_s: 900, max_evaluations: 100")
    scarce.write_text(text)
    result = run_sim("-s", scarce, exit_code=1)
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first.startswith(f"error: {scarce}: more than the allowed 100 evaluations")
    assert second.startswith("hint: ")


def test_help_shows_an_example_on_lines_of_its_own() -> None:
    text = run_sim("--help").stdout
    assert "\n    pur-mold-twin run-sim --scenario rigid_panel\n" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    for option in (parameter.opts[-1] for parameter in command.params):
        assert option in text


def test_an_opening_says_what_it_does_not_meet() -> None:
    """A little swell alone sounds like leave to open."""
    why = "the skin still sticks to the mold; the foam is still too soft."
    early = ("-s", PANEL, "--demold-at", "200")
    plain = run_sim(*early, "--mode", "operator").stdout
    assert f"Do not open at 3 min 20 s: {why}" in plain.splitlines()
    assert "not met at 200 s: skin, hardness" in " ".join(run_sim(*early).stdout.split())
    found = json.loads(run_sim(*early, "--output", "json").stdout)
    assert found["opening"]["unmet"] == ["skin", "hardness"]
    torn = run_sim("-s", PANEL, "--demold-at", "90", "--mode", "operator").stdout
    assert "the foam could be torn by its inner pressure" in torn
    for t in (found["t_demold_min_s"], found["t_demold_opt_s"], found["t_demold_max_s"]):
        good = ("-s", PANEL, "--demold-at", str(t))
        assert "Do not open" not in run_sim(*good, "--mode", "operator").stdout
        assert "not met" not in run_sim(*good).stdout


def test_an_opening_is_followed() -> None:
    text = " ".join(run_sim("-s", PANEL, "--demold-at", "200").stdout.split())
    assert "Opened at 200 s: swells by 0." in text
    found = json.loads(run_sim("-s", PANEL, "--demold-at", "200", "--output", "json").stdout)
    opening = found["opening"]
    assert opening["opened_s"] == 200.0
    assert opening["swell_mm"] == pytest.approx(opening["swell_ratio"] * 50.0)
    plain = run_sim("-s", PANEL, "--demold-at", "200", "--mode", "operator").stdout
    assert "Opened at 3 min 20 s it would swell by 0." in plain
    error = run_sim("-s", PANEL, "--demold-at", "20", exit_code=2).stderr
    assert error.startswith("error: the foam gels at ")
    cup = CONFIGS / "scenarios" / "cup_25C_system_r1.yaml"
    assert "no mold to open" in run_sim("-s", cup, "--demold-at", "200", exit_code=2).stderr


@pytest.mark.parametrize("option", [["--demold-at", "300"], ["--with-ml"], ["--backend", "manual"]])
def test_an_option_of_one_shot_is_refused_beside_samples(option: list[str]) -> None:
    told = run_sim("-s", USE_CASE_1, "--samples", "3", *option, exit_code=2).stderr
    assert f"{option[0]}: of one shot" in told


def test_what_varies_needs_samples() -> None:
    assert (
        "add --samples"
        in run_sim("-s", USE_CASE_1, "--vary", "mold.wall_T_C=1", exit_code=2).stderr
    )
