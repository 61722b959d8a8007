"""How many independent shots a series is worth, against what theory says of AR(1)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drifting import series
from twin_core.learning.autocorrelation import INDEPENDENT, autocorrelation_of

ROWS = 20_000


def one(seed: int, rows: int, phi: float) -> np.ndarray:
    return series(np.random.default_rng(seed), rows, 1, phi)[:, 0]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_effective_size_of_ar1_follows_theory(phi: float) -> None:
    # n (1 - phi) / (1 + phi); within 25 %, for the standard error is added on purpose
    expected = ROWS * (1.0 - phi) / (1.0 + phi)
    found = autocorrelation_of(one(1, ROWS, phi)).effective(ROWS)
    assert 0.75 * expected < found <= 1.05 * expected


def test_a_window_wanders_as_often_seen() -> None:
    """The variance of means of windows of 200, measured on 2,000 of them."""
    phi, size = 0.9, 200
    means = series(np.random.default_rng(2), size * 2_000, 1, phi).reshape(2_000, size).mean(axis=1)
    found = autocorrelation_of(one(3, ROWS, phi)).effective(size)
    # the added standard error makes it smaller, by at most a quarter here
    assert 0.75 < found * means.var() <= 1.05


def test_a_short_series_does_not_pass_for_independent() -> None:
    sizes = [autocorrelation_of(one(seed, 200, 0.9)).effective(200) for seed in range(200)]
    assert np.median(sizes) < 200 * 0.1 / 1.9


def test_a_season_makes_a_window_one_value() -> None:
    rows = np.arange(20_000)
    season = np.sin(2.0 * np.pi * rows / 10_000)
    noise = np.random.default_rng(4).standard_normal(len(rows))
    assert autocorrelation_of(season).effective(200) < 2.0
    assert autocorrelation_of(season + 0.5 * noise).effective(200) < 5.0


def test_constant_and_short_series_say_nothing() -> None:
    assert autocorrelation_of(np.ones(100), np.array([1.0, 2.0])) is INDEPENDENT
    assert INDEPENDENT.effective(57) == 57.0
    assert INDEPENDENT.effective(0) == 0.0


def test_values_that_alternate_are_worth_no_more_than_they_are() -> None:
    assert autocorrelation_of(np.tile([0.0, 1.0], 500)).effective(1_000) <= 1_000.0


def test_a_step_in_a_short_window_beside_a_long_baseline_is_no_wandering() -> None:
    step = np.repeat([0.0, 3.0], 100) + one(6, 200, 0.0)
    assert autocorrelation_of(one(5, 5_000, 0.0), step).effective(200) > 40.0
