"""The shipped examples look right, and presets of quality are found by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.scenarios import run
from twin_core.files import load_quality, load_scenario
from twin_core.shipped_files import configs_folder

EXAMPLES = ("rigid_panel", "refrigerator_wall", "thick_block", "integral_skin")


def twin(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, [*map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_contradicts_nothing(name: str) -> None:
    result = run(name)
    assert result.quality_status == "OK"
    assert result.diagnostics == []
    assert result.t_demold_min_s is not None
    assert result.scenario.quality == load_quality(Path(name))
    declared = result.scenario.process.nco_oh_index
    assert declared is not None
    assert result.kpis.nco_oh_index == pytest.approx(declared, rel=0.01)


def test_they_are_what_they_are_called() -> None:
    wall, block = run("refrigerator_wall").scenario, run("thick_block").scenario
    agent = wall.system.blowing_agent
    assert agent is not None
    assert agent.agent == "cyclopentane"
    assert wall.mold.thickness_m == 0.06
    assert block.mold.thickness_m == 0.1
    assert block.system == run("rigid_panel").scenario.system
    thin, thick = run("rigid_panel").t_demold_min_s, run("thick_block").t_demold_min_s
    assert thin is not None
    assert thick is not None
    assert thick > thin


def test_a_preset_by_name_on_the_command_line() -> None:
    ask = ("run-sim", "-s", "panel_packed", "--dimension", "0d", "--output", "json")
    own = json.loads(twin(*ask).stdout)
    with_preset = json.loads(twin(*ask, "--quality", "rigid_panel").stdout)
    assert own["quality_status"] == "OK"
    assert with_preset["quality_status"] == "FAIL"  # 82 kg/m3 is no panel of 38 to 48
    assert "DENSITY_HIGH" in {d["code"] for d in with_preset["diagnostics"]}
    error = twin(*ask, "--quality", "rigid_panle", exit_code=2).stderr
    assert "rigid_panle: no such file" in error
    assert "refrigerator_wall, rigid_panel" in error


def test_a_preset_in_a_sweep() -> None:
    ask = ("sweep", "-s", "panel_packed", "--samples", "4", "--output", "json")
    own, with_preset = (
        json.loads(twin(*ask, *more).stdout)["quality_status"]
        for more in ((), ("-q", "rigid_panel"))
    )
    assert own != with_preset


def test_a_preset_in_a_scenario_file(tmp_path: Path) -> None:
    text = (configs_folder() / "scenarios" / "rigid_panel.yaml").read_text()
    file = tmp_path / "shot.yaml"
    file.write_text(text)
    assert load_scenario(file).quality == load_quality(Path("rigid_panel"))
    file.write_text(text.replace("quality: rigid_panel", "quality: pannel"))
    error = twin("run-sim", "-s", file, exit_code=2).stderr
    assert "quality: no preset 'pannel'" in error
    assert "rigid_panel" in error


def test_presets_are_listed() -> None:
    rows = {
        row["quality"]: row
        for row in json.loads(twin("list", "quality", "--output", "json").stdout)
    }
    files = {file.stem for file in (configs_folder() / "quality").glob("*.yaml")}
    assert rows.keys() == files == set(EXAMPLES)
    assert "swell_max_mm 1" in rows["refrigerator_wall"]["asks_for"]
    assert "T_wall_max_C (not applied)" in rows["refrigerator_wall"]["lacks"]
    printed = twin("list", "quality").stdout
    assert max(len(line) for line in printed.splitlines()) <= 80
    assert "asks for" in printed
