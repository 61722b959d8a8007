"""``pur-mold-twin list``: every system, mold and scenario, and what each lacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from twin_core.shipped_files import configs_folder
from twin_core.system_versions import load_sheets, load_systems


def run(*arguments: object, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["list", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


def rows(*arguments: object, exit_code: int = 0) -> dict[str, dict[str, object]]:
    found = json.loads(run(*arguments, "--output", "json", exit_code=exit_code).stdout)
    return {str(next(iter(row.values()))): row for row in found}


def test_every_system_says_what_it_lacks() -> None:
    folder = configs_folder() / "systems"
    found = rows("systems")
    systems, sheets = load_systems(folder), load_sheets(folder)
    assert found.keys() == systems.keys() | sheets.keys()
    for system_id, system in systems.items():
        assert found[system_id]["assumed"] == system.assumed()
        assert found[system_id]["simulated"] is True
    for system_id, sheet in sheets.items():
        assert found[system_id]["missing"] == [path for path, _ in sheet.missing()]
        assert "calibration: " in str(found[system_id]["lacks"])


def test_molds(tmp_path: Path) -> None:
    (tmp_path / "BARE.yaml").write_text("cavity_volume_m3: 0.01\nsurface_area_m2: 1\nmass_kg: 9\n")
    (tmp_path / "CLOSED.yaml").write_text(
        "cavity_volume_m3: 0.01\nsurface_area_m2: 1\nmass_kg: 9\nthickness_m: 0.02\n"
        "h_ambient_W_per_m2_K: 8\nheater_W_per_K: 50\nT_set_C: 40\nvents: {count: 0}\n"
    )
    found = rows("molds", "--folder", tmp_path)
    bare = "\n".join(found["BARE"]["lacks"])  # type: ignore[arg-type]
    for name in (
        "T_set_C",
        "heater_W_per_K",
        "vents (2 of 0.5 cm²",
        "thickness_m (a slab of 20 mm",
    ):
        assert name in bare
    assert found["CLOSED"]["lacks"] == ["vents (it is closed: air is trapped)"]
    assert rows("molds")["PANEL_A"]["lacks"] == []


def test_scenarios_say_what_is_substituted(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(
        "system_id: SYSTEM_R1\nmold: PANEL_A\n"
        "process: {m_polyol_kg: 0.5, m_iso_kg: 0.53, T_polyol_C: 23, T_iso_C: 23}\n"
    )
    lacks = "\n".join(rows("scenarios", "--folder", tmp_path)["short"]["lacks"])  # type: ignore[arg-type]
    for words in ("T_mold_C (ambient 23 is taken)", "RH_ambient_pct (50", "quality (the usual"):
        assert words in lacks
    assert {"use_case_1", "panel_packed"} <= rows("scenarios").keys()


def test_a_wrong_file_hides_no_other(tmp_path: Path) -> None:
    good = (configs_folder() / "molds" / "CUP.yaml").read_text()
    (tmp_path / "A.yaml").write_text(good)
    (tmp_path / "B.yaml").write_text("colour: red\n")
    (tmp_path / "C.yaml").write_text(good.replace("CUP", "OTHER"))
    result = run("molds", "--folder", tmp_path, exit_code=2)
    assert "CUP" in result.stdout
    assert "OTHER" in result.stdout
    assert f"error: {tmp_path}/B.yaml: colour: unknown field" in result.stderr
    assert "no such folder of molds" in run("molds", "--folder", "/no", exit_code=2).stderr


@pytest.mark.parametrize("kind", ["systems", "molds", "scenarios"])
def test_it_fits_80_columns(kind: str) -> None:
    assert max(len(line) for line in run(kind).stdout.splitlines()) <= 80


def test_the_folders_of_an_agent(tmp_path: Path) -> None:
    (tmp_path / "molds").mkdir()
    (tmp_path / "molds" / "MINE.yaml").write_text("open: true\n")
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"site: s\nagent_id: a\npresses: [p]\ncatalogue: {{molds: {tmp_path}/molds}}\n"
    )
    assert rows("molds", "-c", config).keys() == {"MINE"}
    assert "an agent has no scenarios" in run("scenarios", "-c", config, exit_code=2).stderr
