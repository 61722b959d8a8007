"""Data sheets: the lightest foam they allow, systems of which nothing else is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.messages import Recipe
from edge_agent.config.catalogue import load_catalogue
from edge_agent.config.settings import Settings
from edge_agent.shots.scenario import prepare
from edge_agent.shots.shot import Shot
from tests.support.scenarios import CONFIGS, SYSTEM_IDS, catalogue, changed, panel, with_system
from twin_core import InputError, MaterialSystem, Scenario, load_scenario, simulate
from twin_core.calibration.complete_sheet import completed, infer_water
from twin_core.checked_yaml import parse
from twin_core.data_sheet import contradiction, cup_recipe, lightest_density
from twin_core.data_sheet_only import SheetOnly, required_numbers
from twin_core.system_versions import load_sheets

SHEETS = load_sheets(CONFIGS / "systems")
FIRST_GENERATION = {
    *("SYSTEM_R1", "SYSTEM_M1", "elastoflex_w_5165_149", "elastoflex_w_5165_150"),
    *("dekolast_8if", "fasipol_integral_30_45", "fasipol_integral_75_85"),
}


def settings() -> Settings:
    return Settings(site="s", agent_id="a", presses=["p"])


def number(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "kind": "supplier", "source": "a sheet"}


def with_sheet(system: MaterialSystem, **numbers: dict[str, Any]) -> MaterialSystem:
    data = system.model_dump()
    data["sheet"] |= numbers
    return MaterialSystem.model_validate(data)


def test_the_catalogue_has_all_seven_systems_of_the_first_generation() -> None:
    assert set(SYSTEM_IDS) | set(SHEETS) >= FIRST_GENERATION
    assert not set(SYSTEM_IDS) & set(SHEETS)
    assert load_catalogue(settings()).sheets.keys() == SHEETS.keys()


def test_lightest_density_by_hand() -> None:
    """SYSTEM_R1 at index 1.05: the numbers of the message, worked out beside the code."""
    system = catalogue()["SYSTEM_R1"]
    found = lightest_density(system, cup_recipe(system).process)
    n_OH, n_W = 0.1 * 250 / 56.1, 0.0015 / 0.018015
    m_iso = 1.05 * (n_OH + 2 * n_W) * 0.04202 / 0.31
    n_CO2 = n_W
    m_liquid = 0.1 + m_iso - 0.04401 * n_CO2
    T = 298.15 + (68500 * n_OH + 81500 * n_W) / (m_liquid * 1800 + 0.04401 * n_CO2 * 836.6)
    n_air = 101325 * (0.1 + m_iso) / 1100 * 0.005 / (8.314462618 * 298.15)
    V = m_liquid / 1100 + (n_CO2 + n_air) * 8.314462618 * T / 101325
    assert found.rho_kg_per_m3 == pytest.approx((0.1 + m_iso) / V, rel=1e-4)  # rounded constants
    assert pytest.approx(T, abs=0.05) == found.T_K


@pytest.mark.parametrize("system_id", ["SYSTEM_R1", "SYSTEM_M1"])
@pytest.mark.parametrize("index", [0.8, 1.05, 1.3])
def test_no_cup_is_lighter_than_the_lightest(system_id: str, index: float) -> None:
    base = with_sheet(catalogue()[system_id], nco_oh_index=number(index, "1"))
    process = cup_recipe(base).process
    lightest = lightest_density(base, process).rho_kg_per_m3
    for rate in (1.0, 30.0):  # however fast the gas comes
        cup = Scenario.model_validate({"system": base, "process": process, "mold": {"open": True}})
        fast = with_system(
            cup,
            water_reaction__A=1050.0 * rate,
            carbon_dioxide__k_transfer=100.0,
            carbon_dioxide__henry=0.0,
        )
        assert simulate(fast).rho_moulded > lightest


def test_a_sheet_that_contradicts_itself_is_named_with_its_numbers() -> None:
    found = contradiction(catalogue()["SYSTEM_R1"])
    assert found is not None
    assert "30 kg/m3 contradicts its own chemistry" in found.words()
    assert "63 kg/m3 with all water as CO2 (0.08326 mol)" in found.words()
    assert contradiction(catalogue()["SYSTEM_M1"]) is None
    assert contradiction(catalogue()["WATER_N_PENTANE"]) is None  # no components
    said = {d.code: d.evidence for d in simulate(panel(1.15)).diagnostics}
    evidence = said["SHEET_CONTRADICTS_ITSELF"]
    assert evidence["rho_free_rise_kg_per_m3"] == 30.0
    assert evidence["lightest_kg_per_m3"] == pytest.approx(63.0, abs=0.1)
    m1 = changed(panel(1.15)).model_copy(update={"system": catalogue()["SYSTEM_M1"]})
    assert "SHEET_CONTRADICTS_ITSELF" not in {d.code for d in simulate(m1).diagnostics}


def test_the_recipe_of_the_cup_test() -> None:
    system = catalogue()["SYSTEM_R1"]
    assert len(cup_recipe(system).notes) == 2  # temperature and index are assumed
    told = with_sheet(system, T_components_C=number(23, "°C"), iso_per_polyol=number(0.74, "kg/kg"))
    recipe = cup_recipe(told)
    assert recipe.notes == ()
    assert recipe.process.T_polyol_C == 23
    assert recipe.process.m_iso_kg == pytest.approx(0.74 * recipe.process.m_polyol_kg)
    by_index = with_sheet(told, nco_oh_index=number(1.1, "1"))
    cup = Scenario.model_validate(
        {"system": by_index, "process": cup_recipe(by_index).process, "mold": {"open": True}}
    )
    assert simulate(cup).kpis.nco_oh_index == pytest.approx(1.1)
    for wrong, message in (
        (number(296, "K"), "sheet.T_components_C: unit is 'K', must be '°C': convert the value"),
        (number(-300, "°C"), "sheet.T_components_C: value -300 °C is out of range"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            with_sheet(system, T_components_C=wrong)
    with pytest.raises(InputError, match="a data sheet is about components"):
        cup_recipe(catalogue()["WATER_N_PENTANE"])


# --- sheet only --------------------------------------------------------------------------------


@pytest.mark.parametrize("system_id", sorted(SHEETS))
def test_a_sheet_alone_is_not_simulated_and_says_what_is_missing(system_id: str) -> None:
    with pytest.raises(InputError, match="cannot be simulated") as error:
        load_scenario(CONFIGS / "scenarios" / "panel_packed.yaml", None, system_id)
    missing = SHEETS[system_id].missing()
    for path, unit in missing:
        assert str(error.value).count(f" {path} [{unit}]") == 1
    assert "composition.oh_number [mgKOH/g]" in str(error.value)
    assert len(missing) + len(SHEETS[system_id].known) == len(required_numbers())
    for parameter in [*SHEETS[system_id].known.values(), *SHEETS[system_id].sheet.values()]:
        assert parameter.kind == "supplier"


def test_required_numbers_are_those_that_the_model_cannot_do_without() -> None:
    """Taking any of them out of a complete system makes it invalid."""
    for path, unit in required_numbers():
        data = catalogue()["SYSTEM_R1"].model_dump()
        part, name = path.split(".")
        assert data[part].pop(name)["unit"] == unit
        with pytest.raises(InputError, match=rf"{part}.*{name}: is missing"):
            parse(MaterialSystem, data, "here")


def test_a_shot_of_a_sheet_only_system_is_held_with_the_reason() -> None:
    recipe = Recipe.model_validate({"m_polyol_kg": 0.1, "m_iso_kg": 0.1})
    shot = Shot(
        site="s", press="p", shot_id="1", mold_id="CUP", system_id="dekolast_8if", recipe=recipe
    )
    with pytest.raises(InputError, match=r"known by its data sheet only.*oh_number"):
        prepare(shot, load_catalogue(settings()), 600.0)


WRONG: list[tuple[str, Any, str]] = [
    ("known", {"composition.colour": number(1, "1")}, "the model has no such required number"),
    ("known", {"composition.nco_content": number(0.27, "kg/kg")}, "unit must be '%'"),
    ("words", {"a": 1}, "words"),
    ("extra", 1, "unknown field"),
]


@pytest.mark.parametrize(("field", "value", "message"), WRONG, ids=lambda v: str(v)[:30])
def test_wrong_sheets_are_refused_by_name(
    tmp_path: Path, field: str, value: Any, message: str
) -> None:
    content = yaml.safe_load((CONFIGS / "systems" / "dekolast_8if.yaml").read_text())
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(content | {field: value}))
    with pytest.raises(InputError, match=message):
        load_sheets(tmp_path)


# --- borrowed and inferred ---------------------------------------------------------------------


def sheet_of(**known: tuple[float, str]) -> SheetOnly:
    return SheetOnly.model_validate(
        {
            "system_id": "TRIAL",
            "version": 1,
            "description": "a sheet",
            "sheet_only": True,
            "documents": ["a sheet"],
            "known": {f"composition.{k}": number(*v) for k, v in known.items()},
            "sheet": {
                "rho_free_rise_kg_per_m3": number(40.0, "kg/m3"),
                "t_gel_s": number(80.0, "s"),
                "nco_oh_index": number(1.1, "1"),
            },
        }
    )


ALL_BUT_WATER = {
    "oh_number": (350.0, "mgKOH/g"),
    "polyol_functionality": (3.5, "1"),
    "blowing_agent_fraction": (0.0, "kg/kg"),
    "nco_content": (31.0, "%"),
    "iso_functionality": (2.7, "1"),
}


def test_unknown_water_is_inferred_from_the_density_and_says_so() -> None:
    system = infer_water(completed(sheet_of(**ALL_BUT_WATER), catalogue()["SYSTEM_R1"], True))
    assert system.composition.basis == "components"
    water = system.composition.water_fraction
    assert water.kind == "inferred"
    assert "not said by the sheet" in water.source
    cup = Scenario.model_validate(
        {"system": system, "process": cup_recipe(system).process, "mold": {"open": True}}
    )
    # the water is rounded to four digits
    assert simulate(cup).rho_moulded == pytest.approx(40.0, rel=1e-3)
    borrowed = [p for path, p in system.parameters() if not path.startswith("composition")]
    assert all(p.kind == "assumed" and "taken from SYSTEM_R1" in p.source for p in borrowed)


def test_what_cannot_be_inferred_is_said() -> None:
    r1 = catalogue()["SYSTEM_R1"]
    with pytest.raises(InputError, match=r"missing: composition\.water_fraction \[kg/kg\]$"):
        completed(sheet_of(**ALL_BUT_WATER), r1, False)
    less = {name: value for name, value in ALL_BUT_WATER.items() if name != "oh_number"}
    with pytest.raises(InputError, match=r"missing: composition\.oh_number \[mgKOH/g\]$"):
        completed(sheet_of(**less), r1, True)
    light = with_sheet(r1, rho_free_rise_kg_per_m3=number(3.0, "kg/m3"))
    with pytest.raises(InputError, match="no water content from"):
        infer_water(light)
    silent = MaterialSystem.model_validate(r1.model_dump() | {"sheet": {}})
    with pytest.raises(InputError, match=r"give sheet\.rho_free_rise_kg_per_m3"):
        infer_water(silent)
