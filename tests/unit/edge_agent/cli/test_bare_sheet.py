"""``calibrate --system`` on a bare data sheet: a usable system, and what the sheet leaves open."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.scenarios import CONFIGS, catalogue, run, scenario
from twin_core import MaterialSystem, Scenario, load_systems, simulate
from twin_core.calibration.bare_sheet import hydroxyl
from twin_core.calibration.undetermined import Inferred, infer, ranges
from twin_core.data_sheet import cup_recipe
from twin_core.data_sheet_only import SheetOnly
from twin_core.system_versions import load_sheets
from twin_core.window_interval import window_interval


def twin(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, [*map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


def number(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "kind": "supplier", "source": "a made-up sheet"}


BARE: dict[str, Any] = {
    "system_id": "BARE_RIGID",
    "version": 1,
    "description": "densities, cup times, mix ratio, viscosities; nothing else",
    "sheet_only": True,
    "documents": ["a made-up sheet"],
    "sheet": {
        "polyol_density_kg_per_m3": number(1060, "kg/m3"),
        "iso_density_kg_per_m3": number(1230, "kg/m3"),
        "polyol_viscosity_mPa_s": number(900, "mPa.s"),
        "iso_viscosity_mPa_s": number(210, "mPa.s"),
        "t_cream_s": number(14, "s"),
        "t_gel_s": number(60, "s"),
        "t_rise_s": number(100, "s"),
        "t_tack_free_s": number(130, "s"),
        "rho_free_rise_kg_per_m3": number(36, "kg/m3"),
        "iso_per_polyol": number(1.4, "kg/kg"),
        "T_components_C": number(22, "°C"),
    },
}


@cache
def inferred() -> Inferred:
    return infer(SheetOnly.model_validate(BARE), catalogue(), None)


def groups(system: MaterialSystem) -> float:
    """Isocyanate-reactive groups [mol/kg of polyol]."""
    mix = system.composition
    assert mix.basis == "components"
    return mix.oh_number.value / 56.1 + 2.0 * mix.water_fraction.value / 0.018015


def test_a_bare_sheet_becomes_a_system_that_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "sheets" / "BARE_RIGID.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(BARE))
    out = tmp_path / "out"
    found = twin("calibrate", "--system", "BARE_RIGID", "--systems", file.parent, "--out", out)
    text = " ".join(found.stdout.split())
    assert "Missing" not in found.output
    assert "missed" not in found.stdout
    for name in ("nco_oh_index 1.05 0.95 1.15", "composition.nco_content 31 26 32", "gelling.heat"):
        assert name in text
    assert "core C bar opens s" in text
    assert "measure first: " in text
    system = load_systems(out / "BARE_RIGID-v2.yaml")["BARE_RIGID"]
    assert system.version == 2
    assert [u.name for u in system.undetermined] == [u.name for u in inferred().system.undetermined]
    shot = ("-s", "rigid_panel", "-c", out, "-y", "BARE_RIGID", "--output", "json")
    result = json.loads(twin("run-sim", *shot).stdout)
    assert result["t_demold_min_s"] is not None
    paths = {effect["path"] for effect in result["demold_interval"]["effects"]}
    assert {"nco_oh_index", "composition.nco_content"} <= paths


def test_the_cup_is_that_of_the_sheet_and_the_groups_are_those_of_the_ratio() -> None:
    found = inferred()
    assert found.like == "RIGID_PANEL"
    assert found.fit is not None
    assert found.fit.missed == []
    assert groups(found.system) == pytest.approx(1.4 * 0.31 / 0.04202 / 1.05, rel=1e-3)
    cup = Scenario.model_validate(
        {
            "system": found.system,
            "process": cup_recipe(found.system).process,
            "mold": {"open": True},
        }
    )
    result = simulate(cup)
    assert result.rho_moulded == pytest.approx(36.0, rel=0.03)
    assert result.kpis.t_gel_s == pytest.approx(60.0, rel=0.05)


def test_every_undetermined_number_is_named_with_its_effect() -> None:
    found = inferred()
    told = {u.name: ends for u, ends in zip(found.system.undetermined, found.at_ends, strict=True)}
    for u in found.system.undetermined:
        assert u.low < u.high
        assert u.low <= u.value <= u.high
        assert u.at_low or u.at_high
    low, high = told["nco_oh_index"]
    assert low.T_core_max_C > found.figures.T_core_max_C > high.T_core_max_C  # more OH at low index
    low, high = told["gelling.heat"]
    assert low.T_core_max_C < found.figures.T_core_max_C < high.T_core_max_C
    span = ranges(found.system)
    mix = found.system.composition
    assert mix.basis == "components"
    for parameter, name in ((mix.oh_number, "oh_number"), (mix.water_fraction, "water_fraction")):
        assert parameter.kind == "inferred"
        lowest, highest = span[f"composition.{name}"]
        assert lowest < parameter.value < highest
        assert parameter.spread == pytest.approx((highest - lowest) / 4.0, rel=0.05)


def test_at_an_end_the_cup_still_is_that_of_the_sheet() -> None:
    system = inferred().system
    (index,) = (u for u in system.undetermined if u.name == "nco_oh_index")
    ended = system.with_numbers(index.at_high)
    assert groups(ended) == pytest.approx(1.4 * 0.31 / 0.04202 / 1.15, rel=1e-3)
    result = simulate(
        Scenario.model_validate(
            {"system": ended, "process": cup_recipe(ended).process, "mold": {"open": True}}
        )
    )
    assert result.rho_moulded == pytest.approx(36.0, rel=0.03)
    assert result.kpis.t_gel_s == pytest.approx(60.0, rel=0.05)


def test_the_interval_of_the_window_goes_to_both_ends() -> None:
    system = inferred().system
    base = scenario("rigid_panel")
    with_open, without = (
        window_interval(simulate(base.model_copy(update={"system": s})))
        for s in (system, system.model_copy(update={"undetermined": []}))
    )
    assert with_open is not None
    assert without is not None
    assert len(with_open.effects) == len(without.effects) + len(system.undetermined)
    assert with_open.t_min_low_s < without.t_min_low_s
    names = {u.name for u in system.undetermined}
    assert names <= {effect.path for effect in with_open.effects}
    assert (
        system.parameters_hash() == system.model_copy(update={"undetermined": []}).parameters_hash()
    )  # it is not in use: models that were trained stay valid


def test_a_known_composition_comes_back() -> None:
    """Sheet of a system whose hydroxyl number and water are known, without them."""
    true = catalogue()["RIGID_PANEL"]
    assert true.composition.basis == "components"
    pour = {"m_polyol_kg": 0.1, "m_iso_kg": 0.1785, "T_polyol_C": 25, "T_iso_C": 25}
    pour |= {"T_ambient_C": 25}
    cup = simulate(
        Scenario.model_validate({"system": true, "process": pour, "mold": {"open": True}})
    )
    sheet = BARE | {
        "known": {"composition.nco_content": number(31.4, "%")},
        "sheet": {
            "rho_free_rise_kg_per_m3": number(cup.rho_moulded, "kg/m3"),
            "iso_per_polyol": number(1.785, "kg/kg"),
        },
    }
    data = SheetOnly.model_validate(sheet)
    found = infer(data, catalogue(), "RIGID_PANEL").system
    assert found.composition.basis == "components"
    lowest, highest = ranges(found)["composition.oh_number"]
    assert lowest < true.composition.oh_number.value < highest
    assert found.composition.water_fraction.value == pytest.approx(0.0368, rel=0.1)
    assert hydroxyl(1.785, 31.4, 1.1, 0.0368) == pytest.approx(451.0, rel=0.005)


@pytest.mark.peers
@pytest.mark.parametrize("system_id", sorted(load_sheets(CONFIGS / "systems")))
def test_every_sheet_of_the_catalogue_becomes_a_system(system_id: str) -> None:
    done = twin("calibrate", "--system", system_id, "--dry-run")
    assert "Undetermined, and what it does to a panel of" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 110


def test_like_finds_the_shipped_catalogue(tmp_path: Path) -> None:
    (tmp_path / "BARE_RIGID.yaml").write_text(yaml.safe_dump(BARE))
    ask = ("calibrate", "--system", "BARE_RIGID", "--systems", tmp_path, "--dry-run")
    assert "borrowed from SYSTEM_R1" in " ".join(twin(*ask, "--like", "SYSTEM_R1").stdout.split())
    error = twin(*ask, "--like", "NONE", exit_code=2).stderr
    assert "--like: no system 'NONE' that can be simulated (there are: " in error
    assert "RIGID_PANEL" in error


CONTRADICTIONS = [
    ({"iso_per_polyol": number(0.1, "kg/kg")}, "no water content from 0.0001 to"),
    ({"rho_free_rise_kg_per_m3": number(3.0, "kg/m3")}, "gives 3 kg/m3 beside its mix ratio"),
]


@pytest.mark.parametrize(("changed", "message"), CONTRADICTIONS, ids=lambda v: str(v)[:40])
def test_a_sheet_that_no_composition_gives_is_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(BARE | {"sheet": BARE["sheet"] | changed}))
    ask = ("calibrate", "--system", "BARE_RIGID", "--systems", tmp_path, "--dry-run")
    assert message in twin(*ask, exit_code=2).stderr


def test_without_any_density_it_says_so(tmp_path: Path) -> None:
    sheet = {k: v for k, v in BARE["sheet"].items() if k != "rho_free_rise_kg_per_m3"}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(BARE | {"sheet": sheet}))
    ask = ("calibrate", "--system", "BARE_RIGID", "--systems", tmp_path, "--dry-run")
    assert "its sheet gives no density" in twin(*ask, exit_code=2).stderr


@pytest.mark.parametrize(
    ("index", "said"), [(0.78, True), (0.82, False), (1.1, False), (1.38, False), (1.43, True)]
)
def test_an_index_that_the_chemistry_does_not_cover_is_a_diagnostic(
    index: float, said: bool
) -> None:
    base = scenario("rigid_panel")
    m_iso_kg = base.process.m_iso_kg * index / run("rigid_panel").kpis.nco_oh_index
    process = base.process.model_copy(update={"m_iso_kg": m_iso_kg, "nco_oh_index": index})
    result = simulate(base.model_copy(update={"process": process}))
    found = {d.code: d for d in result.diagnostics}
    assert ("INDEX_OUT_OF_RANGE" in found) == said
    if said:
        evidence = found["INDEX_OUT_OF_RANGE"].evidence
        assert evidence["nco_oh_index"] == pytest.approx(index, rel=1e-3)
        assert (evidence["low_ratio"], evidence["high_ratio"]) == (0.8, 1.4)
