"""Chunks of work: in order, with progress, the same numbers however they are cut."""

from __future__ import annotations

import pytest

from edge_agent.learning import physics_columns as simulated
from edge_agent.learning.parallel import in_parallel
from edge_agent.learning.physics_columns import simulate_columns
from tests.support.scenarios import panel
from twin_core.scenario import Scenario


def _double(chunk: list[int], workers: int | None) -> list[int]:
    assert workers is None
    return [2 * number for number in chunk]


def test_answers_come_in_order_with_progress() -> None:
    told: list[tuple[int, int]] = []
    answers = in_parallel(
        _double, [[1, 2], [3], []], lambda done, total: told.append((done, total)), ray=False
    )
    assert list(answers) == [[2, 4], [6], []]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_chunks_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    scenarios: list[Scenario] = [panel(1.0 + 0.05 * number) for number in range(5)]
    whole = simulate_columns(scenarios, ray=False)
    monkeypatch.setattr(simulated, "SHOTS_AT_ONCE", 2)
    told: list[tuple[int, int]] = []
    cut = simulate_columns(scenarios, lambda done, total: told.append((done, total)), ray=False)
    assert cut == whole
    assert told[-1] == (5, 5)


def test_a_shot_that_cannot_be_simulated_says_why() -> None:
    good = panel(1.1)
    hopeless = good.model_copy(
        update={"simulation": good.simulation.model_copy(update={"max_evaluations": 100})}
    )
    (alone,) = simulate_columns([hopeless], ray=False)
    assert isinstance(alone, str)
    assert "100" in alone
    assert simulate_columns([], ray=False) == []
