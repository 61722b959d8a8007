"""Certainty of a fit: covariance, intervals, and what the data cannot tell apart."""

from __future__ import annotations

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
