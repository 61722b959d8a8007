"""Distance of a simulated curve from given points: numbers only, in the unit of the curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array

SHIFTS_S = np.round(np.arange(-60.0, 60.01, 0.1), 1)
"""Shifts in time among which the best is looked for."""
FEWEST_POINTS = 2


@dataclass(frozen=True)
class CurveComparison:
    """Simulation against points, over the times that both have."""

    points: int
    t_first_s: float
    t_last_s: float
    rmse: float
    bias: float
    """Mean of simulated minus given."""
    largest: float
    """Largest absolute difference."""
    peak_given: float
    t_peak_given_s: float
    peak_simulated: float
    t_peak_simulated_s: float

    @property
    def peak_difference(self) -> float:
        """Simulated minus given."""
        return self.peak_simulated - self.peak_given


def compare_curves(
    t_given: Array, given: Array, t_simulated: Array, simulated: Array
) -> CurveComparison | None:
    """Compare a simulation with points; the simulation is interpolated linearly.

    Peaks are those within the common times.

    Returns:
        None with fewer than two points in the simulated time.
    """
    t, y = _common(t_given, given, t_simulated)
    if len(t) < FEWEST_POINTS:
        return None
    error = np.interp(t, t_simulated, simulated) - y
    inside = (t_simulated >= t[0]) & (t_simulated <= t[-1])
    t_fine = np.union1d(t, t_simulated[inside])
    fine = np.interp(t_fine, t_simulated, simulated)
    top_given, top = int(np.argmax(y)), int(np.argmax(fine))
    return CurveComparison(
        points=len(t),
        t_first_s=float(t[0]),
        t_last_s=float(t[-1]),
        rmse=rms(error),
        bias=float(np.mean(error)),
        largest=float(np.max(np.abs(error))),
        peak_given=float(y[top_given]),
        t_peak_given_s=float(t[top_given]),
        peak_simulated=float(fine[top]),
        t_peak_simulated_s=float(t_fine[top]),
    )


def steepest_slope(t: Array, y: Array) -> float:
    """Largest slope, by central differences over points that may be unevenly spaced."""
    return float(np.max(np.gradient(y, t)))


def best_shift(
    t_given: Array, given: Array, t_simulated: Array, simulated: Array
) -> tuple[float, float]:
    """Delay [s] of the simulated curve that fits the points best, and the RMSE that is left.

    Positive: the simulation runs early. Before its start the simulation keeps its first value.
    """
    t, y = _common(t_given, given, t_simulated)
    left = [rms(np.interp(t - shift, t_simulated, simulated) - y) for shift in SHIFTS_S]
    best = int(np.argmin(left))
    return float(SHIFTS_S[best]), left[best]


def rms(values: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def _common(t_given: Array, given: Array, t_simulated: Array) -> tuple[Array, Array]:
    keep = (t_given >= t_simulated[0]) & (t_given <= t_simulated[-1])
    return t_given[keep], given[keep]
