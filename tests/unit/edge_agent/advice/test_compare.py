"""Means and shares before and after: known intervals, too few shots, shots that are all alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edge_agent.advice.compare import SHOTS_MIN, compare_means, compare_shares


def test_means_have_the_interval_of_welch() -> None:
    random = np.random.default_rng(7)
    before, after = random.normal(300.0, 5.0, 40), random.normal(270.0, 9.0, 12)
    found = compare_means("t_s", before.tolist(), after.tolist())
    expected = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.before_count, found.after_count, found.verdict) == (40, 12, "less")
    assert found.difference == pytest.approx(after.mean() - before.mean())


def test_the_interval_of_means_holds() -> None:
    random = np.random.default_rng(8)
    held = 0
    for _ in range(400):
        before, after = random.normal(300.0, 5.0, 15), random.normal(298.0, 5.0, 10)
        found = compare_means("t_s", before.tolist(), after.tolist())
        assert found.low is not None
        assert found.high is not None
        held += found.low <= -2.0 <= found.high
    assert held / 400 == pytest.approx(0.95, abs=0.03)


def test_shares_have_newcombes_interval() -> None:
    # Newcombe 1998, method 10: 56/70 and 48/80 differ by 0.2 (0.0524 to 0.3339)
    found = compare_shares("scrap", [True] * 48 + [False] * 32, [True] * 56 + [False] * 14)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert found.verdict == "more"
    none = compare_shares("scrap", [False] * 20, [False] * 20)
    assert (none.difference, none.verdict) == (0.0, "no difference seen")


@pytest.mark.parametrize("compare", [compare_means, compare_shares])
def test_too_few_shots_is_an_answer(compare) -> None:  # type: ignore[no-untyped-def]
    for before, after in (([], []), ([1.0] * 50, [0.0] * (SHOTS_MIN - 1)), ([1.0], [0.0] * 50)):
        found = compare("x", before, after)
        assert (found.difference, found.low, found.verdict) == (None, None, "too few shots")
        assert (found.before_count, found.after_count) == (len(before), len(after))


def test_shots_that_are_all_alike() -> None:
    found = compare_means("t_s", [300.0] * 10, [290.0] * 10)
    assert (found.low, found.high, found.verdict) == (-10.0, -10.0, "less")
    assert compare_means("t_s", [300.0] * 10, [300.0] * 10).verdict == "no difference seen"
