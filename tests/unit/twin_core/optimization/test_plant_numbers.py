"""Calibration and what was learned in a search: settings stay those of the press."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.parameter_sets import made_set
from twin_core.calibration.parameter_set import calibrated
from twin_core.files import load_scenario
from twin_core.optimization.run import optimize
from twin_core.optimization.task import OptimizationTask
from twin_core.scenario import Scenario, SimulationOptions

PANEL = load_scenario("rigid_panel").model_copy(
    update={"simulation": SimulationOptions(dimension="0d")}
)
OFFSET_K = 5.0


def task(scenario: Scenario = PANEL, **more: Any) -> OptimizationTask:
    fixed = {"m_total_kg": {"low": 0.53, "high": 0.54}}
    content = {"scenario": scenario, "variables": fixed, "draws": 4, "confirm_draws": 0}
    return OptimizationTask.model_validate(
        content | {"samples": 4, "candidates": 4, "violations_allowed": 0.25} | more
    )


def test_settings_are_those_of_the_press() -> None:
    mold_id = PANEL.mold.mold_id
    used = made_set(0.9, {mold_id: {"T_mold_offset_C": OFFSET_K}}, system=PANEL.system)
    found = optimize(task(parameter_set=used))
    by_hand = optimize(task(calibrated(PANEL, used)))
    assert found.parameter_set == used.set_id
    assert found.today is not None
    assert by_hand.today is not None
    assert found.today.t_open_s == by_hand.today.t_open_s
    assert [one.t_open_s for one in found.history] == [one.t_open_s for one in by_hand.history]
    assert found.today.process.T_mold_C == PANEL.process.T_mold_C
    assert by_hand.today.process.T_mold_C == pytest.approx(found.today.process.T_mold_C + OFFSET_K)
    assert found.today.t_open_s != optimize(task()).today.t_open_s  # type: ignore[union-attr]


def test_what_was_learned_moves_every_opening() -> None:
    plain, later = optimize(task()), optimize(task(memory_factor=1.1, memory_source="a test"))
    assert later.memory_factor == 1.1
    pairs = list(zip(plain.history, later.history, strict=True))
    assert all(one.settings == other.settings for one, other in pairs)
    known = [(a.t_open_s, b.t_open_s) for a, b in pairs if a.feasible and b.feasible]
    assert known
    assert [b for _, b in known] == pytest.approx([1.1 * float(a or 0.0) for a, _ in known])
