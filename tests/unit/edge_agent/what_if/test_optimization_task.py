"""Tasks from documents: names of both generations, usual bounds, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.parameter_sets import AppliedSets
from edge_agent.config.settings import CatalogueSettings
from edge_agent.what_if import optimization_task
from edge_agent.what_if.optimization_task import task_of_document
from tests.support.parameter_sets import made_set
from tests.support.what_if import BASE
from twin_core.errors import InputError
from twin_core.scenario import Quality


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CatalogueSettings(), Quality(), {})


def test_the_first_generations_form(catalogue: Catalogue) -> None:
    config = {
        "samples": 20,
        "seed": 7,
        "t_cycle_max": 500,
        "prefer_lower_pressure": True,
        "bounds": {"T_polyol_in_C": [20, 30], "T_mold_init_C": [35, 50]},
    }
    task = task_of_document(BASE | {"optimizer_config": config}, catalogue)
    assert (task.samples, task.seed, task.prefer_lower_pressure) == (20, 7, True)
    assert {name: (b.low, b.high) for name, b in task.variables.items()} == {
        "T_polyol_C": (20.0, 30.0),
        "T_mold_C": (35.0, 50.0),
    }
    assert task.constraints["t_cycle_max_s"] == 500.0
    plain = task_of_document(BASE, catalogue)
    assert (plain.goals, plain.scenario.system.system_id) == (("cycle_s",), "RIGID_PANEL")


def test_as_many_samples_as_the_first_generation_took(catalogue: Catalogue) -> None:
    many = task_of_document(BASE | {"optimizer_config": {"samples": 1000}}, catalogue)
    assert (many.samples, many.candidates) == (1000, 1000)
    few = task_of_document(BASE | {"optimizer_config": {"candidates": 20}}, catalogue)
    assert (few.samples, few.candidates) == (20, 20)


def test_bounds_that_are_left_open_are_the_usual_ones(catalogue: Catalogue) -> None:
    given = {"T_mold_C": None, "nco_oh_index": {"low": None, "high": 1.2}}
    task = task_of_document(BASE | {"optimizer_config": {"variables": given}}, catalogue)
    mold, index = task.variables["T_mold_C"], task.variables["nco_oh_index"]
    assert (mold.low, mold.high) == (35.0, 50.0)
    assert (index.low < 1.2, index.high) == (True, 1.2)


def test_usual_bounds_are_not_nearer_than_the_step_that_is_asked_for(catalogue: Catalogue) -> None:
    """The page has a step for each setting; five per cent of a small shot are less."""
    config = {"optimizer_config": {"variables": {"m_total_kg": {"step": 0.1}}}}
    bounds = task_of_document(BASE | config, catalogue).variables["m_total_kg"]
    assert bounds.high - bounds.low >= bounds.step


def test_bounds_of_a_preset_count_where_none_are_asked_for(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = tmp_path / "quality" / "rigid_panel.yaml"
    preset.parent.mkdir()
    preset.write_text("optimizer: {bounds: {T_mold_C: {low: 38, high: 48, step: 1}}}\n")
    monkeypatch.setattr(optimization_task, "configs_folder", lambda: tmp_path)
    named = BASE | {"quality": "rigid_panel"}
    found = task_of_document(named, catalogue)
    assert found.variables["T_mold_C"].step == 1.0
    assert found.variables_source == "optimizer section of rigid_panel.yaml"
    config = {"optimizer_config": {"bounds": {"T_iso_C": [20, 30]}}}
    assert task_of_document(named | config, catalogue).variables.keys() == {"T_iso_C"}


def test_the_calibration_in_use_is_the_jobs(catalogue: Catalogue) -> None:
    mold_id, system_id = BASE["mold"], BASE["system_id"]
    used = made_set(0.8, {mold_id: {}}, system=catalogue.systems[system_id])
    known = catalogue.with_sets(AppliedSets({(mold_id, system_id): used}, {}))
    assert task_of_document(BASE, known).parameter_set == used
    assert task_of_document(BASE, catalogue).parameter_set is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"optimizer_config": {"samples": -1}}, "samples"),
        ({"optimizer_config": {"bounds": {"T_mold_C": [60, 40]}}}, "exchange them"),
        ({"optimizer_config": {"bounds": {"T_mould_C": [40, 60]}}}, "T_mold_C"),
        ({"optimizer_config": {"variables": {"T_mould_C": None}}}, "T_mold_C"),
        ({"optimizer_config": {"variables": {"t_open_s": None}}}, "give its bounds"),
        ({"optimizer_config": {"variables": {"T_mold_C": [10, 400]}}}, "leaves what the model"),
        ({"optimizer_config": {"bounds": {}, "variables": {}}}, "give only one"),
        ({"optimizer_config": {"goals": ["speed"]}}, "speed is no goal"),
        ({"optimizer_config": {"goals": ["cost"]}}, "needs prices"),
        ({"optimizer_config": {"candidates": 9_000}}, "at most 5000"),
        ({"optimizer_config": {"draws": 4_000}}, "at most 1024"),
        ({"optimizer_config": {"confirm_draws": 90_000}}, "at most 20000"),
        (
            {"optimizer_config": {"variables": {"t_open_s": [400, 500]}, "t_cycle_max": 300}},
            "no opening time can meet both",
        ),
        (
            {
                "optimizer_config": {
                    "changes": [{"after_candidates": 9, "variables": {"T_mold_C": [38, 300]}}]
                }
            },
            "leaves what the model",
        ),
        ({"optimizer_config": {"scenario": {}}}, "beside"),
        ({"optimizer_config": {"constraints": {"p_max": "low"}}}, "p_max"),
        ({"optimizer_config": {"constraints": [], "t_cycle_max": 9}}, "object"),
        ({"optimizer_config": {"history": "yes"}}, "true or false"),
        ({"optimizer_config": {"memory_factor": 2.0}}, "taken from the plant"),
        ({"optimizer_config": []}, "object"),
        ({"optimizer_config": [1]}, "object"),
        ({"mold": "NONE"}, "mold"),
    ],
)
def test_what_is_refused(catalogue: Catalogue, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        task_of_document(BASE | more, catalogue)
