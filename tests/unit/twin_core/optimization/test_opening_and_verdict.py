"""The opening time of many windows, and bounds that hold on some of the draws."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from twin_core.files import load_scenario
from twin_core.optimization.candidate import Drawn, Rules, judge
from twin_core.optimization.constraints import OF_THE_SHOT, asked
from twin_core.optimization.opening import earliest_opening, violated_share

RNG = np.random.default_rng(3)
WHAT = asked(load_scenario("rigid_panel"), {"t_cycle_max_s": 500.0})


def rules(violations: int, **changes: Any) -> Rules:
    given = {"t_low_s": 1e-9, "t_high_s": 500.0, "t_step_s": None} | changes
    return Rules(WHAT, violations, **given)


def drawn(count: int, rng: np.random.Generator) -> Drawn:
    start = rng.normal(300.0, 80.0, count)
    start[rng.random(count) < 0.1] = np.nan
    margins = rng.normal(0.3, 0.2, (count, len(OF_THE_SHOT)))
    end = start + rng.exponential(400.0, count)
    p = rng.normal(1.2, 0.1, count)
    return Drawn(list(range(count)), start, end, margins, p, np.full(count, "skin"))


def some(whole: Drawn, rows: Any) -> Drawn:
    return Drawn(
        [whole.which[i] for i in rows], whole.start[rows], whole.end[rows], whole.margins[rows],
        whole.p_bar[rows], whole.opens[rows],
    )  # fmt: skip


def by_trial(start: Any, end: Any, violations: int) -> float:
    """The answer by trying every time on a fine grid."""
    for t in np.sort(start[~np.isnan(start)]):
        if ((start <= t) & (t <= end)).sum() >= len(start) - violations:
            return float(t)
    return math.nan


@pytest.mark.parametrize("violations", [0, 1, 5])
def test_the_first_time_inside_enough_windows(violations: int) -> None:
    for _ in range(60):
        start = RNG.uniform(100.0, 400.0, 24)
        end = start + RNG.exponential(300.0, 24)
        start[RNG.random(24) < 0.05] = np.nan
        t, missing = earliest_opening(start, end, violations)
        assert t == pytest.approx(by_trial(start, end, violations), nan_ok=True)
        assert (missing > 0) == math.isnan(t)


def test_many_windows_take_little_memory() -> None:
    """A table of times and windows would have a hundred million places."""
    start = RNG.uniform(100.0, 400.0, 10_000)
    tracemalloc.start()
    try:
        t, missing = earliest_opening(start, start + 400.0, 500)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (t, missing) == (np.sort(start)[9_499], 0)
    assert most < 5e6


def test_times_on_steps() -> None:
    start, end = np.array([101.0, 117.0]), np.array([300.0, 119.0])
    assert earliest_opening(start, end, 0) == (117.0, 0)
    assert earliest_opening(start, end, 1, (60.0, 5.0)) == (105.0, 0)
    t, missing = earliest_opening(start, end, 0, (60.0, 5.0))
    assert math.isnan(t)  # 120 is too late for one of them
    assert missing == 1
    assert earliest_opening(np.array([100.0]), np.array([200.0]), 0, (60.0, 5.0)) == (100.0, 0)


def test_the_interval_of_a_share() -> None:
    """Each end makes what was seen one in forty."""
    share, low, high = violated_share(3, 60)
    assert share == 0.05
    assert binom.sf(2, 60, low) == pytest.approx(0.025)
    assert binom.cdf(3, 60, high) == pytest.approx(0.025)
    assert violated_share(0, 10)[1] == 0.0
    assert violated_share(10, 10)[2] == 1.0


@pytest.mark.parametrize("wait", [0.0, 0.1])
@pytest.mark.parametrize("violations", [0, 2])
def test_some_draws_are_never_judged_worse_than_all(violations: int, wait: float) -> None:
    """What is given up early could not have won."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        whole = drawn(12, rng)
        if seed % 2:
            whole.margins = np.abs(whole.margins)
        of_all = judge(whole, rules(violations), wait)
        part = some(whole, rng.permutation(12)[: rng.integers(1, 12)])
        found = judge(part, rules(violations), wait)
        assert found.violation <= of_all.violation + 1e-12
        if of_all.violation == 0.0:
            assert found.reached.t_open_s <= of_all.reached.t_open_s
            assert found.reached.p_max_bar <= of_all.reached.p_max_bar


def test_a_looser_limit_is_never_later() -> None:
    for seed in range(100):
        whole = drawn(12, np.random.default_rng(seed))
        whole.margins = np.abs(whole.margins)
        strict, loose = (judge(whole, rules(count)).reached.t_open_s for count in (1, 3))
        assert math.isnan(strict) or loose <= strict
        late = judge(whole, rules(1, t_high_s=800.0)).reached.t_open_s
        assert math.isnan(strict) or late <= strict
