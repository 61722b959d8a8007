"""Test of the level: its rate and power where shots are alike, what parts of a baseline add."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drifting import series, slow, table, windows
from twin_core.learning.autocorrelation import autoregression_of, share_of_mean
from twin_core.learning.drift import check
from twin_core.learning.drift_level import MOST_OF_THE_PRIOR, OWN, Level, Series, levels_of
from twin_core.learning.drift_result import About
from twin_core.learning.drift_result import Level as Verdict
from twin_core.learning.two_sample_tests import Sizes, as_student, holm


def level_of(before: np.ndarray, now: np.ndarray, uncertain: float = 0.0) -> Level:
    found = levels_of([Series(before, now, uncertain)], 20).levels[0]
    assert found is not None
    return found


def found_of(checks: int, columns: int, phi: float, by: float) -> float:
    """Share of checks that find the first of so many columns moved."""
    found = 0
    for seed in range(checks):
        before, now = windows(seed, 1_000, 200, columns, phi)
        now["proc_x0"] = now["proc_x0"] + by
        found += any(moved.name == "proc_x0" for moved in check(before, now).moved)
    return found / checks


# ---- memory of a column


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_an_autoregression_is_found(phi: float) -> None:
    found = autoregression_of(series(np.random.default_rng(1), 20_000, 1, phi)[:, 0])
    assert found.phi == pytest.approx(phi, abs=0.02)


def test_its_estimate_is_not_too_small_in_short_series() -> None:
    values = series(np.random.default_rng(2), 300, 300, 0.9)
    phis = [autoregression_of(column).phi for column in values.T]
    assert np.median(phis) == pytest.approx(0.9, abs=0.015)


def test_degrees_of_freedom_are_those_of_the_scatter_of_the_estimate() -> None:
    values = series(np.random.default_rng(3), 1_000, 400, 0.9)
    found = [autoregression_of(column) for column in values.T]
    variances = [one.variance * share_of_mean(one.phi, 1_000) for one in found]
    scatter = np.var(np.log(variances))
    assert 2.0 / scatter == pytest.approx(np.median([one.freedom for one in found]), rel=0.4)


def test_the_share_of_a_mean() -> None:
    assert share_of_mean(0.0, 200) == pytest.approx(1.0 / 200)
    means = series(np.random.default_rng(4), 200 * 2_000, 1, 0.9).reshape(2_000, 200).mean(axis=1)
    assert share_of_mean(0.9, 200) == pytest.approx(float(means.var()), rel=0.1)


def test_series_that_alternate_are_worth_no_more_than_they_are() -> None:
    assert autoregression_of(np.tile([0.0, 1.0], 500)).phi == 0.0


# ---- power; docs/drift.md states what longer runs found


def test_two_sigma_are_found_where_shots_are_alike() -> None:
    assert found_of(12, 12, 0.9, 2.0) >= 0.9


@pytest.mark.peers
def test_power_among_thirty_alike_columns() -> None:
    assert found_of(200, 30, 0.9, 1.0) >= 0.2
    assert found_of(100, 30, 0.9, 2.0) >= 0.9


@pytest.mark.peers
def test_false_alarms_among_thirty_alike_columns() -> None:
    alarms = [
        check(*windows(s, 1_000, 200, 30, 0.9)).level > Verdict.OK for s in range(1_000, 1_300)
    ]
    assert sum(alarms) <= 7  # 1 % stated; binomial, 99 %


def test_p_values_are_even_where_nothing_changed() -> None:
    found = []
    for seed in range(20):
        before, now = windows(seed, 600, 200, 10, 0.8)
        columns = [Series(before[name], now[name]) for name in before]
        found += [one.p_value for one in levels_of(columns, 20).levels if one is not None]
    for rate in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) < rate) == pytest.approx(rate, abs=4.0 * np.sqrt(rate / 200))


def test_outliers_hide_no_shift_and_make_none() -> None:
    values = np.random.default_rng(6).standard_normal(1_200)
    values[::60] = 1e3
    assert level_of(values[:1_000], values[1_000:]).p_value > 0.01
    assert level_of(values[:1_000], values[1_000:] + 1.0).p_value < 1e-9


def test_what_is_detectable_is_found_in_nine_of_ten() -> None:
    found, rate = 0, 1e-3
    for seed in range(100):
        values = series(np.random.default_rng(seed), 1_200, 1, 0.7)[:, 0]
        by = level_of(values[:1_000], values[1_000:]).detectable(rate)
        found += level_of(values[:1_000], values[1_000:] + by).p_value <= rate
    assert found / 100 == pytest.approx(0.9, abs=0.09)


# ---- parts of the baseline


def lots(rng: np.random.Generator, rows: int, columns: int, size: float) -> np.ndarray:
    """White columns on levels that last for 60 shots."""
    levels = np.repeat(rng.standard_normal((rows // 60 + 1, columns)), 60, axis=0)[:rows]
    return size * levels + rng.standard_normal((rows, columns))


def test_levels_that_last_are_seen_in_the_parts_of_a_baseline() -> None:
    alarms, seen = 0, 0
    for seed in range(10):
        values = lots(np.random.default_rng(seed), 1_400, 6, 0.8)
        result = check(table(values[:1_200]), table(values[1_200:]))
        alarms += result.level > Verdict.OK
        seen += result.blocks > 0
    assert alarms == 0
    assert seen >= 9


def test_parts_of_white_columns_say_nothing() -> None:
    assert sum(check(*windows(s, 1_000, 200, 8)).blocks > 0 for s in range(10)) <= 1


@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_four_parts_of_a_baseline_find_a_jump_by_five(alike: float) -> None:
    """Of slow levels; many seeds by ``python -m tests.drift_rates slow``."""
    alarms, found = 0, 0
    for seed in range(8):
        before, now = slow(seed, alike=alike)
        result = check(before, now)
        assert result.blocks == 4
        alarms += result.level > Verdict.OK
        now["proc_x0"] = now["proc_x0"] + 5.0
        found += [column.name for column in check(before, now).moved] == ["proc_x0"]
    assert alarms == 0
    assert found >= 7


def of_blocks(before: dict[str, np.ndarray], now: dict[str, np.ndarray]) -> list[Level]:
    """Levels judged by parts of the baseline."""
    columns: list[Series | None] = [Series(before[name], now[name]) for name in before]
    return [one for one in levels_of(columns, 20, slow=True).levels if one is not None]


def test_columns_lend_each_other_degrees_of_freedom() -> None:
    before, now = slow(1)
    own = 3.0 * OWN
    assert own + 1.0 < of_blocks(before, now)[0].freedom <= own + MOST_OF_THE_PRIOR


def test_one_column_many_times_lends_none() -> None:
    before, now = slow(1, columns=1)
    before, now = ({f"proc_x{i}": t["proc_x0"] for i in range(20)} for t in (before, now))
    assert of_blocks(before, now)[0].freedom == pytest.approx(3.0 * OWN)


def test_a_wild_window_hides_no_shift() -> None:
    """The baseline alone says how far a window wanders."""
    before, now = slow(2)
    calm = of_blocks(before, {name: values + 10.0 for name, values in now.items()})
    wild = of_blocks(before, {name: 10.0 + 5.0 * values for name, values in now.items()})
    assert [one.variance for one in wild] == pytest.approx([one.variance for one in calm])


def test_what_is_uncertain_is_no_shift() -> None:
    values = np.random.default_rng(7).standard_normal(1_200)
    certain = level_of(values[:1_000], values[1_000:] + 1.0)
    vague = level_of(values[:1_000], values[1_000:] + 1.0, uncertain=1.0)
    assert certain.p_value < 1e-9
    assert vague.p_value > 0.1
    assert vague.sizes.current < 2.0


def test_columns_with_nothing_to_say_are_none() -> None:
    few = Series(np.full(100, np.nan), np.ones(50))
    constant = Series(np.ones(100), np.ones(50))
    assert levels_of([None, few, constant], 20).levels == (None, None, None)


# ---- words and numbers around it


def test_the_level_of_a_check_is_a_test_of_its_own() -> None:
    before, now = windows(3, 1_000, 200, 2)
    now["proc_x1"] = now["proc_x1"] + 1.0
    worst = check(before, now).columns[0]
    level = worst.tests[0]
    assert (worst.name, level.about, level.level) == ("proc_x1", About.LEVEL, Verdict.ALERT)
    assert worst.detectable == pytest.approx(np.sqrt(0.1), abs=0.1)


def test_weighted_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == holm([0.01, 0.04, 0.03], [1.0, 1.0, 1.0])
    assert holm([0.01, 0.01], [0.9, 0.1]) == pytest.approx(
        [0.01 / 0.9, 0.01 / 0.9 * 0.9 + 0.0], abs=0.1
    )
    assert holm([0.001, 0.5], [1.0, 0.2])[0] == pytest.approx(0.0012)


def test_a_p_value_with_few_degrees_of_freedom() -> None:
    assert as_student(0.05, 1e9) == pytest.approx(0.05, rel=1e-3)
    assert as_student(0.001, 4.0) > 0.02
    assert as_student(0.0, 4.0) >= 0.0


def test_sizes_are_effective_ones() -> None:
    found = level_of(*np.split(series(np.random.default_rng(8), 1_200, 1, 0.9)[:, 0], [1_000]))
    assert isinstance(found.sizes, Sizes)
    assert 5.0 < found.sizes.current < 25.0
