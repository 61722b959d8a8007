"""Wrong fields of a task point into the body."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.web.api.task_fields import refusal_in_body
from twin_core.errors import InputError

CONFIG: dict[str, Any] = {
    "goals": ["speed"],
    "variables": {"T_mold_C": [35, 500]},
    "samples": -1,
    "changes": [{"after_candidates": -1}],
    "t_cycle_max": -3,
}


@pytest.mark.parametrize(
    ("line", "pointer", "detail"),
    [
        ("optimizer_config: goals: speed is no goal", "goals", "speed is no goal"),
        ("optimizer_config: samples: must be 1 or more (found -1)", "samples", "must be 1"),
        ("variables: T_mold_C: 35 to 500 C leaves", "variables/T_mold_C", "35 to 500 C leaves"),
        ("optimizer_config: variables.T_mold_C.low: x", "variables/T_mold_C", "x"),
        ("optimizer_config: changes.0.after_candidates: y", "changes/0/after_candidates", "y"),
        ("optimizer_config: constraints.t_cycle_max_s: z", "t_cycle_max", "z"),
        ("constraints: t_cycle_max_s: -3 s must be above 0", "t_cycle_max", "-3 s must be"),
        ("scatter: m_iso_pct: -1 is below 0", "", "scatter: m_iso_pct: -1"),
        ("optimizer_config: the whole: goals: cost needs prices: a", "goals", "cost needs prices"),
        ("optimizer_config: candidates: 9000 are too many", "", "candidates: 9000"),
    ],
)
def test_of_the_configuration(line: str, pointer: str, detail: str) -> None:
    (found,) = refusal_in_body(InputError(line), {"optimizer_config": CONFIG}).errors
    assert found.pointer == f"#/optimizer_config/{pointer}".rstrip("/")
    assert found.detail.startswith(detail)


def test_bounds_is_what_the_body_says() -> None:
    body = {"optimizer_config": {"bounds": {"T_mold_C": [35, 500]}}}
    (found,) = refusal_in_body(InputError("variables: T_mold_C: leaves"), body).errors
    assert found.pointer == "#/optimizer_config/bounds/T_mold_C"


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        ("optimizer section of rigid_panel.yaml: T_mold_C: leaves", "#/quality"),
        ("settings: m_iso_kg: must be above 0", "#/process/m_iso_kg"),
    ],
)
def test_of_what_follows(line: str, pointer: str) -> None:
    for body in ({}, {"optimizer_config": CONFIG}):
        (found,) = refusal_in_body(InputError(line), body).errors
        assert found.pointer == pointer


def test_of_the_scenario() -> None:
    line = "scenario: process.m_iso_kg: is missing: add it"
    for config in ({}, {"optimizer_config": CONFIG}):
        (found,) = refusal_in_body(InputError(line), config).errors
        assert found.pointer == "#/process/m_iso_kg"
    both = refusal_in_body(
        InputError(f"{line}\noptimizer_config: goals: speed is no goal"),
        {"optimizer_config": CONFIG},
    )
    assert {one.pointer for one in both.errors} == {
        "#/process/m_iso_kg",
        "#/optimizer_config/goals",
    }
