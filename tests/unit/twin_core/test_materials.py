"""Material systems: every number has unit, kind and source; wrong ones are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.scenarios import CONFIGS, SYSTEM_IDS, catalogue
from twin_core import InputError, MaterialSystem, load_systems
from twin_core.checked_yaml import parse

SYSTEM_FILES = [CONFIGS / "systems" / f"{system_id}.yaml" for system_id in SYSTEM_IDS]


def raw(system_id: str = "SYSTEM_M1") -> dict[str, Any]:
    """The content of a system file."""
    content: dict[str, Any] = yaml.safe_load(
        (CONFIGS / "systems" / f"{system_id}.yaml").read_text()
    )
    return content


def numbers(node: object, path: str = "") -> list[str]:
    """Paths of all plain numbers in a file that are not part of a parameter."""
    if isinstance(node, dict):
        if "value" in node:
            return []
        return [p for key, child in node.items() for p in numbers(child, f"{path}.{key}")]
    return [path] if isinstance(node, (int, float)) else []


@pytest.mark.parametrize("file", SYSTEM_FILES, ids=lambda path: path.stem)
def test_every_number_has_unit_kind_and_source(file: Path) -> None:
    content = yaml.safe_load(file.read_text())
    assert content["system_id"] == file.stem
    assert numbers(content) == [".version"]
    system = catalogue()[file.stem]
    for path, parameter in system.parameters():
        assert parameter.unit, path
        assert len(parameter.source) >= 3, path
        assert parameter.source != "plain number", path
    for parameter in system.sheet.values():
        assert parameter.kind == "supplier"
        assert parameter.unit


@pytest.mark.parametrize("system_id", SYSTEM_IDS)
def test_assumed_numbers_are_counted(system_id: str) -> None:
    system = catalogue()[system_id]
    by_hand = [path for path, parameter in system.parameters() if parameter.kind == "assumed"]
    assert system.assumed() == by_hand
    assert "mechanics.cure_exponent" in by_hand  # nobody measured it for any of these
    text = (CONFIGS / "systems" / f"{system_id}.yaml").read_text()
    shared = {"mechanics.rubbery_share", "mechanics.rubbery_strength_share"}
    shared |= {"mechanics.relaxation_shift", "mechanics.glass_width", "gel.surface_warmth"}
    own = {
        f"{part}.{name}" for part in ("mechanics", "gel") for name in raw(system_id).get(part, {})
    }
    rubber = {"mechanics.rubbery_share"} if system_id == "INTEGRAL_SKIN" else set()
    assert shared & own == rubber  # no other file gives its own
    shared -= rubber
    if "tack_free_margin" not in raw(system_id).get("gel", {}):
        shared.add("gel.tack_free_margin")
    assert shared <= set(by_hand)
    assert len(by_hand) == text.count("kind: assumed") + len(shared)


def test_a_plain_number_counts_as_assumed() -> None:
    content = raw()
    content["liquid"]["density"] = 1050
    system = MaterialSystem.model_validate(content)
    assert system.liquid.density.value == 1050
    assert "liquid.density" in system.assumed()


def test_parameters_hash_follows_the_values() -> None:
    content = raw()
    content["gelling"]["A"]["value"] *= 1.001
    other = MaterialSystem.model_validate(content)
    assert other.parameters_hash() != catalogue()["SYSTEM_M1"].parameters_hash()
    again = MaterialSystem.model_validate(raw())
    assert again.parameters_hash() == catalogue()["SYSTEM_M1"].parameters_hash()


WRONG: list[tuple[str, Any, str]] = [
    ("liquid.density.unit", "g/cm3", r"liquid\.density.*unit is 'g/cm3', must be 'kg/m3'"),
    ("liquid.density.value", -1100, r"liquid\.density.*out of range, must be > 500"),
    ("liquid.density.value", float("nan"), r"liquid\.density\.value.*finite"),
    ("liquid.density.kind", "guessed", r"liquid\.density\.kind"),
    ("liquid.density.source", "", r"liquid\.density\.source"),
    ("liquid.viscosity", 1.0, r"liquid\.viscosity: unknown field"),
    ("composition.basis", "volumes", r"composition.*basis"),
    ("gelling.law", "arrhenius", r"gelling"),
    ("gelling.A.value", 0, r"gelling\.second_order\.A.*must be > 0"),
    ("mechanics.poisson.value", 0.5, r"mechanics\.poisson.*must be < 0\.5"),
    ("blowing_agent", None, r"blowing_agent_fraction is 0\.1: give blowing_agent"),
    ("water_reaction", None, r"water_fraction is 0\.02: give water_reaction"),
    ("version", 0, r"version"),
    ("system_id", "a b", r"system_id"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG, ids=[f"{w[0]}={w[1]}" for w in WRONG])
def test_wrong_systems_are_refused_by_name(
    tmp_path: Path, path: str, value: object, message: str
) -> None:
    content = raw()
    *parents, last = path.split(".")
    node = content
    for parent in parents:
        node = node[parent]
    node[last] = value
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message) as error:
        load_systems(file)
    assert str(file) in str(error.value)


def test_a_missing_number_is_named() -> None:
    content = raw()
    del content["liquid"]["c_p"]
    with pytest.raises(InputError, match=r"here: liquid\.c_p: is missing"):
        parse(MaterialSystem, content, "here")


def test_a_mixture_must_give_its_gel_point_and_a_foam_something_to_blow_it() -> None:
    content = raw("WATER_N_PENTANE")
    del content["gel"]["conversion"]
    with pytest.raises(InputError, match=r"gel\.conversion"):
        parse(MaterialSystem, content, "here")
    content = raw("SYSTEM_R1")
    content["composition"]["water_fraction"]["value"] = 0
    with pytest.raises(InputError, match="nothing would blow this foam"):
        parse(MaterialSystem, content, "here")


def test_systems_from_a_folder_a_file_and_a_list(tmp_path: Path) -> None:
    assert sorted(catalogue()) == SYSTEM_IDS
    listed = tmp_path / "list.yaml"
    listed.write_text(yaml.safe_dump({"systems": [raw("SYSTEM_R1"), raw("SYSTEM_M1")]}))
    assert sorted(load_systems(listed)) == ["SYSTEM_M1", "SYSTEM_R1"]
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(raw("SYSTEM_R1")))
    with pytest.raises(InputError, match="SYSTEM_R1 stands twice"):
        load_systems(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        load_systems(tmp_path / "missing")
