"""``pur-mold-twin check-drift``: exit codes, words, reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.learning.tables import write_table
from twin_core.extras import how_to_install
from twin_core.learning import drift

SIX_MINUTES = np.timedelta64(360, "s")


def shots(first: int, rows: int, **shifts: float) -> dict[str, np.ndarray]:
    """A small feature set; ``shifts`` in standard deviations."""
    rng = np.random.default_rng(first)
    names = "proc_T_polyol_C proc_T_mold_C sim_T_core_max_C delta_T_core_max_C".split()
    table: dict[str, np.ndarray] = {
        "shot_id": np.array([f"L{first + i:05d}" for i in range(rows)]),
        "mold_id": np.full(rows, "PANEL_A"),
        "poured_at": np.datetime64("2026-01-01T00:00") + (first + np.arange(rows)) * SIX_MINUTES,
    }
    for name in names:
        table[name] = rng.normal(25.0, 1.0, rows) + shifts.get(name, 0.0)
    return table


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return written(tmp_path / "base.parquet", shots(0, 2_000))


def written(path: Path, table: dict[str, np.ndarray]) -> Path:
    write_table(path, table)
    return path


def run(exit_code: int, *arguments: object) -> Result:
    found = CliRunner().invoke(main, ["check-drift", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


def test_0_when_nothing_moved(base: Path, tmp_path: Path) -> None:
    now = written(tmp_path / "now.csv", shots(2_000, 200))
    out = run(0, "--baseline", base, "--current", now).stdout
    assert out.startswith("OK: nothing moved that matters; 4 columns of 200 shots.")
    assert "at most 1.0% alarm" in out


def test_1_for_a_warning(base: Path, tmp_path: Path) -> None:
    now = written(tmp_path / "now.parquet", shots(2_000, 2_000, proc_T_mold_C=0.38))
    out = run(1, "--baseline", base, "--current", now).stdout
    assert out.startswith("WARNING: inputs moved; 1 of 4 columns")


def test_2_for_an_alert_in_words_html_and_markdown(base: Path, tmp_path: Path) -> None:
    now = written(tmp_path / "now.parquet", shots(2_000, 200, delta_T_core_max_C=1.5))
    html, text = tmp_path / "drift.html", tmp_path / "drift.md"
    ask = ("--baseline", base, "--current", now, "--report", html, "--markdown", text)
    out = run(2, *ask).stdout
    assert out.startswith("ALERT: physics residual moved; 1 of 4 columns in 200 shots.")
    assert "ALERT   delta_T_core_max_C: mean" in out
    assert "since about " in out
    assert "recalibrate the physics" in out
    page, marked = html.read_text(), text.read_text()
    for words in ("ALERT: physics residual moved", "delta_T_core_max_C", "What moved", "1.5"):
        assert words in page
    assert "https://" not in page
    assert page.count("<img") == 4  # distribution, running mean, effects, p-values
    assert "# Drift: ALERT" in marked
    assert marked.count("data:image/png") == 4
    before = html.read_bytes()
    run(2, *ask)
    assert html.read_bytes() == before


def test_a_report_without_drift_says_so(base: Path, tmp_path: Path) -> None:
    now = written(tmp_path / "now.parquet", shots(2_000, 200))
    html = tmp_path / "drift.html"
    run(0, "--baseline", base, "--current", now, "--report", html)
    assert "OK: nothing moved that matters" in html.read_text()
    assert "What moved" not in html.read_text()


def test_a_report_on_what_is_missing_constant_or_not_there(tmp_path: Path) -> None:
    before, now = shots(0, 500), shots(500, 100)
    before |= {"meas_p_bar": np.ones(500), "proc_m_kg": np.full(500, 2.0)}
    now |= {"meas_p_bar": np.full(100, np.nan), "proc_m_kg": np.full(100, 2.5)}
    for table in (before, now):
        table["proc_x"] = np.full(len(table["shot_id"]), np.nan)
    files = written(tmp_path / "a.csv", before), written(tmp_path / "b.csv", now)
    html = tmp_path / "drift.html"
    out = run(2, "--baseline", files[0], "--current", files[1], "--report", html).stdout
    assert "missing in 0.0% of shots, now 100.0%" in out
    assert "not examined: proc_x" in out
    assert "no values in either table" in html.read_text()


def test_defects_and_model_errors_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    tables = []
    for rows, scatter, rate in ((1_000, 0.3, 0.02), (300, 0.9, 0.2)):
        rho = rng.normal(60.0, 2.0, rows)
        table = {"qc_rho_moulded": rho, "ml_rho_moulded": rho + rng.normal(0.0, scatter, rows)}
        tables.append(table | {"qc_any_defect": (rng.random(rows) < rate).astype(float)})
    files = [written(tmp_path / f"{i}.parquet", table) for i, table in enumerate(tables)]
    html = tmp_path / "drift.html"
    out = run(2, "--baseline", files[0], "--current", files[1], "--report", html).stdout
    assert "model error grew, quality results moved" in out
    assert "qc_any_defect: rate" in html.read_text()
    assert "no poured_at: the rows are taken to be in order of time" in out


def test_rows_are_put_in_order_of_time(base: Path, tmp_path: Path) -> None:
    now = shots(2_000, 200)
    now["proc_T_mold_C"] = now["proc_T_mold_C"] + np.where(np.arange(200) >= 120, 2.5, 0.0)
    mixed = np.random.default_rng(1).permutation(200)
    file = written(tmp_path / "now.parquet", {name: v[mixed] for name, v in now.items()})
    out = run(2, "--baseline", base, "--current", file).stdout
    since = out.split("since about shot L")[1][:5]
    assert abs(int(since) - 2_120) <= 4


def test_json(base: Path, tmp_path: Path) -> None:
    now = written(tmp_path / "now.parquet", shots(2_000, 200, proc_T_mold_C=2.0))
    out = run(2, "--baseline", base, "--current", now, "--output", "json").stdout
    data: dict[str, Any] = json.loads(out)
    assert (data["level"], data["kinds"]) == ("ALERT", ["inputs moved"])
    assert data["columns"][0]["name"] == "proc_T_mold_C"
    assert data["columns"][0]["shift"] == pytest.approx(2.0, abs=0.3)
    assert data["columns"][0]["tests"][0]["p_adjusted"] < 1e-6


def test_columns_and_thresholds(base: Path, tmp_path: Path) -> None:
    now = written(tmp_path / "now.parquet", shots(2_000, 200, proc_T_mold_C=1.0))
    ask = ("--baseline", base, "--current", now)
    run(2, *ask)
    assert "2 columns" in run(0, *ask, "--columns", "sim_*", "--columns", "delta_*").stdout
    run(0, *ask, "--warn-threshold", 3, "--alert-threshold", 4)


def test_new_molds_are_named(base: Path, tmp_path: Path) -> None:
    now = shots(2_000, 200)
    now["mold_id"] = np.repeat(["PANEL_A", "PANEL_B"], 100)
    file = written(tmp_path / "now.parquet", now)
    out = run(0, "--baseline", base, "--current", file).stdout
    assert "mold_id not in the baseline: PANEL_B (50% of the shots)" in out


def test_what_does_not_fit_together_is_noted(base: Path, tmp_path: Path) -> None:
    now = shots(0, 200)
    now["meas_new_C"] = np.zeros(200)
    del now["proc_T_mold_C"]
    file = written(tmp_path / "now.parquet", now)
    found = run(3, "--baseline", base, "--current", file)
    assert "column proc_T_mold_C (no numbers in now.parquet) was not compared" in found.stderr
    out = found.stdout
    assert out.startswith("no verdict: 1 columns were not compared. Of the others: OK")
    assert "200 shots are in both tables: they hide what moved" in out
    assert "numbers only in the baseline table, not compared: proc_T_mold_C" in out
    assert "numbers only in the current table, not compared: meas_new_C" in out


# ---- 3: no verdict


def test_3_for_files_that_cannot_be_used(base: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.csv", {"something": np.arange(100.0)})
    few = written(tmp_path / "few.csv", shots(0, 20))
    (tmp_path / "bad.parquet").write_text("words")
    cases = {
        "no.parquet": "no.parquet: there is no such file: check the path",
        "bad.parquet": "bad.parquet: cannot be read as parquet",
        "few.csv": f"{few}: 20 rows are too few for a verdict: give at least 30",
        "other.csv": f"{other}: no column of numbers in common with {base}",
        "shots.xlsx": "a table ends in .parquet or .csv",
    }
    for name, words in cases.items():
        error = run(3, "--baseline", base, "--current", tmp_path / name).stderr
        assert words in error
        assert ("hint: give feature sets" in error) == (name == "bad.parquet")


def test_3_for_wrong_options(base: Path, tmp_path: Path) -> None:
    ask = ("--baseline", base, "--current", base)
    assert "Missing option '--current'" in run(3, "--baseline", base).stderr
    assert "No such option" in run(3, *ask, "--nonsense").stderr
    assert "not a valid float" in run(3, *ask, "--warn-threshold", "much").stderr
    assert "thresholds" in run(3, *ask, "--warn-threshold", 0.5).stderr
    assert "no column of numbers" in run(3, *ask, "--columns", "nothing_*").stderr
    assert "ends in .html or .md" in run(3, *ask, "--report", tmp_path / "drift.pdf").stderr
    (tmp_path / "no").touch()
    there = tmp_path / "no" / "drift.html"
    assert f"{there}: cannot be written" in run(3, *ask, "--report", there).stderr


def test_3_when_the_check_itself_fails(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(drift, "check", fails)
    assert "planted" in run(3, "--baseline", base, "--current", base).stderr


def test_3_without_pyarrow_and_the_extra_is_named(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = run(3, "--baseline", base, "--current", base).stderr
    assert how_to_install("learn") in error


def test_help_has_the_exit_codes_and_an_example() -> None:
    out = run(0, "--help").stdout
    assert "0 OK, 1 WARNING, 2 ALERT" in out
    assert "check-drift --baseline before.parquet" in out
