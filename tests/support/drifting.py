"""Tables of shots with known statistics, for checks of drift."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from twin_core.arrays import Array

Table = dict[str, Array]
BURN_IN = 500


def series(rng: np.random.Generator, rows: int, columns: int, phi: float = 0.0) -> Array:
    """Standard normal columns; each value remembers the share ``phi`` of the one before: AR(1)."""
    noise = rng.standard_normal((rows + BURN_IN, columns)) * np.sqrt(1.0 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=0)[BURN_IN:])


def table(values: Array) -> Table:
    """Columns ``proc_x0`` and so on."""
    return {f"proc_x{i}": values[:, i] for i in range(values.shape[1])}


def windows(
    seed: int, before: int, now: int, columns: int = 30, phi: float = 0.0
) -> tuple[Table, Table]:
    """A baseline and the shots right after it, without drift."""
    values = series(np.random.default_rng(seed), before + now, columns, phi)
    return table(values[:before]), table(values[before:])


def slow(
    seed: int, columns: int = 30, before: int = 440, now: int = 220, alike: float = 0.0
) -> tuple[Table, Table]:
    """Four weeks and a window, without drift: white columns on levels that last for 60 shots.

    The levels have 0.3 standard deviations of the noise; ``alike`` is the share of their variance
    that all columns have in common.
    """
    rng = np.random.default_rng(seed)
    lots = (before + now) // 60 + 1
    own, common = rng.standard_normal((lots, columns)), rng.standard_normal((lots, 1))
    levels = np.sqrt(1.0 - alike) * own + np.sqrt(alike) * common
    values = 0.3 * np.repeat(levels, 60, axis=0)[: before + now]
    values += rng.standard_normal(values.shape)
    return table(values[:before]), table(values[before:])
