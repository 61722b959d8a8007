"""One point of a front: by weights of the goals, or its knee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from twin_core.arrays import Array

BALANCE = 0.05
"""Share of the sum beside the worst goal, so that no point is chosen that another one beats."""


def normalised(goals: Array) -> Array:
    """Goals between 0 (best of the front) and 1 (worst); 0 where all are alike."""
    low, span = goals.min(axis=0), np.ptp(goals, axis=0)
    return np.asarray((goals - low) / np.where(span > 0.0, span, 1.0))


def knee(goals: Array) -> int:
    """Number of the point farthest below the plane through the ends of the front."""
    return int(np.argmin(normalised(goals).sum(axis=1)))


def preferred(goals: Array, names: Sequence[str], weights: Mapping[str, float]) -> int:
    """Number of the point whose worst weighted distance from the best is smallest.

    Args:
        goals: (points, goals), smaller is better.
        weights: by name; goals without one count nothing.
    """
    w = np.array([weights.get(name, 0.0) for name in names])
    away = normalised(goals) * w / w.sum()
    return int(np.argmin(away.max(axis=1) + BALANCE * away.sum(axis=1)))


def thinned(goals: Array, count: int) -> list[int]:
    """Numbers of so many points that are far from each other, the best of each goal among them."""
    unit = normalised(goals)
    return apart(unit, count, list(dict.fromkeys(np.argmin(unit, axis=0).tolist())))


def apart(places: Array, count: int, first: Sequence[int] = (0,)) -> list[int]:
    """Numbers of so many rows that are far from each other, in order; ``first`` are among them."""
    if len(places) <= count:
        return list(range(len(places)))
    chosen = list(first)
    away = np.min([np.linalg.norm(places - places[i], axis=1) for i in chosen], axis=0)
    while len(chosen) < count:
        chosen.append(int(np.argmax(away)))
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return sorted(chosen)
