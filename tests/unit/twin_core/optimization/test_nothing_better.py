"""Today beside the advice: an opening that is not safe, and a search that found nothing better."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.twin_core.optimization.test_run import task
from twin_core.optimization.result import OptimizationResult
from twin_core.optimization.run import optimize
from twin_core.optimization.words import gain_words, signed

LITTLE = {"draws": 4, "confirm_draws": 8, "samples": 1, "candidates": 1}


def found(**given: Any) -> OptimizationResult:
    return optimize(task(**{**LITTLE, **given}))


def test_an_opening_of_today_that_is_not_safe_is_said() -> None:
    result = found(t_open_today_s=100.0)
    first, second = gain_words(result)
    assert first.startswith("today does not hold: opened at 100 s, 8 of 8 draws miss a limit (skin")
    assert second.startswith("against today: +")


def test_today_is_judged_at_the_stated_time_also_where_nothing_is_feasible() -> None:
    """Or where the search was ended before the check."""
    for given in ({"constraints": {"t_cycle_max_s": 20.0}}, {"confirm_draws": 0}):
        today = found(t_open_today_s=100.0, **given).today
        assert today is not None
        assert today.t_open_s == 100.0
        assert today.violations == today.draws
        assert sum(today.missed.values()) >= today.draws
        assert today.figures["quality_margin"] < -0.5


def test_today_is_a_candidate_also_beside_the_steps() -> None:
    bounds = {"T_mold_C": {"low": 30, "high": 41, "step": 8}}
    result = found(variables=bounds)
    assert result.chosen is not None
    assert result.chosen.settings == {"T_mold_C": 40.0}
    words = "nothing better than today was found: the advice is today's settings"
    assert list(gain_words(result)) == [words, "against today: +0.0 s a cycle"]


def test_advice_that_is_worse_than_today_says_so() -> None:
    """Today lies outside the bounds."""
    result = found(variables={"T_mold_C": {"low": 30, "high": 35}})
    assert result.gain is not None
    assert result.gain.cycle_s < 0.0
    assert next(gain_words(result)).startswith("nothing better than today was found: the advice is")


def test_today_on_a_front_gives_way_to_no_worse_point() -> None:
    goals = {"goals": ["cycle", "material"], "variables": {"T_mold_C": {"low": 30, "high": 40}}}
    result = found(**goals, samples=6, candidates=30)
    assert result.nothing_better
    assert result.chosen is not None
    assert result.chosen.settings == {"T_mold_C": 40.0}


@pytest.mark.parametrize(("value", "text"), [(-0.02, "+0.0"), (-0.2, "-0.2"), (3.0, "+3.0")])
def test_nought_has_no_minus(value: float, text: str) -> None:
    assert signed(value) == text


def test_one_candidate_is_counted_once() -> None:
    result = found(variables={"vents_count": {"low": 2, "high": 2}}, samples=4, candidates=12)
    assert result.candidates == 1
    assert result.random_count == 1
    assert result.notes == ("no setting has a second value to search: there is one candidate",)


def test_a_trifle_is_no_reason_to_change() -> None:
    """Vents beside those of today bring less than a thousandth of a second."""
    result = found(variables={"vents_count": {"low": 1, "high": 4}}, samples=4, candidates=8)
    assert result.chosen is not None
    assert result.chosen.settings == {"vents_count": 2.0}
    assert result.why_chosen.endswith("today's settings")
