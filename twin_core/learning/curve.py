"""Shape of a curve that was read while a shot cured: how it rose, what was left at the opening."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from twin_core.arrays import Array
from twin_core.learning.thinning import CELLS, thinned

NAN = math.nan
READINGS_MIN = 4
"""Fewer readings have no shape."""
BEGIN_MAX_S = 30.0
"""A curve whose first reading comes later has lost its rise."""
GAP_MAX_S = 30.0
"""No reading nearer than this: nothing is known of a moment."""
STEEP_S = 20.0
"""Time over which the steepest rise is looked for."""
LAST_CELLS = 6
"""Before the opening, that the cooling is fitted to: 60 s of a mold that opens within 15 min."""


class Shape:
    """A curve of one shot, thinned out; what cannot be known of it is NaN."""

    def __init__(self, readings: Iterable[Sequence[float]], ended_s: float, opened: bool) -> None:
        """Take the curve up to the end of the shot.

        Args:
            readings: (time since the pour [s], value), in any order.
            ended_s: when the shot ended [s].
            opened: it ended with the opening of the mold.
        """
        pairs = [(t, value) for t, value in thinned(readings) if t <= ended_s]
        whole = len(pairs) >= READINGS_MIN
        self.t_s: Array = np.array([t for t, _ in pairs] if whole else [])
        self.values: Array = np.array([value for _, value in pairs] if whole else [])
        self.ended_s, self.opened = ended_s, opened
        self.cell_s = float(next((w for until, w in CELLS if ended_s < until), CELLS[-1][1]))

    @property
    def has_rise(self) -> bool:
        """Was it read from the beginning, and does it rise?"""
        return bool(
            len(self.t_s) and self.t_s[0] <= BEGIN_MAX_S and self.values.max() > self.values[0]
        )

    def t_half_s(self) -> float:
        """When it first passed the middle between its first and its largest reading [s]."""
        if not self.has_rise:
            return NAN
        middle = 0.5 * (self.values[0] + self.values.max())
        at = int(np.argmax(self.values >= middle))
        (t0, t1), (v0, v1) = self.t_s[at - 1 : at + 1], self.values[at - 1 : at + 1]
        return float(t0 + (middle - v0) / (v1 - v0) * (t1 - t0))

    def steepest(self) -> tuple[float, float]:
        """When it rose most within ``STEEP_S``, up to its peak [s], and how steeply [1/s]."""
        if not self.has_rise:
            return NAN, NAN
        t, v = self.t_s, self.values
        peak = int(np.argmax(v))
        after = np.searchsorted(t, t + STEEP_S)
        starts = np.flatnonzero(after <= peak)
        starts = starts[t[after[starts]] <= t[starts] + STEEP_S + GAP_MAX_S]
        if not len(starts):
            return NAN, NAN
        ends = after[starts]
        slopes = (v[ends] - v[starts]) / (t[ends] - t[starts])
        best = int(np.argmax(slopes))
        return float(0.5 * (t[starts[best]] + t[ends[best]])), float(slopes[best])

    def at(self, t_s: float) -> float:
        """Value at a moment, between its neighbours; NaN if the nearest reading is far from it."""
        if not len(self.t_s) or np.min(np.abs(self.t_s - t_s)) > GAP_MAX_S or t_s > self.ended_s:
            return NAN
        return float(np.interp(t_s, self.t_s, self.values))

    def at_opening(self) -> float:
        """Last reading before the opening; NaN if there was none shortly before."""
        if not len(self.t_s) or not self.opened:
            return NAN
        missed = self.ended_s - self.t_s[-1] > self.cell_s + GAP_MAX_S
        return NAN if missed else float(self.values[-1])

    def last_slope(self) -> float:
        """Least-squares slope over the ``LAST_CELLS`` before the opening [1/s]."""
        last = self.t_s >= self.ended_s - LAST_CELLS * self.cell_s
        if not self.opened or last.sum() < READINGS_MIN:
            return NAN
        t, v = self.t_s[last], self.values[last]
        t = t - t.mean()
        return float(t @ v / (t @ t))

    def kept_ratio(self) -> float:
        """Share of its rise that was left at the opening."""
        if not self.has_rise:
            return NAN
        first = float(self.values[0])
        return (self.at_opening() - first) / (float(self.values.max()) - first)

    def area(self) -> float:
        """Area between the curve and its first reading, up to the opening [its unit times s]."""
        if not self.has_rise or math.isnan(self.at_opening()):
            return NAN
        return float(np.trapezoid(self.values - self.values[0], self.t_s))
