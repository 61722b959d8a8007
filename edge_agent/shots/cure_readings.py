"""Readings of the curing foam that a model asks for: the first two minutes, curves, peaks.

The rules are those of a feature set: from the pour to the opening, impossible readings left out.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from twin_core.learning.columns import LIVE_S
from twin_core.learning.thinning import cell_of
from twin_core.plausible_ranges import CURVES, SERIES

EARLY_MAX = 128
"""Readings kept of a sensor; one that is read more often than once a second is thinned out."""
THINNED_GAP_US = int(2e6 * LIVE_S / EARLY_MAX)
_START, _US = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class EarlyReadings(BaseModel):
    """Readings of one sensor in order of time; before the pour is known, the latest ones."""

    at_us: list[int] = []
    values: list[float] = []
    gap_us: int = 0
    """The least time between two of them; above 0 once there were too many."""

    def add(self, at_us: int, value: float, *, cap: bool) -> None:
        """A reading, unless its moment is there; too many are thinned out, or the oldest go."""
        at = bisect_left(self.at_us, at_us)
        near = [*self.at_us[max(at - 1, 0) : at + 1]]
        if any(abs(other - at_us) < max(self.gap_us, 1) for other in near):
            return
        self.at_us.insert(at, at_us)
        self.values.insert(at, value)
        if len(self.at_us) <= EARLY_MAX:
            return
        if cap:
            del self.at_us[0], self.values[0]
            return
        self.gap_us = THINNED_GAP_US
        readings = list(zip(self.at_us, self.values, strict=True))
        self.at_us, self.values = [], []
        for reading in readings:
            self.add(*reading, cap=False)


class Curve(BaseModel):
    """First reading of one sensor in each cell of ``twin_core.learning.thinning``, in order."""

    poured_us: int
    """Since 1970."""
    since_us: list[int] = []
    """Since the pour."""
    values: list[float] = []

    def add(self, since_us: int, value: float) -> None:
        """A reading; it counts if none of its cell is earlier, of two at one moment the larger."""
        cell, at = cell_of(since_us), bisect_left(self.since_us, since_us)
        if at and cell_of(self.since_us[at - 1]) == cell:
            return
        if at == len(self.since_us) or cell_of(self.since_us[at]) != cell:
            self.since_us.insert(at, since_us)
            self.values.insert(at, value)
        elif since_us < self.since_us[at] or value > self.values[at]:
            self.since_us[at], self.values[at] = since_us, value

    def readings(self) -> list[tuple[float, float]]:
        """(time since the pour [s], value) in order of time."""
        return [(at / 1e6, value) for at, value in zip(self.since_us, self.values, strict=True)]


class CureReadings(BaseModel):
    """Cure readings of one shot; they survive a restart with it."""

    early: dict[str, EarlyReadings] = {}
    curves: dict[str, Curve] = {}
    peaks: dict[str, tuple[int, float]] = {}
    """When the largest reading since the pour was, and the reading; the first of equal ones."""

    @property
    def is_empty(self) -> bool:
        """Was nothing read?"""
        return not self.early and not self.peaks and not self.curves

    def read(self, sensor: str, at_us: int, value: float, poured_us: int | None) -> None:
        """A reading of the shot, and the pour, in microseconds since 1970."""
        if sensor not in CURVES or not CURVES[sensor].holds(value):
            return
        if poured_us is None:
            self.early.setdefault(sensor, EarlyReadings()).add(at_us, value, cap=True)
            return
        self._cured(sensor, at_us, value, poured_us)

    def poured(self, poured_at: datetime) -> None:
        """Take the time of the pour: readings before it are not of this foam."""
        early, self.early, self.peaks = self.early, {}, dict(self.peaks)
        start = us(poured_at)
        self.peaks = {name: peak for name, peak in self.peaks.items() if peak[0] >= start}
        curves, self.curves = self.curves, {}
        for sensor, curve in curves.items():
            for since_us, value in zip(curve.since_us, curve.values, strict=True):
                self._shaped(sensor, curve.poured_us + since_us, value, start)
        for sensor, readings in early.items():
            for at_us, value in zip(readings.at_us, readings.values, strict=True):
                self._cured(sensor, at_us, value, start)

    def readings(self, sensor: str, poured_at: datetime) -> list[tuple[float, float]]:
        """Readings of the first ``LIVE_S``: (time since the pour [s], value) in order of time."""
        found, start = self.early.get(sensor, EarlyReadings()), us(poured_at)
        return [((at - start) / 1e6, v) for at, v in zip(found.at_us, found.values, strict=True)]

    def shapes(self) -> dict[str, list[tuple[float, float]]]:
        """Curves by sensor: (time since the pour [s], value), thinned out, in order of time."""
        return {sensor: curve.readings() for sensor, curve in self.curves.items()}

    def peak(
        self, sensor: str, poured_at: datetime, closed_at: datetime
    ) -> tuple[float, float] | None:
        """(time since the pour [s], value) of the largest reading, if it came before the end."""
        if sensor not in self.peaks or self.peaks[sensor][0] > us(closed_at):
            return None
        at_us, value = self.peaks[sensor]
        return (at_us - us(poured_at)) / 1e6, value

    def _cured(self, sensor: str, at_us: int, value: float, start_us: int) -> None:
        if at_us < start_us:
            return
        self._shaped(sensor, at_us, value, start_us)
        if sensor not in SERIES:
            return
        if at_us - start_us <= LIVE_S * 1e6:
            self.early.setdefault(sensor, EarlyReadings()).add(at_us, value, cap=False)
        known = self.peaks.get(sensor)
        if known is None or (-known[1], known[0]) > (-value, at_us):
            self.peaks[sensor] = at_us, value

    def _shaped(self, sensor: str, at_us: int, value: float, start_us: int) -> None:
        if at_us >= start_us:
            curve = self.curves.setdefault(sensor, Curve(poured_us=start_us))
            curve.add(at_us - start_us, value)


def us(ts: datetime) -> int:
    """Microseconds since 1970."""
    return (ts - _START) // _US


def time_of(at_us: int) -> datetime:
    """Time of microseconds since 1970."""
    return _START + timedelta(microseconds=at_us)
