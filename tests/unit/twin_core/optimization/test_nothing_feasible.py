"""Where nothing is feasible: the nearest settings lie within the bounds, and a reason is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.twin_core.optimization.test_run import task
from twin_core.optimization.result import OptimizationResult
from twin_core.optimization.run import optimize
from twin_core.optimization.words import gain_words, way_words

LITTLE = {"draws": 4, "confirm_draws": 8, "samples": 4, "candidates": 6}


def infeasible(**given: Any) -> OptimizationResult:
    result = optimize(task(**{**LITTLE, **given}))
    assert not result.feasible
    return result


@pytest.mark.parametrize(
    ("name", "low", "high"), [("m_total_kg", 0.30, 0.40), ("vents_count", 0, 0)]
)
def test_today_is_not_the_nearest_where_it_lies_outside(name: str, low: float, high: float) -> None:
    """It holds, and would hide what is in the way."""
    result = infeasible(variables={name: {"low": low, "high": high}})
    assert result.nearest is not None
    assert low <= result.nearest.settings[name] <= high
    assert result.in_the_way[0].criterion == "fill"
    assert result.in_the_way[0].share == 1.0


def test_settings_that_no_shot_can_have_are_named() -> None:
    bounds = {"m_additives_kg": {"low": 5, "high": 6}, "m_total_kg": {"low": 1, "high": 2}}
    result = infeasible(variables=bounds)
    assert result.nearest is None
    assert "5 kg of additives in a shot of 1 kg" in "".join(way_words(result))


def test_a_bound_of_the_opening_is_named() -> None:
    """Not the longest cycle, which is far away."""
    result = infeasible(variables={"t_open_s": {"low": 10, "high": 60}})
    (words,) = way_words(result)
    assert "t_open_s: missed by 100% of the draws" in words
    assert "the upper bound of t_open_s is 60 s, these draws may be opened from" in words
    assert "t_cycle_max_s" not in words


def test_a_draw_counts_once_for_a_limit() -> None:
    result = infeasible(constraints={"p_max_bar": 0.5})
    assert result.in_the_way[0].criterion == "pressure"
    assert all(item.share <= 1.0 for item in result.in_the_way)


def test_what_the_fresh_draws_miss_is_in_the_way() -> None:
    """One draw of the search holds; those of a scatter of 20 K do not."""
    result = infeasible(
        draws=1, scatter={"T_mold_C": 20}, violations_allowed=0.0,
        constraints={"swell_mm": 0.2, "t_cycle_max_s": 400},
    )  # fmt: skip
    assert result.nearest is not None
    assert result.nearest.violations
    assert result.in_the_way


def test_a_search_that_was_ended_says_what_is_in_the_way() -> None:
    given = task(**LITTLE, constraints={"p_max_bar": 0.5})
    seen = list[int]()
    result = optimize(given, progress=lambda _: seen.append(1), cancelled=lambda: len(seen) > 1)
    assert result.partial
    assert result.in_the_way[0].criterion == "pressure"
    assert not list(gain_words(result)), "there is no advice that could be compared"
