"""Times that are read from the curves of a rise test, each by a stated definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration.rise_test import RiseTest, Series
from twin_core.results.kpi import RISE_SHARE

CREAM_GROWTH = 1.05
"""Growth of the volume at cream time, as the model's event has it."""
ONSET_SHARE = 0.1
"""Share of its largest value at which a pressure has begun."""
SMOOTHED = 5
"""Readings of the running median."""
NOISE = 6.0
"""A signal that moves by less than so many times its noise tells no time."""


@dataclass(frozen=True)
class CurveTime:
    """A time, how it is read from a curve, and what the model calls so.

    Attributes:
        name: of the figure: ``t_cream_s``.
        series: what it is read from.
        definition: how it is read from the curve.
        model: the model's own definition.
    """

    name: str
    series: str
    definition: str
    model: str


CREAM = CurveTime(
    "t_cream_s", "height_mm", "volume 5 % above the first five readings, from there on",
    "foam volume has grown by 5 %",
)  # fmt: skip
RISE = CurveTime(
    "t_rise_s", "height_mm", "98 % of the largest volume, from there on",
    "98 % of the largest foam volume",
)  # fmt: skip
GEL_BY_PRESSURE = CurveTime(
    "t_gel_s", "p_rise_Pa", "the foam presses with a tenth of its largest pressure, from there on",
    "conversion of the hydroxyl reaches the gel point",
)  # fmt: skip
GEL_BY_DIELECTRIC = CurveTime(
    "t_gel_s", "dielectric", "the signal has fallen half the way from its largest value to its end",
    "conversion of the hydroxyl reaches the gel point",
)  # fmt: skip
BY_HAND_ONLY = CurveTime(
    "t_tack_free_s", "", "by hand only",
    "the surface is past gel by the system's margin",
)  # fmt: skip


def curve_times(test: RiseTest) -> list[tuple[CurveTime, float | None]]:
    """The times that the curves of a test tell, None where a curve does not tell one [s]."""
    found: list[tuple[CurveTime, float | None]] = []
    volume = test.volume()
    if volume is not None:
        found += [(CREAM, _read(volume, _cream)), (RISE, _read(volume, _rise))]
    for what, read in ((GEL_BY_PRESSURE, _onset), (GEL_BY_DIELECTRIC, _half_fallen)):
        if what.series in test.series:
            found.append((what, _read(test.series[what.series], read)))
    return found


def _read(series: Series, read: Callable[[Array, Array], float | None]) -> float | None:
    t, y = series
    if len(t) < 2 * SMOOTHED:
        return None
    noise = float(np.median(np.abs(np.diff(y)))) / 0.954  # of the difference of two readings
    smooth = _median(y)
    if float(np.ptp(smooth)) <= NOISE * noise / np.sqrt(2.0):
        return None
    return read(t, smooth)


def _cream(t: Array, V: Array) -> float | None:
    return _last_rise_through(t, V, CREAM_GROWTH * float(np.median(V[:SMOOTHED])))


def _rise(t: Array, V: Array) -> float | None:
    return _last_rise_through(t, V, RISE_SHARE * float(V.max()))


def _onset(t: Array, p: Array) -> float | None:
    first = float(np.median(p[:SMOOTHED]))
    return _last_rise_through(t, p, first + ONSET_SHARE * (float(p.max()) - first))


def _half_fallen(t: Array, signal: Array) -> float | None:
    top = int(np.argmax(signal))
    after, y = t[top:], signal[top:]
    if len(y) < SMOOTHED:
        return None
    middle = 0.5 * (float(y[0]) + float(np.median(y[-SMOOTHED:])))
    below = np.flatnonzero(y < middle)
    if not len(below) or below[0] == 0:
        return None
    return _between(after, y, int(below[0]) - 1, middle)


def _last_rise_through(t: Array, y: Array, level: float) -> float | None:
    """The last time before the largest value at which a level is passed upwards."""
    top = int(np.argmax(y))
    below = np.flatnonzero(y[:top] < level)
    return None if not len(below) else _between(t, y, int(below[-1]), level)


def _between(t: Array, y: Array, i: int, level: float) -> float:
    share = (level - y[i]) / (y[i + 1] - y[i])
    return float(t[i] + share * (t[i + 1] - t[i]))


def _median(y: Array) -> Array:
    half = SMOOTHED // 2
    padded = np.pad(y, half, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED), axis=1))
