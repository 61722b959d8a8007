"""Covariance of series with a scatter and a memory of their own."""

from __future__ import annotations

import numpy as np
import pytest

from twin_core.calibration.statistics import covariance, covariance_of_series


def test_of_white_noise_it_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(5)
    J, r = rng.normal(size=(4000, 2)), 0.3 * rng.normal(size=4000)
    plain = covariance(J) * 0.09
    assert np.sqrt(np.diag(covariance_of_series(J, r, [4000]))) == pytest.approx(
        np.sqrt(np.diag(plain)), rel=0.1
    )


def test_errors_that_go_on_widen_it() -> None:
    rng = np.random.default_rng(6)
    J, r = np.ones((1000, 1)), np.repeat(rng.normal(size=100), 10)
    wide, plain = covariance_of_series(J, r, [1000]), covariance(J) * float(np.mean(r**2))
    assert wide[0, 0] > 5.0 * plain[0, 0]


def test_a_single_reading_has_the_sigma_that_it_states() -> None:
    assert covariance_of_series(np.array([[2.0]]), np.zeros(1), [1])[0, 0] == pytest.approx(0.25)
