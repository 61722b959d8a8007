"""Comparing two samples: how far apart they are, and how likely chance alone does as much.

Sizes of samples are effective ones (``autocorrelation``), so they need not be whole.

References:
    [1] Siddiqi 2006, Credit Risk Scorecards, Wiley: the population stability index; below 0.1 no
        change, from 0.1 a small one, above 0.25 a large one.
    [2] Yurdakul and Naranjo 2020, J. Risk Model Validation 14(4): without drift PSI is about
        (1/n + 1/m) chi2(B - 1).
    [3] Massey 1951, J. Am. Statist. Assoc. 46, 68-78: the Kolmogorov-Smirnov test.
    [4] Stephens 1970, J. R. Statist. Soc. B 32, 115-122: its distribution for small samples.
    [5] Welch 1947, Biometrika 34, 28-35.
    [6] Brown and Forsythe 1974, J. Am. Statist. Assoc. 69, 364-367.
    [7] Holm 1979, Scand. J. Statist. 6, 65-70.
    [8] Mann and Whitney 1947, Ann. Math. Statist. 18, 50-60.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from twin_core.arrays import Array

HALF = 0.5
"""Added to each count, so that an empty bin has no infinite index (Jeffreys' prior)."""


class Sizes(NamedTuple):
    """Effective sizes of both samples."""

    baseline: float
    current: float

    @property
    def harmonic(self) -> float:
        """n m / (n + m)."""
        return self.baseline * self.current / (self.baseline + self.current)


class Ranked(NamedTuple):
    """Both samples by rank, and the largest distance of their distribution functions."""

    baseline: Array
    current: Array
    distance: float


def bin_edges(sorted_baseline: Array, bins: int) -> Array:
    """Upper edges of bins with equal shares of the baseline; a value with a share of its own
    (a set point, a flag) gets a bin of its own."""
    inner = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(sorted_baseline, inner, method="inverted_cdf"))
    first = np.searchsorted(sorted_baseline, edges, "left")
    share = (np.searchsorted(sorted_baseline, edges, "right") - first) / len(sorted_baseline)
    below = np.nextafter(edges[share >= 1.0 / bins], -np.inf)
    return np.unique(np.concatenate((edges, below)))


def psi(edges: Array, baseline: Array, current: Array) -> float:
    """Population stability index sum (q - p) ln(q / p) over the bins [1]."""
    p, q = (_shares(edges, sample) for sample in (baseline, current))
    return float(np.sum((q - p) * np.log(q / p)))


def psi_by_chance(edges: Array, sizes: Sizes) -> float:
    """PSI on average where nothing changed: (B - 1) (1/n + 1/m) [2]."""
    return len(edges) / sizes.harmonic


def _shares(edges: Array, sample: Array) -> Array:
    counts = np.bincount(np.searchsorted(edges, sample, "left"), minlength=len(edges) + 1)
    return np.asarray((counts + HALF) / (len(sample) + HALF * len(counts)))


def ks_p_value(distance: float, sizes: Sizes) -> float:
    """Chance of a distance of the two distribution functions as large as this [3, 4]."""
    root = np.sqrt(sizes.harmonic)
    return float(stats.kstwobign.sf((root + 0.12 + 0.11 / root) * distance))


def shift_p_value(ranks: Ranked, sizes: Sizes) -> float:
    """Chance of a difference of mean ranks as large as this: Mann and Whitney's test [8], normal
    approximation. Where few values are independent it sees a shift that KS does not."""
    spread = float(np.concatenate((ranks.baseline, ranks.current)).std())
    if spread == 0.0:
        return 1.0
    away = abs(float(ranks.current.mean() - ranks.baseline.mean())) / spread
    return float(2.0 * stats.norm.sf(away * np.sqrt(sizes.harmonic)))


def welch_p_value(baseline: Array, current: Array, sizes: Sizes) -> float:
    """Chance of a difference of means as large as this [5]; of absolute deviations from the median
    it is the test of Brown and Forsythe [6] for two samples of unequal variance."""
    if min(sizes) < 2.0:
        return 1.0
    a, b = baseline.var(ddof=1) / sizes.baseline, current.var(ddof=1) / sizes.current
    if a + b == 0.0:
        return 1.0
    freedom = (a + b) ** 2 / (a**2 / (sizes.baseline - 1.0) + b**2 / (sizes.current - 1.0))
    t = abs(current.mean() - baseline.mean()) / np.sqrt(a + b)
    return float(2.0 * stats.t.sf(t, freedom))


def fisher_p_value(share_before: float, share_now: float, sizes: Sizes) -> float:
    """Chance of two shares as different as these: Fisher's exact test on the effective counts."""
    n, m = (max(round(size), 1) for size in sizes)
    a, b = round(share_before * n), round(share_now * m)
    return float(stats.fisher_exact([[a, n - a], [b, m - b]])[1])


def psi_of_shares(share_before: float, share_now: float, n: int, m: int) -> float:
    """PSI of two bins: having a property and not having it."""
    p, q = (
        (share * size + HALF) / (size + 1.0) for share, size in ((share_before, n), (share_now, m))
    )
    return float((q - p) * np.log(q * (1.0 - p) / (p * (1.0 - q))))


def holm(p_values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """Adjusted p-values: all below a rate are true but for that rate of families [7].

    Args:
        p_values: one of each test.
        weights: above 0; a test takes that share of the rate. None: all alike.
    """
    p = np.asarray(p_values, dtype=np.float64)
    weight = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(p / weight, kind="stable")
    left = np.cumsum(weight[order][::-1])[::-1]
    steps = np.maximum.accumulate((p / weight)[order] * left)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def as_student(p_value: float, freedom: float) -> float:
    """Two-sided p-value of a normal test whose scatter is known with ``freedom`` only."""
    return float(2.0 * special.stdtr(freedom, special.ndtri(max(p_value, 1e-300) / 2.0)))


def ranked(baseline: Array, current: Array) -> Ranked:
    """Ranks of the values among all, equal values sharing the lowest, and the KS statistic."""
    n, both = len(baseline), np.concatenate((baseline, current))
    order = np.argsort(both, kind="stable")
    values = both[order]
    starts = np.concatenate(([True], values[1:] != values[:-1]))
    rank_sorted = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    ranks = np.empty(len(values))
    ranks[order] = rank_sorted
    below = np.cumsum(order < n)
    ends = np.concatenate((starts[1:], [True]))
    at = np.arange(1, len(values) + 1)
    gap = np.abs(below / n - (at - below) / len(current))[ends]
    return Ranked(ranks[:n], ranks[n:], float(gap.max()))
