"""The earliest time at which enough draws may be opened, from the window of each."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv

from twin_core.arrays import Array

CONFIDENCE = 0.95


def earliest_opening(
    start: Array, end: Array, violations: int, step: tuple[float, float] | None = None
) -> tuple[float, int]:
    """First time inside all windows but so many; and how many windows are missing if there is none.

    Args:
        start, end: of each draw's window, s, ``start <= end``; NaN where it has none.
        violations: windows that may be missed.
        step: first value and step of the times that can be set; None is any.

    Returns:
        The time (NaN if there is none), and 0; or NaN and by how many windows the best time misses.
    """
    needed = len(start) - violations
    there = ~np.isnan(start)
    times = np.unique(start[there])
    if step is not None:
        first, each = step
        up = np.ceil((times - first) / each - 1e-9)
        times = np.unique(first + each * np.maximum(up, 0.0))
    if needed <= 0:
        return (float(times[0]) if len(times) else 0.0), 0
    if not len(times):
        return math.nan, needed
    begun = np.searchsorted(np.sort(start[there]), times + 1e-9, side="right")
    over = np.searchsorted(np.sort(end[there]), times - 1e-9, side="left")
    held = begun - over  # no window ends before it begins
    enough = np.flatnonzero(held >= needed)
    if not len(enough):
        return math.nan, int(needed - held.max())
    return float(times[enough[0]]), 0


def violated_share(violations: int, count: int) -> tuple[float, float, float]:
    """Share of violations with its Clopper-Pearson interval (95 %)."""
    tail = 0.5 * (1.0 - CONFIDENCE)
    low = 0.0 if violations == 0 else betaincinv(violations, count - violations + 1, tail)
    high = 1.0
    if violations < count:
        high = betaincinv(violations + 1, count - violations, 1.0 - tail)
    return violations / count, float(low), float(high)
