"""Certainty of a fit: covariance, intervals, and what the data cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from twin_core.arrays import Array

LARGE_SIGMA = 0.30
"""Relative; beyond it the data hardly tell the value."""
HIGH_CORRELATION = 0.98


def covariance(J: Array) -> Array:
    """(J^T J)^-1 of residuals in units of their sigma; pseudo-inverse where they leave freedom."""
    return np.asarray(np.linalg.pinv(J.T @ J))


def t_quantile(freedom: int) -> float:
    """Two-sided 95 % factor on sigma for so many degrees of freedom."""
    return float(stdtrit(max(freedom, 1), 0.975))


def correlations(C: Array) -> Array:
    """Correlation matrix of a covariance."""
    sigma = np.sqrt(np.clip(np.diag(C), 1e-300, None))
    return np.asarray(C / np.outer(sigma, sigma))


def warnings(names: list[str], relative: Array, C: Array, at_bound: list[bool]) -> list[str]:
    """Warnings to a reader of the numbers; empty when nothing is wrong.

    ``relative``: one sigma of each estimate over its value, or over its scale.
    """
    found = []
    for name, sigma, stuck in zip(names, relative, at_bound, strict=True):
        if stuck:
            found.append(f"{name} ended at a bound: the data ask for more than is allowed")
        if not sigma <= LARGE_SIGMA:
            found.append(
                f"{name} is hardly identifiable: one sigma is {100 * sigma:.0f} % of the value "
                f"(limit {100 * LARGE_SIGMA:.0f} %)"
            )
    both = correlations(C)
    for i in range(len(names)):
        for j in range(i):
            if abs(both[i, j]) > HIGH_CORRELATION:
                found.append(
                    f"{names[j]} and {names[i]} cannot be told apart: correlation "
                    f"{both[i, j]:+.3f} (limit {HIGH_CORRELATION})"
                )
    return found


def covariance_of_series(J: Array, residuals: Array, sizes: Sequence[int]) -> Array:
    """Covariance where each series has a scatter and a memory of its own.

    H^-1 (sum of tau J'diag(r^2/(1-h)^2)J over the series) H^-1 with H = J'J: r is what is left of
    each reading, h how much it decides by itself (its leverage), tau = (1 + c)/(1 - c) how many
    readings of a series say as much as one, by the correlation c of neighbours. A single reading
    has the sigma that it states. An error of the model goes on from reading to reading, so it
    widens the intervals.

    Args:
        J: derivatives of the residuals, in units of sigma.
        residuals: of one series after another.
        sizes: readings of each series.
    """
    inverse = np.linalg.pinv(J.T @ J)
    middle = np.zeros_like(inverse)
    start = 0
    for size in sizes:
        part, off = J[start : start + size], residuals[start : start + size]
        start += size
        lever = np.clip(np.einsum("ij,jk,ik->i", part, inverse, part), 0.0, 0.9)
        left = np.ones(1) if size == 1 else _alike(off) * (off / (1.0 - lever)) ** 2
        middle += part.T @ (left[:, None] * part)
    return np.asarray(inverse @ middle @ inverse)


def _alike(residuals: Array) -> float:
    """How many neighbouring readings say as much as one, 1 to all of them."""
    squares = float(np.sum(residuals**2))
    if squares <= 0.0:
        return 1.0
    r = float(np.sum(residuals[1:] * residuals[:-1])) / squares
    most = float(len(residuals))
    return min(max((1.0 + r) / max(1.0 - r, 1e-9), 1.0), most)
