"""Scores beside every baseline, the worst results in a row, and what is asked of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.feature_sets import feature_set
from twin_core.learning.columns import COLUMNS
from twin_core.learning.training.bar import (
    INSIDE,
    INSIDE_TO_PROMOTE,
    MOLD_RESULTS,
    demands,
    hold,
    interval_demands,
)
from twin_core.learning.training.baselines import best_ewma
from twin_core.learning.training.scores import (
    CONSECUTIVE,
    Baselines,
    Corrections,
    Score,
    score,
    worst_in_a_row,
    worst_of_exact,
)
from twin_core.learning.training.table import FeatureSet


@pytest.fixture(scope="module")
def shots() -> FeatureSet:
    return FeatureSet.of(feature_set(900, 3), list(COLUMNS))


@pytest.fixture(scope="module")
def good(shots: FeatureSet) -> Score:
    """Of what knows how a residual comes about, and its scatter."""
    mean, speed = best_ewma("p_max", shots)
    ambient = 0.004 * 2.0 * shots["dev_p_max_T_ambient_C"]
    said = Corrections(shots["prev_p_max_level"] + ambient, np.full(len(shots), 1.645 * 0.0209))
    found = score("p_max", shots, said, 0.01, Baselines(mean, speed, mean), 0.9)
    assert found is not None
    return found


def test_every_baseline_is_there(shots: FeatureSet, good: Score) -> None:
    residual = shots.residual("p_max")

    def rms(off: np.ndarray | float) -> float:
        return float(np.sqrt(np.nanmean((residual - off) ** 2)))

    assert good.rmse_physics == pytest.approx(rms(0.0))
    assert good.rmse_mean == pytest.approx(rms(0.01))
    assert good.rmse_last == pytest.approx(rms(shots["prev_p_max_last"]))
    assert good.rmse_memory == pytest.approx(rms(shots["prev_p_max_expected"]))
    assert (
        good.rmse_ewma == good.rmse_ewma_ridge == pytest.approx(rms(best_ewma("p_max", shots)[0]))
    )
    assert good.ratio_ewma == pytest.approx(good.rmse / good.rmse_ewma)
    assert good.rmse < good.rmse_memory < good.rmse_last
    assert sum(good.results_by_mold.values()) == good.shots_count
    assert good.results_by_mold.keys() == good.coverage_by_mold.keys()


def test_nothing_measured_is_no_score(shots: FeatureSet) -> None:
    nothing = Corrections(np.full(len(shots), np.nan), np.ones(len(shots)))
    beside = Baselines(np.zeros(len(shots)), 0.1)
    assert score("p_max", shots, nothing, 0.0, beside, 0.9) is None


def test_the_worst_in_a_row() -> None:
    rng = np.random.default_rng(4)
    molds = np.array(["a", "b", "c"])[rng.integers(0, 3, 700)]
    molds[-10:] = "few"
    inside = rng.random(700) < 0.85
    sums = []
    for mold in "abc":
        row = inside[molds == mold]
        sums += [row[at : at + CONSECUTIVE].mean() for at in range(len(row) - CONSECUTIVE + 1)]
    assert worst_in_a_row(inside, molds) == pytest.approx(min(sums))
    few = molds == "few"
    assert worst_in_a_row(inside[few], molds[few]) is None


def test_molds_with_few_results_are_put_in_a_row_together() -> None:
    molds, inside = np.repeat(["a", "b"], 60), np.ones(120, bool)
    inside[55:65] = False
    assert worst_in_a_row(inside, molds) == pytest.approx(0.9)


def test_the_worst_of_an_exact_interval_is_what_chance_makes() -> None:
    """One in a hundred of fresh layouts is below it; more results have a worse worst."""
    molds = np.repeat(["a", "b"], 400)
    exact = worst_of_exact(molds, 0.9)
    rng = np.random.default_rng(9)
    below = [(worst_in_a_row(rng.random(800) < 0.9, molds) or 0.0) < exact for _ in range(1000)]
    assert np.mean(below) <= 0.01 + 3.0 * np.sqrt(0.01 * 0.99 / 1000)
    assert worst_of_exact(np.full(CONSECUTIVE, "a"), 0.9) > exact
    assert worst_of_exact(molds, 0.95) > exact


def test_what_is_asked(good: Score) -> None:
    assert hold(demands(good, 0.9))
    words = "; ".join(map(str, demands(good, 0.9)))
    assert "of EWMA's (at most 1.02): yes" in words
    assert "inside (88% to 92%): yes" in words
    assert "on the worst mold with fewer than 500: not judged" in words
    assert "of the worst 100 in a row" in words


BAD = {
    "error": ({"ratio_ewma": 1.021}, "1.021 of EWMA's"),
    "too few inside": ({"coverage": 0.879}, "87.9% inside"),
    "too many inside": ({"coverage": 0.921}, "92.1% inside"),
    "worst in a row": ({"worst_share": 0.7, "worst_exact": 0.78}, "70% of the worst 100"),
    "a mold": (
        {"coverage_by_mold": {"m": 0.79}, "results_by_mold": {"m": MOLD_RESULTS}},
        "79% of 500 on the worst mold",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_hold_is_said(name: str, good: Score) -> None:
    changes, words = BAD[name]
    wrong = [one for one in demands(replace(good, **changes), 0.9) if one.holds is False]
    assert len(wrong) == 1
    assert words in wrong[0].words
    assert str(wrong[0]).endswith(": NO")


def test_a_mold_with_few_results_is_named_only(good: Score) -> None:
    few = {"coverage_by_mold": {"m": 0.6}, "results_by_mold": {"m": MOLD_RESULTS - 1}}
    asked = demands(replace(good, **few), 0.9)
    assert hold(asked)
    assert any("60% of 499" in str(one) for one in asked)


def test_outside_its_range_it_is_judged_too(good: Score) -> None:
    assert not hold(demands(good, 0.9, replace(good, ratio_ewma=1.06)))
    assert hold(demands(good, 0.9, replace(good, ratio_ewma=1.04)))


def test_a_promotion_allows_three_points(good: Score) -> None:
    edge = replace(good, coverage=0.875)
    assert not hold(interval_demands(edge, 0.9, INSIDE))
    assert hold(interval_demands(edge, 0.9, INSIDE_TO_PROMOTE))
    assert not hold(interval_demands(replace(good, coverage=0.865), 0.9, INSIDE_TO_PROMOTE))
