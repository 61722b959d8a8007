"""Shots before beside shots after: differences of means and shares with an interval of 95 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance
from typing import Literal

from scipy.special import ndtri, stdtrit

COVERAGE = 0.95
SHOTS_MIN = 8
"""Of each side; with fewer nothing is said."""
Verdict = Literal["too few shots", "no difference seen", "less", "more"]


@dataclass(frozen=True)
class Comparison:
    """A quantity before and after."""

    name: str
    """With its unit; a share ends in ``_share``."""
    before_count: int
    after_count: int
    before: float | None
    after: float | None
    difference: float | None
    """After less before; None where there are too few shots."""
    low: float | None
    high: float | None
    """Interval of the difference."""
    verdict: Verdict


def compare_means(name: str, before: Sequence[float], after: Sequence[float]) -> Comparison:
    """Means of a measured quantity; the interval is Welch's, of shots that do not depend on each
    other.

    Args:
        name: of the quantity.
        before, after: one value a shot.
    """
    counts = len(before), len(after)
    if min(counts) < SHOTS_MIN:
        return _too_few(name, before, after)
    means = fmean(before), fmean(after)
    difference = means[1] - means[0]
    of_mean = [variance(values) / len(values) for values in (before, after)]
    squared = sum(of_mean)
    if squared > 0.0:
        freedom = squared**2 / sum(
            part**2 / (count - 1) for part, count in zip(of_mean, counts, strict=True)
        )
        half = float(stdtrit(freedom, 0.5 + COVERAGE / 2)) * sqrt(squared)
    else:
        half = 0.0
    return _judged(name, counts, means, difference - half, difference + half)


def compare_shares(name: str, before: Sequence[bool], after: Sequence[bool]) -> Comparison:
    """Shares, as of scrap; the interval is Newcombe's from those of Wilson.

    Args:
        name: of the share.
        before, after: one answer a shot.
    """
    counts = len(before), len(after)
    if min(counts) < SHOTS_MIN:
        return _too_few(name, before, after)
    first, second = fmean(before), fmean(after)
    (low_1, high_1), (low_2, high_2) = _wilson(first, counts[0]), _wilson(second, counts[1])
    difference = second - first
    low = difference - sqrt((second - low_2) ** 2 + (high_1 - first) ** 2)
    high = difference + sqrt((high_2 - second) ** 2 + (first - low_1) ** 2)
    return _judged(name, counts, (first, second), low, high)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's interval of a share."""
    z = float(ndtri(0.5 + COVERAGE / 2))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    half /= 1 + z * z / count
    return middle - half, middle + half


def _too_few(name: str, before: Sequence[float], after: Sequence[float]) -> Comparison:
    counts = len(before), len(after)
    first, second = (fmean(values) if values else None for values in (before, after))
    return Comparison(name, *counts, first, second, None, None, None, "too few shots")


def _judged(
    name: str, counts: tuple[int, int], values: tuple[float, float], low: float, high: float
) -> Comparison:
    verdict: Verdict = "less" if high < 0 else "more" if low > 0 else "no difference seen"
    return Comparison(name, *counts, *values, values[1] - values[0], low, high, verdict)
