"""Scenarios as documents: from JSON to what is simulated, and back to a file for ``run-sim``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from edge_agent.config.catalogue import Catalogue
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.checked_yaml import parse
from twin_core.errors import InputError
from twin_core.files import load_quality
from twin_core.scenario import Scenario
from twin_core.shipped_files import configs_folder
from twin_core.system_versions import load_systems
from twin_core.yaml_text import dump_yaml

OUTPUTS_MAX = 20_000
"""Output times of one result: more would only fill the memory."""
WHERE = "scenario"
"""Place in error messages."""


def scenario_of_document(document: Mapping[str, Any], catalogue: Catalogue) -> Scenario:
    """The scenario that a document describes; names are those of the catalogue.

    Args:
        document: as the content of a scenario file, see ``twin_core.load_scenario``; it names no
            other file.
        catalogue: systems, molds and quality limits of the plant.

    Raises:
        InputError: each line names a wrong field.
    """
    content = dict(document)
    system_id = content.pop("system_id", None)
    if (system_id is None) == ("system" not in content):
        raise InputError(f"{WHERE}: system_id: give either system_id or a whole system")
    if system_id is not None:
        if isinstance(system_id, str) and system_id in catalogue.sheets:
            raise catalogue.sheets[system_id].refusal()
        content["system"] = _named(catalogue.systems, system_id, "system_id")
    mold = content.get("mold")
    if isinstance(mold, str):
        content["mold"] = _named(catalogue.molds, mold, "mold")
        content.setdefault("quality", catalogue.quality_of(mold))
    if isinstance(content.get("quality"), str):
        content["quality"] = _preset(content["quality"])
    content.setdefault("quality", catalogue.quality)
    scenario = parse(Scenario, content, WHERE)
    options = scenario.simulation
    if options.t_end_s / options.dt_s > OUTPUTS_MAX:
        raise InputError(
            f"{WHERE}: simulation.dt_s: {options.t_end_s:g} s at {options.dt_s:g} s are more than "
            f"{OUTPUTS_MAX} times: raise dt_s"
        )
    return scenario


def set_for(
    document: Mapping[str, Any], scenario: Scenario, catalogue: Catalogue
) -> ParameterSet | None:
    """The parameter set with which the press simulates the shot of a document.

    None for a document that holds a system or a mold of its own, instead of a name.

    Args:
        document: what ``scenario_of_document`` got.
        scenario: what it gave.
        catalogue: systems, molds and parameter sets of the plant.
    """
    if document.get("system_id") is None or not isinstance(document.get("mold"), str):
        return None
    key = scenario.mold.mold_id, scenario.system.system_id
    return catalogue.parameter_sets.get(key)


def document_of(scenario: Scenario) -> dict[str, Any]:
    """The document of a scenario, which ``run-sim`` takes without a catalogue of the plant.

    A system that comes with the product is named; any other one is written out.
    """
    system = scenario.system
    found = scenario.model_dump(mode="json", exclude={"system"}, exclude_unset=True)
    found = {"scenario_id": scenario.scenario_id, **found}
    if _shipped_hashes().get(system.system_id) == system.parameters_hash():
        return {"system_id": system.system_id, **found}
    return {**found, "system": system.model_dump(mode="json", exclude_unset=True)}


def yaml_of(scenario: Scenario) -> str:
    """The scenario as YAML text."""
    return dump_yaml(document_of(scenario), allow_unicode=True)


@cache
def _shipped_hashes() -> dict[str, str]:
    """Hashes of the parameters of the systems that come with the product."""
    systems = load_systems(configs_folder() / "systems")
    return {system_id: system.parameters_hash() for system_id, system in systems.items()}


def _named(known: Mapping[str, Any], name: object, field: str) -> Any:
    if not isinstance(name, str) or name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise InputError(f"{WHERE}: {field}: {name!r} is not in the catalogue (known: {listed})")
    return known[name]


def _preset(name: str) -> dict[str, Any]:
    folder = configs_folder() / "quality"
    presets = {file.stem: file for file in folder.glob("*.yaml")}
    return load_quality(_named(presets, name, "quality")).model_dump(exclude_unset=True)
