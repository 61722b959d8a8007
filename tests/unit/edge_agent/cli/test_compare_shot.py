"""``pur-mold-twin compare-shot``: bundle or history, one system or two, table, JSON, report."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_agent.calibration.system_file import as_yaml
from edge_agent.cli import main
from edge_agent.config import parameter_set_store as store
from tests.support.parameter_sets import MOLD, made_set, small_catalogue, written
from tests.support.scenarios import CONFIGS, catalogue
from tests.support.shots import rows_of, write_history
from twin_core import load_mold

PANEL = CONFIGS / "bundles" / "simulated_panel"
R11 = CONFIGS / "bundles" / "baser_khakhar_1994_r11"


def compare(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, ["compare-shot", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    """A version 3 of SYSTEM_R1 that reacts a little slower."""
    system = catalogue()["SYSTEM_R1"]
    slow = system.with_numbers({"gelling.A": 0.95 * system.gelling.A.value})
    file = tmp_path / "SYSTEM_R1-v3.yaml"
    file.write_text(as_yaml(slow.model_copy(update={"version": 3})))
    return file


def test_a_measured_cup_beside_the_catalogue() -> None:
    found = compare(R11)
    assert "BK1994-R11-L0155 (measured) beside R11_BASER_KHAKHAR_1994 v1" in found.stdout
    assert "core temperature: RMSE 10.6 K" in found.stdout
    assert all(len(line) <= 80 for line in found.stdout.splitlines())


def test_before_and_after_as_json(slower: Path) -> None:
    found = json.loads(compare(PANEL, "--system-after", slower, "--output", "json").stdout)
    assert [found["systems"][name]["version"] for name in ("before", "after")] == [2, 3]
    assert [one["path"] for one in found["changed"]] == ["gelling.A"]
    core = found["series"][0]
    for label in ("before", "after"):
        off = np.array(core[f"residual_{label}"])
        simulated, measured = np.array(core[f"simulated_{label}"]), np.array(core["measured"])
        assert off == pytest.approx(simulated - measured)
        assert core[label]["rmse"] == pytest.approx(float(np.sqrt(np.mean(off**2))))
    rmse = [core[label]["rmse"] for label in ("before", "after")]
    assert core["rmse_change_pct"] == pytest.approx(100.0 * (rmse[1] / rmse[0] - 1.0))
    assert {one["name"] for one in found["part"]} >= {"rho_moulded_kg_per_m3", "H_24h_shore"}
    assert found["shot"]["simulated"] is True


def test_before_and_after_as_table(slower: Path) -> None:
    text = compare(PANEL, "--system-after", slower).stdout
    assert "SIMULATED-PANEL-1 (logged, simulated) beside SYSTEM_R1 v2, then SYSTEM_R1 v3" in text
    assert "gelling.A" in text
    assert "core temperature: closer: RMSE" in text or "core temperature: farther: RMSE" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_versions_by_number(slower: Path) -> None:
    folder = slower.parent
    (folder / "SYSTEM_R1.yaml").write_bytes((CONFIGS / "systems" / "SYSTEM_R1.yaml").read_bytes())
    text = compare(PANEL, "--systems", folder, "--system-before", 3, "--system-after", 2).stdout
    assert "beside SYSTEM_R1 v3, then SYSTEM_R1 v2" in text


@pytest.mark.parametrize("suffix", [".html", ".md"])
def test_a_report_has_curves_residuals_and_what_was_changed(
    slower: Path, tmp_path: Path, suffix: str
) -> None:
    report = tmp_path / f"out{suffix}"
    compare(PANEL, "--system-after", slower, "--report", report)
    text = report.read_text(encoding="utf-8")
    for words in (
        "Comparison: SIMULATED-PANEL-1", "Residuals of the core temperature",
        "What the calibration changed", "logged, simulated", "version 3",
    ):  # fmt: skip
        assert words in text.replace("\\", "")


def test_a_scenario_in_place_of_the_recipe_is_said() -> None:
    text = compare(R11, "-s", "baser_khakhar_1994_r11").stdout
    assert "its recipe and mold are simulated" in text


@pytest.fixture
def history(tmp_path: Path) -> Path:
    rows = [*rows_of(1), *rows_of(2), *rows_of(3, recipe=None), *rows_of(4, mold="NO_SUCH")]
    return asyncio.run(write_history(tmp_path / "history.db", rows))


def test_a_shot_of_the_history_by_id_and_by_key(history: Path) -> None:
    by_id = json.loads(compare("S1", "--history", history, "--output", "json").stdout)
    assert by_id["shot"]["shot_id"] == "S1"
    core = next(series for series in by_id["series"] if series["sensor"] == "T_core_C")
    assert core["time_s"] == [float(t) for t in range(5, 300, 15)]
    assert {"name": "rho_moulded_kg_per_m3", "measured": 71.0}.items() <= by_id["part"][0].items()
    key = by_id["shot"]["shot_key"]
    by_key = json.loads(compare(key, "--history", history, "--output", "json").stdout)
    assert by_key == by_id


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["S9"], 2, "S9: no folder of a log bundle, and no shot_id or shot_key in"),
        (["S3"], 2, "no recipe is stored: give --scenario FILE"),
        (["S4"], 2, "mold_id 'NO_SUCH' is not in the catalogue"),
        (["S1", "--system-after", "9"], 2, "no version 9 of SYSTEM_R1"),
        (["S1", "--system-after", "OTHER"], 2, "no file, no version of SYSTEM_R1, no system of"),
        (["S1", "--report", "a.pdf"], 2, "a report ends in .html or .md"),
        ([str(CONFIGS / "bundles")], 2, "holds 2 shots"),
    ],
)
def test_what_is_refused(history: Path, arguments: list[str], exit_code: int, words: str) -> None:
    found = compare(*arguments, "--history", history, exit_code=exit_code)
    assert words in found.stderr


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    found = compare("S1", "--history", tmp_path / "none.db", exit_code=1)
    assert "S1: no folder of a log bundle; as a shot of the history:" in found.stderr


def test_before_and_after_a_parameter_set(tmp_path: Path) -> None:
    folders = small_catalogue(tmp_path, MOLD)
    written(tmp_path / "parameter_sets", made_set(0.95, {MOLD: {"T_core_offset_C": 2.0}}))
    config = tmp_path / "agent.yaml"
    settings = {"site": "s", "agent_id": "a", "presses": ["p1"], "catalogue": folders}
    config.write_text(json.dumps(settings))
    options = ("-c", config, "--parameters-after", "SYSTEM_R1-c1")
    text = compare(PANEL, *options).stdout
    assert "beside SYSTEM_R1 v2, then SYSTEM_R1-c1" in text
    assert "PANEL_A.T_core_offset_C" in text
    found = json.loads(compare(PANEL, *options, "--output", "json").stdout)
    assert [found["systems"][name]["parameter_set"] for name in ("before", "after")] == [
        None,
        "SYSTEM_R1-c1",
    ]
    assert [one["path"] for one in found["changed"]] == ["gelling.A", "PANEL_A.T_core_offset_C"]
    core = next(one for one in found["series"] if one["sensor"] == "T_core_C")
    simulated = [core[f"simulated_{name}"][0] for name in ("before", "after")]
    assert simulated[1] == pytest.approx(simulated[0] - 2.0, abs=0.3), "just poured"
    assert (
        "no parameter set 7 of SYSTEM_R1"
        in compare(*(PANEL, "-c", config, "--parameters-after", 7), exit_code=2).stderr
    )
    assert (
        "give SYSTEM_R1-c1, its number, or none"
        in compare(*(PANEL, "-c", config, "--parameters-after", "X-c1"), exit_code=2).stderr
    )
    store.promote(
        tmp_path / "parameter_sets",
        "SYSTEM_R1",
        1,
        catalogue(),
        {MOLD: load_mold(CONFIGS / "molds" / f"{MOLD}.yaml")},
    )
    assert "beside SYSTEM_R1-c1" in compare(PANEL, "-c", config).stdout
    said = compare(PANEL, "-c", config, "--parameters-before", "none").stdout
    assert "beside SYSTEM_R1 v2" in said
