"""Numbers of a comparison, against cases that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.report.curve_comparison import best_shift, compare_curves, rms, steepest_slope

T = np.linspace(0.0, 100.0, 201)


def test_a_curve_agrees_with_itself() -> None:
    y = np.sin(T / 20.0)
    c = compare_curves(T, y, T, y)
    assert c is not None
    assert (c.points, c.rmse, c.bias, c.largest, c.peak_difference) == (201, 0.0, 0.0, 0.0, 0.0)


def test_offset_peaks_and_common_times() -> None:
    given_t = np.array([-5.0, 10.0, 20.0, 30.0, 150.0])
    given = np.array([99.0, 1.0, 3.0, 2.0, 99.0])  # the first and last are outside the simulation
    simulated = np.interp(T, [0.0, 10.0, 25.0, 100.0], [50.0, 2.0, 5.0, 60.0])
    c = compare_curves(given_t, given, T, simulated)
    assert c is not None
    assert (c.points, c.t_first_s, c.t_last_s) == (3, 10.0, 30.0)
    at_points = np.array([2.0, 4.0, 5.0 + 55.0 * 5.0 / 75.0])
    assert c.rmse == pytest.approx(rms(at_points - given[1:4]))
    assert c.bias == pytest.approx(np.mean(at_points - given[1:4]))
    assert (c.peak_given, c.t_peak_given_s) == (3.0, 20.0)
    assert (c.peak_simulated, c.t_peak_simulated_s) == pytest.approx((at_points[2], 30.0))


def test_too_few_common_points() -> None:
    assert compare_curves(np.array([-1.0, 50.0]), np.zeros(2), T, T) is None


@pytest.mark.parametrize("shift", [-12.3, 0.0, 7.5])
def test_the_shift_is_found(shift: float) -> None:
    def curve(t: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh((t - 50.0) / 10.0))

    given_t = np.linspace(20.0, 80.0, 31)
    found, left = best_shift(given_t, curve(given_t - shift), T, curve(T))
    assert found == pytest.approx(shift, abs=0.1)  # the step of the search
    assert left < 1e-3  # linear interpolation between half seconds


def test_slope_of_unevenly_spaced_points() -> None:
    t = np.array([0.0, 1.0, 3.0, 4.0])
    assert steepest_slope(t, 2.0 * t) == pytest.approx(2.0)
