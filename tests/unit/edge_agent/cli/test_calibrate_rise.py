"""``pur-mold-twin calibrate --rise-test``: tables, the file it writes, exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.processes import ROOT
from tests.support.quoted import differences
from tests.support.simulated_rise_tests import TRUTH, true_system, write
from twin_core import load_systems
from twin_core.calibration.free_parameters import number

EXAMPLES = ROOT / "examples" / "rise_tests"


def calibrate(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, ["calibrate", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


def copy(folder: Path, *changes: tuple[str, str], name: str = "rise_23C") -> Path:
    """One of the examples with another text in its YAML."""
    shutil.copy(EXAMPLES / f"{name}.csv", folder)
    text = (EXAMPLES / f"{name}.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return file


def test_the_examples_are_what_the_command_makes_and_say_that_they_are_simulated(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    made = {file.name: file for file in tmp_path.iterdir()}
    assert {file.name for file in EXAMPLES.iterdir()} == {*made, "README.md"}
    for name, file in made.items():
        stored = (EXAMPLES / name).read_text(encoding="utf-8")
        assert differences(stored, file.read_text(encoding="utf-8")) == []
        assert "simulated: true" in stored or "SIMULIERT, nicht gemessen" in stored


def test_several_temperatures_give_rates_and_energies(tmp_path: Path) -> None:
    found = calibrate("--rise-test", EXAMPLES, "--hold-out", "rise_23C", "--out", tmp_path)
    assert "held out: rise_23C" in found.stdout
    assert "simulated, not measured" in found.stdout
    tables = found.stdout.partition("written:")[0]
    assert all(len(line) <= 80 for line in tables.splitlines())
    fitted, truth = load_systems(tmp_path / "RIGID_PANEL-v2.yaml")["RIGID_PANEL"], true_system()
    for path in TRUTH:
        a, b = number(fitted, path), number(truth, path)
        assert a is not None
        assert b is not None
        assert a.value == pytest.approx(b.value, rel=0.02)
        assert a.kind == "fitted"
        assert "--rise-test rise_15C (simulated), rise_31C (simulated)" in a.source


def test_one_temperature_names_the_energies_that_it_does_not_tell() -> None:
    found = calibrate(
        "--rise-test", EXAMPLES / "rise_23C.yaml", "--fit", "gelling.A", "--fit", "gelling.E",
        "--fit", "mold.cup_loss_W_per_K_kg", "--dry-run",
    )  # fmt: skip
    assert "not fitted: gelling.E: the tests begin at 23 to 23 C" in found.stdout
    fitted = found.stdout.partition("not fitted")[0]
    assert "gelling.A" in fitted
    assert "gelling.E" not in fitted


REFUSED = [
    (("diameter_mm: 150", "diameter_mm: 15"), "not 5 to 2500: check mass, cup"),
    (("diameter_mm: 150", "diameter_mm: 300"), "check mass_kg, cup, t_poured_s"),
    (("system_id: RIGID_PANEL", "system_id: OTHER"), "no system 'OTHER' in"),
    (("system_id: RIGID_PANEL", "system_id: fasipol_integral_30_45"), "fasipol_integral_30_45"),
    (("  m_iso_kg: 0.2677\n", ""), "process.m_iso_kg"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=lambda v: str(v)[:40])
def test_tests_that_do_not_fit_are_refused(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    found = calibrate("--rise-test", copy(tmp_path, change), "--dry-run", exit_code=2)
    assert words in found.stderr
    assert "Traceback" not in found.output


def test_several_files_behind_one_option_as_a_shell_writes_them() -> None:
    files = [EXAMPLES / f"rise_{T}C.yaml" for T in (15, 31)]
    found = calibrate(
        "--rise-test", *files, "--fit", "gelling.A", "--fit", "gelling.E", "--dry-run"
    )
    assert "fit to 2 rise tests, mixed at 15 to 31 C" in found.stdout
    assert "stands behind --rise-test" in calibrate(*files, exit_code=2).stderr


def test_tests_of_two_systems_and_options_of_other_fits_are_refused(tmp_path: Path) -> None:
    other = copy(tmp_path, ("system_id: RIGID_PANEL", "system_id: SYSTEM_M1"), name="rise_15C")
    both = ("--rise-test", EXAMPLES / "rise_23C.yaml", "--rise-test", other)
    assert "tests of several systems" in calibrate(*both, exit_code=2).stderr
    one = ("--rise-test", EXAMPLES / "rise_23C.yaml")
    assert "a fit of its own" in calibrate(*one, "--scenario", "x", exit_code=2).stderr
    assert (
        "no rise test 'x' beside others" in calibrate(*one, "--hold-out", "x", exit_code=2).stderr
    )


def test_a_cup_that_the_model_cannot_follow_is_said(tmp_path: Path) -> None:
    file = copy(tmp_path, ("mass_kg: 0.4052", "mass_kg: 0.2"))
    found = calibrate("--rise-test", file, "--fit", "gelling.A", "--dry-run", exit_code=1)
    assert "rise_23C: the model does not follow it" in found.stderr
    assert "kg/m3; the liquid has" in found.stderr
