"""``pur-mold-twin calibrate``: tables, files it writes, exit codes."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from edge_agent.calibration.system_file import as_yaml, header_of
from edge_agent.calibration.text import measured_panels, sheet_panels
from edge_agent.cli import main
from tests.support.scenarios import CONFIGS, SYSTEM_IDS, catalogue, scenario
from twin_core import MaterialSystem, load_systems
from twin_core.calibration.cup import fit_sheet
from twin_core.calibration.measured import fit_measured
from twin_core.calibration.observation import Observation
from twin_core.extras import how_to_install
from twin_core.files import load_cure
from twin_core.system_versions import load_sheets

BUNDLE = CONFIGS / "bundles" / "baser_khakhar_1994_r11"
R11 = CONFIGS / "scenarios" / "baser_khakhar_1994_r11.yaml"
FIT_R11 = ("--fit", "time_offset_s", "--fit", "blowing_agent.k_transfer")


def calibrate(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, ["calibrate", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


def start_of_r1(folder: Path) -> Path:
    """SYSTEM_R1 as it was before it was fitted, in a file of its own."""
    data = yaml.safe_load((CONFIGS / "systems" / "SYSTEM_R1.yaml").read_text())
    data["version"] = 1
    for part in ("gelling", "foaming", "gel"):
        for name, number in list(data[part].items()):
            if isinstance(number, dict) and number["kind"] == "fitted":
                if "start" in number:
                    number["value"] = number.pop("start")
                    number["kind"] = "literature"
                else:
                    del data[part][name]
    file = folder / "SYSTEM_R1.yaml"
    file.write_text("# where it comes from\n" + yaml.safe_dump(data))
    return file


def test_a_new_version_is_written_and_stands(tmp_path: Path) -> None:
    file, out = start_of_r1(tmp_path), tmp_path / "out"
    out.mkdir()
    found = calibrate("--system", "SYSTEM_R1", "--systems", file, "--out", out)
    assert "fitting SYSTEM_R1 to the cup test" in found.stderr
    new_file = out / "SYSTEM_R1-v2.yaml"
    assert f"written: {new_file} (version 2)" in found.stdout
    new, stored = load_systems(out)["SYSTEM_R1"], catalogue()["SYSTEM_R1"]
    assert new.version == 2
    # the numbers of the catalogue are what the command gives; machines round differently
    for (path, a), (_, b) in zip(new.parameters(), stored.parameters(), strict=True):
        assert a.value == pytest.approx(b.value, rel=2e-3), path
        assert a.kind == b.kind, path
    assert new.gelling.A.start == 1.8
    assert "calibrate --system SYSTEM_R1 to the sheet's t_gel_s 60 s" in new.gelling.A.source
    assert new_file.read_text().startswith("# where it comes from\nsystem_id: ")
    run_what_it_says(found.stdout)
    assert load_systems(tmp_path)["SYSTEM_R1"] == new
    again = calibrate("--system", "SYSTEM_R1", "--systems", out, "--out", out)
    assert "nothing changed: version 2 stands" in again.stdout


def run_what_it_says(printed: str) -> None:
    """Do what the last lines say: copy the file beside version 1, promote it."""
    (copying,) = [line.partition(": cp ")[2] for line in printed.splitlines() if ": cp " in line]
    source, target = copying.split()
    shutil.copy(source, target)
    assert load_systems(Path(target))["SYSTEM_R1"].version == 1  # until it is promoted
    (command,) = [line.split() for line in printed.splitlines() if " systems promote " in line]
    done = CliRunner().invoke(main, command[1:])
    assert done.exit_code == 0, done.output


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    file = start_of_r1(tmp_path)
    before = file.read_text()
    ask = ("--system", "SYSTEM_R1", "--systems", file, "--out", file)
    error = calibrate(*ask, exit_code=2).stderr
    assert f"{file}: is there already" in error
    assert file.read_text() == before
    assert "dry run: no file written" in calibrate(*ask, "--dry-run").stdout
    assert file.read_text() == before
    calibrate(*ask, "--force")
    assert load_systems(file)["SYSTEM_R1"].version == 2


def test_the_contradiction_is_said_and_is_no_miss() -> None:
    text = calibrate("--system", "SYSTEM_R1", "--dry-run").stdout
    words = " ".join(text.split())
    assert "30 kg/m3 contradicts its own chemistry" in words
    assert "missed" not in text
    assert "index 1.05 assumed" in words


def test_missed_targets_end_with_1(tmp_path: Path) -> None:
    file = start_of_r1(tmp_path)
    data = yaml.safe_load(file.read_text())
    data["sheet"]["t_rise_s"]["value"] = 40
    file.write_text(yaml.safe_dump(data))
    found = calibrate("--system", "SYSTEM_R1", "--systems", file, "--dry-run", exit_code=1)
    assert "missed: t_rise_s is off by +" in found.stdout


def test_measured_shot(tmp_path: Path) -> None:
    out = tmp_path / "fitted.yaml"
    ask = ("--measured", BUNDLE, "--scenario", R11, *FIT_R11)
    found = calibrate(*ask, "--fit", "mold.cup_loss_W_per_K_kg", "--out", out)
    words = " ".join(found.stdout.split())
    assert "T_core_C 10.6 2.84" in words
    assert "warning: blowing_agent.k_transfer is hardly identifiable" in words
    assert load_systems(out)["R11_BASER_KHAKHAR_1994"].version == 2


def test_series_from_files_and_from_the_old_calibration_folder(tmp_path: Path) -> None:
    old = tmp_path / "measurements"
    old.mkdir()
    shutil.copy(BUNDLE / "sensors_core_temp.csv", old / "core_temp.csv")
    rho = tmp_path / "rho.csv"
    rho.write_text("time_s,rho_kg_per_m3\n0,1080\n150,60\n600,30\n")
    ask = ("--scenario", R11, *FIT_R11, "--dry-run")
    found = calibrate("--measured", old, "--series", rho, "--weight", "rho_kg_per_m3=2", *ask)
    assert "rho_kg_per_m3" in found.stdout
    assert "T_core_C" in found.stdout
    assert (
        "no number of the system was fitted"
        in calibrate(
            "--series", old / "core_temp.csv", "--scenario", R11, "--fit", "time_offset_s"
        ).stdout
    )


def test_cure(tmp_path: Path) -> None:
    found = calibrate("--cure", CONFIGS / "cure" / "PEG_IPDI_BLOCKED.yaml", "--dry-run")
    assert "cure_peg_ipdi_100C_1.0.csv" in found.stdout


def test_a_cure_series_is_held_out_and_predicted() -> None:
    ask = ("--cure", CONFIGS / "cure" / "PEG_IPDI_BLOCKED.yaml", "--hold-out")
    found = calibrate(*ask, "cure_peg_ipdi_110C_0.25.csv")
    assert "predicted from the other series" in found.stdout
    assert "inside: 100 % of the readings" in found.stdout
    error = calibrate(*ask, "other.csv", exit_code=2).stderr
    assert "no series 'other.csv' beside others (there are: cure_peg" in error
    assert "--hold-out needs --cure" in calibrate("--hold-out", "a.csv", exit_code=2).stderr


WRONG: list[tuple[list[object], str]] = [
    ([], "nothing to fit"),
    (["--system", "NONE"], "no system 'NONE'"),
    (["--system", "dekolast_8if", "--like", "NONE"], "--like: no system 'NONE'"),
    (["--system", "SYSTEM_R1", "--like", "SYSTEM_M1"], "has all its numbers"),
    (["--system", "WATER_N_PENTANE"], "a data sheet is about components"),
    (["--system", "SYSTEM_R1", "--infer-water", "--systems", "nowhere"], "no such file or folder"),
    (["--measured", BUNDLE], "need --scenario"),
    (["--scenario", R11, "--fit", "time_offset_s"], "nothing measured"),
    (["--measured", BUNDLE, "--scenario", R11], "name each number to fit once"),
    (["--measured", BUNDLE, "--scenario", R11, "--fit", "gelling.x"], "no such number"),
    (["--measured", CONFIGS, "--scenario", R11, *FIT_R11], "no meta.yaml"),
    (["--series", R11, "--scenario", R11, *FIT_R11], "must name time_s and T_core_C or"),
    (["--measured", BUNDLE, "--scenario", R11, *FIT_R11, "--weight", "T=1"], "for one of T_core_C"),
    (["--measured", BUNDLE, "--scenario", R11, *FIT_R11, "--weight", "T_core_C=x"], "NUMBER"),
    (["--cure", "nowhere.yaml"], "no such file"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda v: str(v)[-40:])
def test_wrong_input_ends_with_2_and_says_what_to_do(arguments: list[object], message: str) -> None:
    assert message in calibrate(*arguments, exit_code=2).stderr


def test_no_folder_to_write_into(tmp_path: Path) -> None:
    file = start_of_r1(tmp_path)
    (tmp_path / "no").touch()
    found = calibrate(
        "--system", "SYSTEM_R1", "--systems", file, "--out", tmp_path / "no", exit_code=2
    )
    assert "cannot be written" in found.stderr


# --- the files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("system_id", SYSTEM_IDS)
def test_a_written_system_reads_back_the_same(tmp_path: Path, system_id: str) -> None:
    system, file = catalogue()[system_id], tmp_path / "again.yaml"
    file.write_text(as_yaml(system, "# a header\n"))
    assert load_systems(file)[system_id] == system
    assert header_of(file) == "# a header\n"
    # numbers are numbers to any reader of YAML, not words
    content = yaml.safe_load(file.read_text())
    assert all(isinstance(p["value"], (int, float)) for p in parameters(content))


def parameters(node: object) -> list[dict[str, object]]:
    if not isinstance(node, dict):
        return []
    if "value" in node:
        return [node]
    return [p for child in node.values() for p in parameters(child)]


@pytest.mark.parametrize("value", [1e-7, 1.5e-12, 3.79288e-05, 1.6e9, 12.5, 0.0, -2.0, 123456.7])
def test_every_float_survives_the_file(tmp_path: Path, value: float) -> None:
    data = catalogue()["SYSTEM_R1"].model_dump()
    data["sheet"]["odd"] = {"value": value, "unit": "1", "kind": "supplier", "source": "a test"}
    text = as_yaml(MaterialSystem.model_validate(data))
    assert yaml.safe_load(text)["sheet"]["odd"]["value"] == value


def test_sheets_and_cures_can_be_written_too(tmp_path: Path) -> None:
    sheet = load_sheets(CONFIGS / "systems")["elastoflex_w_5165_149"]
    (tmp_path / "a.yaml").write_text(as_yaml(sheet))
    assert load_sheets(tmp_path)["elastoflex_w_5165_149"] == sheet
    chemistry = load_cure(CONFIGS / "cure" / "PEG_IPDI_BLOCKED.yaml")[0]
    assert yaml.safe_load(as_yaml(chemistry)) == yaml.safe_load(
        (CONFIGS / "cure" / "PEG_IPDI_BLOCKED.yaml").read_text()
    )


# --- the plot ----------------------------------------------------------------------------------


def test_what_is_drawn_of_a_sheet() -> None:
    temperature, density = sheet_panels(fit_sheet(catalogue()["SYSTEM_M1"], "a plot"))
    assert [c.label for c in temperature.curves] == ["before", "after"]
    assert density.levels == [("sheet 30", 30.0)]
    after = density.curves[1]
    assert after.values.min() == pytest.approx(30.0, rel=0.01)
    assert after.t_s[-1] == 2 * 180.0
    assert "t_gel_s 70 s" in density.title


def test_what_is_drawn_of_a_measurement() -> None:
    t = np.linspace(50.0, 500.0, 10)
    series = Observation("T_core_C", t, 24.0 + 0.2 * t)
    found = fit_measured(
        scenario("baser_khakhar_1994_r11"), [series], ["blowing_agent.k_transfer"], "a plot"
    )
    (panel,) = measured_panels(found, [series])
    measured, before, after = panel.curves
    assert measured.points
    assert not after.points
    assert len(before.values) == len(after.values) == 10
    assert not math.isclose(before.values[5], after.values[5])


def test_without_matplotlib_the_plot_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    found = calibrate(
        "--system", "SYSTEM_R1", "--plot", tmp_path / "a.png", "--dry-run", exit_code=2
    )
    assert f"needs matplotlib: {how_to_install('report')}" in found.stderr


def test_a_new_version_is_one_that_is_free(tmp_path: Path) -> None:
    name = "R11_BASER_KHAKHAR_1994"
    shutil.copy(CONFIGS / "systems" / f"{name}.yaml", tmp_path)
    data = yaml.safe_load((tmp_path / f"{name}.yaml").read_text())
    (tmp_path / f"{name}-v4.yaml").write_text(yaml.safe_dump(data | {"version": 4}))
    ask = ("--measured", BUNDLE, "--scenario", R11, *FIT_R11, "--systems", tmp_path)
    found = calibrate(*ask, "--out", tmp_path)
    assert f"written: {tmp_path / f'{name}-v5.yaml'} (version 5)" in found.stdout
    assert "it belongs beside" not in found.stdout
    assert load_systems(tmp_path)[name].version == 1
