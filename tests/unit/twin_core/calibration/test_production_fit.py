"""Estimates of a production fit: the ends of their intervals."""

from __future__ import annotations

import math

from twin_core.calibration.production_fit import estimate_of
from twin_core.calibration.production_numbers import LAG_MAX_S, Number


def test_the_interval_of_a_long_lag_holds_it() -> None:
    lag = Number("T_mold_lag_s", None, "s", 0.0, False, 0.0, LAG_MAX_S, 8.0, 0.25)
    estimate = estimate_of(lag, 55.0, 3.0, 1.5)
    assert (estimate.low, estimate.value, estimate.high) == (52.0, 55.0, 58.0)


def test_the_end_of_a_very_wide_interval_is_a_number() -> None:
    factor = Number("gelling.A", None, "1/s", 2.0, True, -4.6, 4.6, 0.2, 0.01)
    estimate = estimate_of(factor, 0.0, 9e3, 4e3)
    assert math.isfinite(estimate.high)
    assert estimate.low >= 0.0
