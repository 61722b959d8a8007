"""Scenario files: what is accepted, and that what is refused is named with its file and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.scenarios import CONFIGS, SCENARIO_FILES, catalogue, panel
from twin_core import InputError, Mold, Process, Quality, Scenario, load_scenario, simulate
from twin_core.checked_yaml import nearest_field

PROCESS = {"m_polyol_kg": 0.5, "m_iso_kg": 0.5, "T_polyol_C": 25, "T_iso_C": 25}
MOLD = {"cavity_volume_m3": 0.0125, "surface_area_m2": 0.6, "mass_kg": 40}
SHOT = {"system_id": "SYSTEM_R1", "process": PROCESS, "mold": MOLD}


def write(tmp_path: Path, content: object, name: str = "shot.yaml") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def with_field(path: str, value: object) -> dict[str, Any]:
    """The small valid shot with one other field; ``DROP`` removes it."""
    content: dict[str, Any] = yaml.safe_load(yaml.safe_dump(SHOT))
    *parents, last = path.split(".")
    node = content
    for parent in parents:
        node = node.setdefault(parent, {})
    if value == DROP:
        del node[last]
    else:
        node[last] = value
    return content


DROP = "<left out>"


@pytest.mark.parametrize("file", SCENARIO_FILES, ids=lambda path: path.stem)
def test_the_scenarios_of_the_catalogue_load(file: Path) -> None:
    loaded = load_scenario(file)
    assert loaded.scenario_id == file.stem
    assert loaded.source  # where it comes from


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    loaded = load_scenario(write(tmp_path, SHOT))
    assert loaded.scenario_id == "shot"
    assert loaded.quality == Quality()
    assert loaded.process.T_mold_C is None


def test_first_generation_names(tmp_path: Path) -> None:
    old = {
        "m_polyol": 0.5,
        "m_iso": 0.5,
        "m_additives": 0.01,
        "T_polyol_in_C": 21,
        "T_iso_in_C": 22,
        "T_mold_init_C": 41,
        "T_ambient_C": 20,
        "RH_ambient": 0.6,
        "mixing_eff": 0.9,
        "pentane_pct": 4.0,
    }
    quality = {"rho_moulded_min": 35, "rho_moulded_max": 45}
    content = {**SHOT, "system_id": "SYSTEM_M1", "process": old, "quality": quality}
    loaded = load_scenario(write(tmp_path, content))
    assert loaded.process == Process(
        m_polyol_kg=0.5,
        m_iso_kg=0.5,
        m_additives_kg=0.01,
        T_polyol_C=21,
        T_iso_C=22,
        T_mold_C=41,
        T_ambient_C=20,
        RH_ambient_pct=60,
        mixing_eff=0.9,
        blowing_agent_pct=4.0,
    )
    assert loaded.quality.rho_moulded_max_kg_per_m3 == 45


def test_a_whole_material_inline_is_the_same_material(tmp_path: Path) -> None:
    text = (CONFIGS / "systems" / "SYSTEM_R1.yaml").read_text()
    content = {k: v for k, v in SHOT.items() if k != "system_id"}
    content["system"] = yaml.safe_load(text)
    inline = load_scenario(write(tmp_path, content))
    assert inline.system == catalogue()["SYSTEM_R1"]
    assert inline == load_scenario(write(tmp_path, SHOT))


def test_another_folder_of_systems_and_another_system(tmp_path: Path) -> None:
    folder = tmp_path / "systems"
    folder.mkdir()
    content = yaml.safe_load((CONFIGS / "systems" / "SYSTEM_R1.yaml").read_text())
    content["system_id"] = "MINE"
    write(folder, content)
    shot = write(tmp_path, {**SHOT, "system_id": "MINE"})
    assert load_scenario(shot, folder).system.system_id == "MINE"
    assert load_scenario(shot, system_id="SYSTEM_M1").system.system_id == "SYSTEM_M1"
    with pytest.raises(InputError, match=r"no system 'MINE'.*are: APPLIANCE_.*R11_BASER"):
        load_scenario(shot)


def test_a_mold_of_the_catalogue(tmp_path: Path) -> None:
    loaded = load_scenario(write(tmp_path, {**SHOT, "mold": "PANEL_500x500x50"}))
    assert loaded.mold.thickness_m == 0.05
    with pytest.raises(
        InputError, match=r"shot\.yaml: mold: no mold 'NOWHERE' in .*: BLOCK_.*, CUP"
    ):
        load_scenario(write(tmp_path, {**SHOT, "mold": "NOWHERE"}))


REFUSED: list[tuple[str, object, str]] = [
    ("process.m_polyol_kg", -1, r"process\.m_polyol_kg: .*greater than 0 \(found -1\)"),
    ("process.m_iso_kg", 0, r"process\.m_iso_kg"),
    ("process.m_additives_kg", -0.1, r"process\.m_additives_kg"),
    ("process.T_polyol_C", float("nan"), r"process\.T_polyol_C: .*finite"),
    ("process.T_iso_C", float("inf"), r"process\.T_iso_C"),
    ("process.T_iso_C", "warm", r"process\.T_iso_C"),
    ("process.T_polyol_C", 298.15, r"process\.T_polyol_C: .*less than or equal to 250"),
    ("process.T_iso_C", DROP, r"process\.T_iso_C: is missing"),
    ("process.m_polyol", 0.5, r"process\.m_polyol: unknown field"),  # given twice
    ("process.mass_polyol", 1.0, r"process\.mass_polyol: unknown field: "),
    ("process.RH_ambient", 75, r"RH_ambient is a fraction 0\.\.1, not 75: write RH_ambient_pct"),
    ("process.RH_ambient", "0.5", r"RH_ambient is a fraction"),
    ("process.RH_ambient_pct", 101, r"process\.RH_ambient_pct"),
    ("process.mixing_eff", 0, r"process\.mixing_eff"),
    ("process.nco_oh_index", 105, r"process\.nco_oh_index"),
    ("mold.cavity_volume_m3", -1, r"mold\.cavity_volume_m3"),
    ("mold.cavity_volume_m3", DROP, r"cavity_volume_m3: needed for a closed mold"),
    ("mold.mass_kg", DROP, r"mass_kg: needed for a closed mold"),
    ("mold.heater_W_per_K", 5, r"T_set_C: needed beside heater_W_per_K"),
    ("mold.vents", {"count": -1}, r"mold\.vents\.count"),
    ("mold.p_ambient_bar", 101325, r"mold\.p_ambient_bar"),
    ("quality.core_temp_max_C", 0, r"quality\.core_temp_max_C"),
    ("quality.swell_max", 2, r"quality\.swell_max"),
    ("simulation.dt_s", 0, r"simulation\.dt_s"),
    ("simulation.dt_s", 1e-9, r"simulation: dt_s: .*raise dt_s"),
    ("simulation.t_end_s", -5, r"simulation\.t_end_s"),
    ("simulation.dimension", "2d", r"simulation\.dimension"),
    ("simulation.rtol", 1, r"simulation\.rtol"),
    ("system_id", "SYSTEM_X", r"system_id: no system 'SYSTEM_X' in .*there are: "),
    ("system_id", DROP, r"give either system_id or a whole material under system"),
    ("system", {"system_id": "X"}, r"give either system_id or a whole material"),
    ("process", DROP, r"process: is missing"),
    ("mold", DROP, r"mold: is missing"),
    ("speed", 3, r"speed: unknown field"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), REFUSED, ids=[f"{r[0]}={r[1]}"[:60] for r in REFUSED]
)
def test_wrong_fields_are_refused_by_name(
    tmp_path: Path, path: str, value: object, message: str
) -> None:
    file = write(tmp_path, with_field(path, value))
    with pytest.raises(InputError, match=message) as error:
        load_scenario(file)
    assert str(file) in str(error.value)


def test_a_name_in_other_case_is_the_one_that_is_meant() -> None:
    assert nearest_field(Process, ("M_polyol",)) == "m_polyol_kg"


def test_all_wrong_fields_are_named_at_once(tmp_path: Path) -> None:
    content = with_field("process.m_iso_kg", -1)
    content["mold"]["mass_kg"] = "heavy"
    with pytest.raises(InputError) as error:
        load_scenario(write(tmp_path, content))
    lines = str(error.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["process.m_iso_kg", "mold.mass_kg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("process: {m_iso_kg: 1, m_iso_kg: 2}", r"line 1: 'm_iso_kg' stands twice"),
        ("a: 1\nb: 2\na: 3\n", r"line 3: 'a' stands twice"),
        ("a: [1", "cannot be read as YAML"),
        ("- 1\n- 2\n", "must hold a mapping of fields, not list"),
        ("", "must hold a mapping of fields, not NoneType"),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
        ("system_id: [1]\nprocess: {}\n", "system_id"),
        ("? {a: 1}\n: 2\n", "cannot be read as YAML"),
        ("description: 2024-13-45\n", "cannot be read as YAML"),  # a date that is none
        ("a: " + "1" * 5000, "cannot be read as YAML"),
        ("[" * 5000, "cannot be read as YAML"),
        ("1: 2\nsystem_id: SYSTEM_R1\n", "1: "),
    ],
)
def test_files_that_are_not_a_scenario(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(InputError, match=message) as error:
        load_scenario(file)
    assert str(file) in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.yaml: no such file"):
        load_scenario(tmp_path / "missing.yaml")
    with pytest.raises(InputError, match="is a folder, not a regular file"):
        load_scenario(tmp_path)  # a folder
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"binary\.yaml: line 1: is not text in UTF-8"):
        load_scenario(binary)


def test_liquid_that_does_not_fit_is_refused() -> None:
    small = Mold(cavity_volume_m3=1e-3, surface_area_m2=0.1, mass_kg=1.0)
    base = panel(1.0)
    too_much = base.model_copy(
        update={"mold": small, "process": base.process.model_copy(update={"m_polyol_kg": 2.0})}
    )
    with pytest.raises(InputError, match=r"the liquid takes .* l, the cavity .* has 1 l"):
        simulate(too_much)


def test_a_backend_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match=r"'euler', must be one of: .*manual.*solve_ivp"):
        simulate(panel(1.0), backend="euler")


def test_density_range_must_not_be_empty() -> None:
    with pytest.raises(ValueError, match="no density could pass"):
        Quality.model_validate({"rho_moulded_min": 50, "rho_moulded_max": 40})


def test_scenarios_are_frozen() -> None:
    loaded: Scenario = panel(1.0)
    with pytest.raises(ValueError, match="frozen"):
        loaded.process.m_iso_kg = 2.0
