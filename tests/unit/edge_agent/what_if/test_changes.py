"""Changes of a shot: what each means for recipe and mold, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.what_if.changes import CHANGES, changed, checked
from edge_agent.what_if.documents import OUTPUTS_MAX, scenario_of_document
from tests.support.what_if import BASE
from twin_core.errors import InputError
from twin_core.scenario import Scenario


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CatalogueSettings())


@pytest.fixture(scope="module")
def base(catalogue: Catalogue) -> Scenario:
    return scenario_of_document(BASE, catalogue)


def total(scenario: Scenario) -> float:
    p = scenario.process
    return p.m_polyol_kg + p.m_iso_kg + p.m_additives_kg


def density(scenario: Scenario) -> float:
    assert scenario.mold.cavity_volume_m3 is not None
    return total(scenario) / scenario.mold.cavity_volume_m3


def test_nothing_changed_is_the_shot_as_it_was(base: Scenario) -> None:
    assert changed(base, 1.1, {}).process == base.process


def test_another_index_shares_the_same_mass_out_anew(base: Scenario) -> None:
    other = changed(base, 1.1, {"nco_oh_index": 1.21})
    assert math.isclose(total(other), total(base))
    before, after = (s.process.m_iso_kg / s.process.m_polyol_kg for s in (base, other))
    assert math.isclose(after / before, 1.1)
    assert other.process.nco_oh_index == 1.21


def test_a_thicker_part_has_the_same_density_unless_a_mass_is_asked_for(base: Scenario) -> None:
    other = changed(base, 1.1, {"thickness_mm": 100.0})
    assert math.isclose(other.mold.slab_thickness_m(), 0.1)
    assert math.isclose(density(other), density(base))
    heavier = changed(base, 1.1, {"thickness_mm": 100.0, "mass_kg": 2.0})
    assert math.isclose(total(heavier), 2.0)


def test_a_warmer_mold_is_tempered_warmer(base: Scenario) -> None:
    other = changed(base, 1.1, {"T_mold_C": 52.0})
    assert (other.process.T_mold_C, other.mold.T_set_C) == (52.0, 52.0)
    assert base.mold.T_set_C == 40.0


def test_vents_and_climate(base: Scenario) -> None:
    other = changed(base, 1.1, {"vents_count": 0.0, "RH_ambient_pct": 90.0, "T_ambient_C": 30.0})
    assert other.mold.vents.count == 0
    assert (other.process.RH_ambient_pct, other.process.T_ambient_C) == (90.0, 30.0)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("value", ["hot", True, math.nan, math.inf, -1e9, 1e9, [1]])
def test_what_cannot_be_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"changes: {name}: "):
        checked({name: value})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        checked({"T_core_C": 1.0, "mass_kg": -1.0, "T_mold_C": None})
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()] == [
        *("T_core_C", "mass_kg")
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"system_id": None}, "either system_id or a whole system"),
        ({"system_id": ["x"]}, "is not in the catalogue"),
        ({"mold": "../../etc/passwd"}, "is not in the catalogue"),
        ({"quality": "../secret"}, "is not in the catalogue"),
        ({"process": {**BASE["process"], "T_iso_C": 999.0}}, "process.T_iso_C"),
        ({"simulation": {"t_end_s": 600.0, "dt_s": 0.001}}, f"more than {OUTPUTS_MAX} times"),
        ({"extra": 1}, "unknown field"),
    ],
)
def test_documents_that_cannot_be(
    catalogue: Catalogue, document: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        scenario_of_document(BASE | document, catalogue)


def test_a_whole_system_may_be_given(catalogue: Catalogue) -> None:
    system = catalogue.systems["RIGID_PANEL"]
    document = {**BASE, "system": system.model_dump(mode="json", exclude_unset=True)}
    del document["system_id"]
    found = scenario_of_document(document, catalogue)
    assert found.system.parameters_hash() == system.parameters_hash()
