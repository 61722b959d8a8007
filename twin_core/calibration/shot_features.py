"""Few numbers that stand for the readings of a shot, so that a shot counts as one and not as 300.

A series becomes means of its readings around some times after the pour; the simulation is averaged
over the same times, so a slow logger or a lost frame makes no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from twin_core.arrays import Array
from twin_core.calibration.production_shot import SENSORS, ProductionShot
from twin_core.plausible_ranges import CURVES, RESULTS
from twin_core.trajectory import analysis_grid

DENSITY = "rho_moulded_kg_per_m3"
SAFE = "t_demold_safe_s"
LABORATORY = (DENSITY, SAFE)
"""Results that are fitted, by their logarithm."""
TIMES = {"T_core_C": 10, "p_cavity_bar": 10, "T_mold_C": 4}
"""Features of a series."""
FIRST_S = 15.0
"""First of them, after the pour; the last is near the usual opening of the mold."""
SHARE = 0.1
"""Readings so near to its time, relative, belong to a feature …"""
NEAR_S = 6.0
"""… or so near in seconds."""
STUCK = 5
"""Equal readings in a row: the sensor repeats itself, where it does not do so all the time."""
FLOOR = {"T_core_C": 0.5, "p_cavity_bar": 0.01, "T_mold_C": 0.3, DENSITY: 0.005, SAFE: 0.03}
"""No feature counts as more certain than this (results: relative); assumed error of the model, and
for the safe time that of the laboratory."""
COUNTS = {"T_core_C": 3.0, "p_cavity_bar": 3.0, "T_mold_C": 2.0, DENSITY: 1.0, SAFE: 1.0}
"""A series says as much as so many independent features."""


@dataclass(frozen=True)
class Features:
    """Features of shots, and how to take the same ones of simulated curves.

    Attributes:
        measured: (shots, features), NaN where there is none; results by their logarithm.
        time_s: of the simulated curves.
        averages: by sensor, maps the curves of all shots, flattened, to its features, flattened.
        omitted: readings and results that were left out, by reason.
    """

    measured: Array
    time_s: Array
    averages: dict[str, csr_matrix]
    omitted: Counter[str]

    @property
    def end_s(self) -> float:
        """End of the simulated curves."""
        return float(self.time_s[-1])

    def of_curves(self, sensor: str, curves: Array) -> Array:
        """Features (shots, times) of simulated curves (shots, ``time_s``)."""
        flat = self.averages[sensor] @ curves.ravel()
        return np.asarray(flat.reshape(len(curves), TIMES[sensor]))


def names() -> list[tuple[str, int]]:
    """Series and number of each feature, in order."""
    found = [(sensor, k) for sensor in SENSORS for k in range(TIMES[sensor])]
    return [*found, *((name, 0) for name in LABORATORY)]


def columns(series: str) -> slice:
    """Columns of the features of a series."""
    which = [i for i, (name, _) in enumerate(names()) if name == series]
    return slice(which[0], which[-1] + 1)


def features(shots: Sequence[ProductionShot]) -> Features:
    """Take the features of shots.

    Args:
        shots: with series and results as they were read; what is impossible is left out.
    """
    omitted: Counter[str] = Counter()
    clean = [
        {sensor: _possible(shot, sensor, omitted) for sensor in SENSORS if sensor in shot.series}
        for shot in shots
    ]
    opened = _usual_opening(shots, clean)
    time_s = analysis_grid(max([*opened.values(), 4.0 * FIRST_S]) + NEAR_S)
    measured = np.full((len(shots), len(names())), np.nan)
    averages = {}
    for sensor in SENSORS:
        rows: list[Array] = []
        weights = _Weights(time_s)
        for i, shot in enumerate(shots):
            series = clean[i].get(sensor, np.empty((0, 2)))
            at = _times(TIMES[sensor], opened[shot.mold_id])
            rows.append(np.array([weights.add(series, t, i) for t in at]))
        measured[:, columns(sensor)] = np.array(rows)
        averages[sensor] = weights.matrix(len(shots))
    for i, shot in enumerate(shots):
        for name in LABORATORY:
            value = shot.results.get(name, np.nan)
            if not RESULTS[name].holds(value):
                omitted[f"{name}: impossible"] += 1
            elif not np.isnan(value):
                measured[i, columns(name)] = np.log(value)
    return Features(measured, time_s, averages, omitted)


def _times(count: int, opened_s: float) -> Array:
    last = max(0.95 * opened_s, 2.0 * FIRST_S)
    first = FIRST_S if count > TIMES["T_mold_C"] else 0.25 * last
    return np.asarray(np.geomspace(first, last, count))


def _usual_opening(
    shots: Sequence[ProductionShot], clean: Sequence[dict[str, Array]]
) -> dict[str, float]:
    """Median time of the last reading, by mold [s]."""
    ends: dict[str, list[float]] = {}
    for shot, series in zip(shots, clean, strict=True):
        last = [float(rows[-1, 0]) for rows in series.values() if len(rows)]
        ends.setdefault(shot.mold_id, []).extend([max(last)] if last else [])
    return {mold: float(np.median(found)) if found else 0.0 for mold, found in ends.items()}


def _possible(shot: ProductionShot, sensor: str, omitted: Counter[str]) -> Array:
    """Readings of a sensor after the pour, in order, that can be what it read."""
    rows = np.asarray(shot.series[sensor], float)
    rows = rows[np.isfinite(rows[:, 0]) & (rows[:, 0] >= 0.0)]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    range_ = CURVES[sensor]
    good = (rows[:, 1] >= range_.low) & (rows[:, 1] <= range_.high)
    if not good.all():
        omitted[f"{sensor}: impossible"] += int((~good).sum())
    rows = rows[good]
    stuck = _stuck(rows[:, 1])
    if stuck.any():
        omitted[f"{sensor}: repeats itself"] += int(stuck.sum())
    found: Array = rows[~stuck]
    return found


def _stuck(values: Array) -> NDArray[np.bool_]:
    """Readings that only repeat an earlier one, of a sensor that else never does."""
    if len(values) <= STUCK:
        return np.zeros(len(values), bool)
    same = np.concatenate(([False], np.diff(values) == 0.0))
    stuck = np.zeros(len(values), bool)
    run = 0
    for i, repeated in enumerate(same.tolist()):
        run = run + 1 if repeated else 0
        if run >= STUCK - 1:
            stuck[i - run + 1 : i + 1] = True
    others = same[~stuck]
    return stuck if float(np.mean(others)) < 0.2 else np.zeros(len(values), bool)


class _Weights:
    """Entries of the matrix of one sensor, shot by shot."""

    def __init__(self, time_s: Array) -> None:
        self.time_s = time_s
        self.row: list[int] = []
        self.column: list[int] = []
        self.value: list[float] = []
        self.count = 0

    def add(self, series: Array, at_s: float, shot: int) -> float:
        """One feature: the mean of the readings near a time, NaN without any."""
        row, self.count = self.count, self.count + 1
        near = np.abs(series[:, 0] - at_s) <= max(NEAR_S, SHARE * at_s)
        near &= series[:, 0] <= self.time_s[-1]
        if not near.any():
            return np.nan
        times, first = series[near, 0], shot * len(self.time_s)
        k = np.clip(np.searchsorted(self.time_s, times, "right") - 1, 0, len(self.time_s) - 2)
        right = (times - self.time_s[k]) / (self.time_s[k + 1] - self.time_s[k])
        for column, value in ((k, 1.0 - right), (k + 1, right)):
            self.row += [row] * len(times)
            self.column += (first + column).tolist()
            self.value += (value / len(times)).tolist()
        return float(np.mean(series[near, 1]))

    def matrix(self, shots: int) -> csr_matrix:
        """All of them."""
        shape = self.count, shots * len(self.time_s)
        return csr_matrix((self.value, (self.row, self.column)), shape)


def lagged(time_s: Array, curves: Array, lag_s: float, first: Array) -> Array:
    """Answer of a sensor of first order, exact between the times.

    Args:
        time_s: of the curves; curves: (shots, times).
        lag_s: time constant; 0: the curves as they are.
        first: what the sensor shows at the first time, (shots,).
    """
    if lag_s <= 1e-6:
        return curves
    answer = np.empty_like(curves)
    answer[:, 0] = first
    for k in range(1, len(time_s)):
        step = time_s[k] - time_s[k - 1]
        behind = (curves[:, k] - curves[:, k - 1]) / step * lag_s
        left = np.exp(-step / lag_s)
        answer[:, k] = curves[:, k] - behind + (answer[:, k - 1] - curves[:, k - 1] + behind) * left
    return answer
