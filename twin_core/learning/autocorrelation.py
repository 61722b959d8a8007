"""Number of independent shots that a series of shots is worth.

Shots follow each other: a hall warms over the day, a drum empties over a week. Neighbours are
alike, and a window of them wanders further from the mean than as many shots drawn at random. The
mean of n values in order of time has the variance of

    n_eff = n / (1 + 2 sum_{k=1}^{n-1} (1 - k/n) rho_k)                                     (1)

independent ones [1], rho_k being the autocorrelation at lag k. Noise far out would drown the sum,
so it ends where the sum of two neighbouring rho is no longer positive: Geyer's initial positive
sequence [2]. rho is estimated from ranks, which outliers do not move, of baseline and current
window, each about its own mean (what the means differ by is what is looked for), weighted by their
lengths. Its mean being estimated makes each rho too small by about the sum of (1) over n [3]; this
is added back, once. The sum has a relative standard error of sqrt(2 (2 L + 1) / N), L its last
lag, N the values [4]; it is raised by one of them, so that short series do not pass for
independent ones.

References:
    [1] Bayley and Hammersley 1946, J. R. Statist. Soc. Suppl. 8, 184-197, eq. (1) for the mean.
    [2] Geyer 1992, Statistical Science 7, 473-483, section 3.3.
    [3] Marriott and Pope 1954, Biometrika 41, 390-402.
    [4] Madras and Sokal 1988, J. Stat. Phys. 50, 109-186, appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from twin_core.arrays import Array

LAGS_SHARE = 0.5
"""Longest lag, as a share of a series: beyond it there are too few pairs."""


@dataclass(frozen=True)
class Autocorrelation:
    """Autocorrelation of a series, from lag 1 to the last that counts."""

    rho: Array
    inflation: float = 1.0

    def effective(self, count: int) -> float:
        """Independent values that ``count`` of the series are worth, eq. (1): 1 to ``count``."""
        if count <= 1:
            return float(count)
        rho = self.rho[: count - 1]
        lags = np.arange(1, len(rho) + 1)
        total = 1.0 + 2.0 * float(np.sum((1.0 - lags / count) * rho))
        return float(np.clip(count / max(total * self.inflation, 1.0), 1.0, count))


INDEPENDENT = Autocorrelation(np.empty(0))


def autocorrelation_of(*parts: Array) -> Autocorrelation:
    """Autocorrelation common to series without gaps, each in order of time.

    A constant series says nothing of it and is left out.
    """
    parts = tuple(part for part in parts if len(part) > 3 and np.ptp(part) > 0.0)
    total = sum(len(part) for part in parts)
    if not total:
        return INDEPENDENT
    raw = _pooled(parts)
    shortfall = len(parts) * (1.0 + 2.0 * float(np.sum(_initial_positive(raw)))) / total
    rho = _initial_positive(raw + max(shortfall, 0.0))
    return Autocorrelation(rho, 1.0 + float(np.sqrt(2.0 * (2 * len(rho) + 1) / total)))


def _pooled(parts: tuple[Array, ...]) -> Array:
    """Mean autocorrelation from lag 1 on, weighted by length."""
    lags = max(int(len(part) * LAGS_SHARE) for part in parts)
    above, weight = np.zeros(lags), np.zeros(lags)
    for part in parts:
        rho = _autocorrelation(part)[:lags]
        above[: len(rho)] += len(part) * rho
        weight[: len(rho)] += len(part)
    return np.asarray(above / np.maximum(weight, 1.0))


def _autocorrelation(series: Array) -> Array:
    """From lag 1 to the longest, by the fast Fourier transform."""
    centred = series - series.mean()
    size = fft.next_fast_len(2 * len(series), real=True)
    covariance = fft.irfft(np.abs(fft.rfft(centred, size)) ** 2, size)
    longest = int(len(series) * LAGS_SHARE)
    return np.asarray(covariance[1 : longest + 1] / covariance[0])


def _initial_positive(rho: Array) -> Array:
    """Part before the first pair (rho_2k, rho_2k+1) whose sum is not positive."""
    whole = np.concatenate(([1.0], rho))
    even = len(whole) // 2 * 2
    pairs = whole[:even:2] + whole[1:even:2]
    ends = np.flatnonzero(pairs <= 0.0)
    keep = 2 * int(ends[0]) if len(ends) else even
    return whole[1:keep]
