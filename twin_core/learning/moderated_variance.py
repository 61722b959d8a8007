"""Variances of many columns, each known badly: drawn to what they have in common.

Of k values a variance has k - 1 degrees of freedom d. Where those of many columns are draws of a
scaled inverse chi-square distribution with the scale s and d0 degrees of freedom, the best estimate
of each is (d0 s + d s_i)/(d0 + d), and it has d0 + d degrees of freedom [1]. d0 is found from how
far the logarithms of the variances differ beyond chance.

That holds for columns that do not know each other. Columns of one plant do, and p of them are worth

    w = p^2 / sum_ij r_ij^2                                                                 (1)

r the correlations: the participation ratio of their eigenvalues, 1 where all are one column, p
where all are independent [2]. Of k values r is too large by chance, and w at most k - 1: too small
rather than too large.

References:
    [1] Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3(1), article 3, sections 4 and 6.2.
    [2] Bretherton et al. 1999, J. Climate 12, 1990-2009.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from twin_core.arrays import Array

SMALLEST = 1e-3
"""Variance below which its logarithm says nothing more."""
ALL_ALIKE = 1e4
"""Degrees of freedom of the prior where variances differ by chance only."""


def moderated(variances: Array, freedoms: Array) -> tuple[Array, float]:
    """Each variance drawn to what all have in common [1], and degrees of freedom of the prior.

    Args:
        variances: one of each column, NaN where it has none: it gets that of all.
        freedoms: their degrees of freedom.
    """
    there = ~np.isnan(variances)
    own, freedom = np.maximum(variances[there], SMALLEST), freedoms[there]
    logs = np.log(own) - special.digamma(freedom / 2.0) + np.log(freedom / 2.0)
    more = 0.0
    if len(logs) > 1:
        more = float(logs.var(ddof=1) - special.polygamma(1, freedom / 2.0).mean())
    prior = 2.0 * _inverse_trigamma(more) if more > 1e-4 else ALL_ALIKE
    scale = float(np.exp(logs.mean() + special.digamma(prior / 2.0) - np.log(prior / 2.0)))
    d = np.where(there, freedoms, 0.0)
    return (prior * scale + d * np.where(there, variances, 0.0)) / (prior + d), prior


def worth(columns: list[Array]) -> float:
    """Independent columns that these, of equal length, are worth, eq. (1); 0 of none."""
    centred = [column - column.mean() for column in columns]
    moving = np.array([one / np.sqrt(one @ one) for one in centred if one @ one > 0.0])
    if not len(moving):
        return 0.0
    return float(len(moving) ** 2 / ((moving @ moving.T) ** 2).sum())


def _inverse_trigamma(value: float) -> float:
    found = 0.5 + 1.0 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, found))
        step = trigamma * (1.0 - trigamma / value) / float(special.polygamma(2, found))
        found += step
        if abs(step) < 1e-8 * found:
            break
    return found
