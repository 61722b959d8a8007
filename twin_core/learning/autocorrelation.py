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

The other way to the same end is an autoregression, x_t = phi_1 x_(t-1) + ... + noise, fitted by
Burg's method [5], its order by BIC. It says more of short series, for it has fewer numbers to
find, and is wrong where the memory is no autoregression. A mean of many of its values has the
variance of (1 + phi)/(1 - phi) independent ones less, phi being that of the first order which
remembers as much. The logarithm of this ratio has the variance 4/((1 - phi^2) N), and phi is too
small by (s (1 + phi) + 2 phi)/N, s being the number of means taken out [3].

References:
    [1] Bayley and Hammersley 1946, J. R. Statist. Soc. Suppl. 8, 184-197, eq. (1) for the mean.
    [2] Geyer 1992, Statistical Science 7, 473-483, section 3.3.
    [3] Marriott and Pope 1954, Biometrika 41, 390-402.
    [4] Madras and Sokal 1988, J. Stat. Phys. 50, 109-186, appendix C.
    [5] Burg 1975, Maximum Entropy Spectral Analysis, thesis, Stanford.
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


MOST_ORDERS = 6
LEAST_LEFT = 1.5
"""phi is at most 1 less this over N: a series says nothing of what takes longer than itself."""


@dataclass(frozen=True)
class Autoregression:
    """Memory of a series, by the autoregression of first order that remembers as much."""

    log_ratio: float
    """Logarithm of (1 + phi)/(1 - phi)."""
    variance: float
    """Of a value, about the mean of its part."""
    parts: tuple[int, ...]
    """Values of each part that it comes from."""
    own: float = 1.0
    """Share of ``log_ratio`` that is this series' own, the rest being what others say."""
    alike: int = 1
    """Series that said it."""
    order: int = 0
    """Of the autoregression; ``MOST_ORDERS``: the memory is probably none."""

    @property
    def phi(self) -> float:
        """Correlation of neighbours, 0 to below 1."""
        return float(np.tanh(self.log_ratio / 2.0))

    @property
    def count(self) -> int:
        """Values that it comes from."""
        return sum(self.parts)

    @property
    def marginal(self) -> float:
        """Variance of a value: about the mean of its part it is too small by that of the mean."""
        of_means = sum(part * share_of_mean(self.phi, part) for part in self.parts) / self.count
        return self.variance / max(1.0 - of_means, 0.2)

    @property
    def log_variance(self) -> float:
        """Of ``log_ratio``, as one series says it."""
        return 4.0 / ((1.0 - self.phi**2) * self.count)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance of a mean: 2 over its relative variance.

        That of ``variance`` and of the ratio each, and what they have in common: of the series
        alone they make 2/N + 4/N (1 + phi)/(1 - phi) together, the variance of noise/(1 - phi)^2.
        """
        phi, n, own = self.phi, self.count, self.own
        value = 2.0 * (1.0 + phi**2) / ((1.0 - phi**2) * n)
        ratio = self.log_variance
        both = (2.0 + 4.0 * (1.0 + phi) / (1.0 - phi)) / n
        common = (both - value - ratio) / 2.0
        said = own**2 + (1.0 - own) ** 2 / self.alike
        return 2.0 / (value + said * ratio + 2.0 * own * common)


def autoregression_of(*parts: Array) -> Autoregression:
    """Autoregression common to series without gaps, each in order of time and not constant."""
    series = [part - part.mean() for part in parts]
    count = sum(map(len, series))
    variance, coefficients, noise = _burg(series, count)
    phi = float(coefficients.sum())
    if phi > 0.0:
        phi += (len(parts) * (1.0 + phi) + 2.0 * phi) / count
    longest = 1.0 - LEAST_LEFT / count
    phi = min(phi, longest)
    if len(coefficients) > 1:  # by the variance of a mean, whatever the single lags are
        ratio = noise / ((1.0 - phi) ** 2 * variance)
        phi = (ratio - 1.0) / (ratio + 1.0)
    phi = min(max(phi, 0.0), longest)
    log_ratio = float(np.log((1.0 + phi) / (1.0 - phi)))
    sizes = tuple(len(part) for part in parts)
    return Autoregression(log_ratio, variance, sizes, order=len(coefficients))


def _burg(series: list[Array], count: int) -> tuple[float, Array, float]:
    """Variance, coefficients and variance of the noise of the best order [5]."""
    ahead, behind = [part[1:] for part in series], [part[:-1] for part in series]
    variance = noise = sum(float(part @ part) for part in series) / count
    coefficients = np.zeros(0)
    best, found = count * np.log(noise), (coefficients, noise)
    for order in range(1, MOST_ORDERS + 1):
        pairs = list(zip(ahead, behind, strict=True))
        size = sum(float(a @ a + b @ b) for a, b in pairs)
        k = 2.0 * sum(float(a @ b) for a, b in pairs) / size if size > 0.0 else 0.0
        noise *= 1.0 - k * k
        coefficients = np.append(coefficients - k * coefficients[::-1], k)
        if noise <= 1e-12 * variance:  # as good as known from the values before
            return variance, coefficients.sum(keepdims=True), noise
        bic = count * np.log(noise) + order * np.log(count)
        if bic < best:
            best, found = bic, (coefficients, noise)
        ahead, behind = [(a - k * b)[1:] for a, b in pairs], [(b - k * a)[:-1] for a, b in pairs]
    return variance, *found


def share_of_mean(phi: float, count: float) -> float:
    """Variance of the mean of ``count`` values over that of one; each phi of the one before."""
    if phi < 1e-12:
        return 1.0 / count
    away = 1.0 - phi
    return float((count * (1.0 - phi**2) - 2.0 * phi * (1.0 - phi**count)) / (count * away) ** 2)
