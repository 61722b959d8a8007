"""The simplest honest baseline: a running mean of each mold's residuals, known when they arrive."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.learning.training.table import FeatureSet

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
"""Weights of the newest result that are tried on the shots learned from."""


def ewma(residual: Array, at_s: Array, known_s: Array, molds: Any, share: float) -> Array:
    """Expected residual of each shot; 0 where its mold has shown nothing yet.

    Args:
        residual: of each shot in order of time, NaN where it was never measured.
        at_s: when each is expected.
        known_s: when its residual became known.
        molds: its mold.
        share: weight of the newest result.
    """
    level: dict[str, float] = {}
    waiting: list[tuple[float, int]] = []
    found = np.zeros(len(residual))
    for row, now in enumerate(at_s.tolist()):
        while waiting and waiting[0][0] < now:
            _, old = heapq.heappop(waiting)
            mold, value = str(molds[old]), float(residual[old])
            before = level.get(mold, value)
            level[mold] = before + share * (value - before)
        found[row] = level.get(str(molds[row]), 0.0)
        if not np.isnan(residual[row]):
            heapq.heappush(waiting, (float(known_s[row]), row))
    return found


def best_share(
    residual: Array, at_s: Array, known_s: Array, molds: Any, learned: Any
) -> tuple[float, Array]:
    """Weight with the least error on the shots learned from, and what it expects of all."""
    best = (np.inf, SHARES[0], np.zeros(len(residual)))
    judged = learned & ~np.isnan(residual)
    for share in SHARES:
        expected = ewma(residual, at_s, known_s, molds, share)
        error = float(np.mean((residual[judged] - expected[judged]) ** 2))
        if error < best[0]:
            best = error, share, expected
    return best[1], best[2]


def table_of(columns: Any) -> FeatureSet:
    """A feature set in memory, its columns as they are."""
    return FeatureSet({name: np.asarray(values) for name, values in columns.items()})
