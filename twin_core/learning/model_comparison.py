"""Comparison of two models: paired errors on the same shots, and whether chance would do.

Errors of shots in a row are alike, so the mean of their differences has fewer independent values
than shots: Diebold and Mariano 1995 (J. Bus. Econ. Stat. 13, 253-263), with the effective number of
``autocorrelation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.autocorrelation import autocorrelation_of

FEWEST = 30
"""Shots that both have answered for."""
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same shots; ``ratio`` is the error of the second to that of the first.

    ``p_value`` is how often chance alone would show such a difference between equals.
    """

    shots_count: int
    independent_count: float
    rmse_first: float
    rmse_second: float
    ratio: float
    p_value: float
    better: Literal["first", "second"] | None
    """None: chance would do."""

    @property
    def words(self) -> str:
        """The verdict."""
        change = f"{abs(1.0 - self.ratio):.1%} {'less' if self.ratio < 1.0 else 'more'} error"
        if self.better is None:
            return f"no difference that chance would not make ({change}, p = {self.p_value:.2g})"
        return f"the {self.better} is better ({change} of the second, p = {self.p_value:.2g})"


def compare_errors(first: Array, second: Array) -> ModelComparison:
    """Compare squared errors of two models, (shots,) each in order of time; NaN where one has none.

    Raises:
        InputError: too few shots have both.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    if both.sum() < FEWEST:
        raise InputError(
            f"{both.sum()} shots have answers of both and a measurement: {FEWEST} are needed"
        )
    first, second = first[both], second[both]
    difference = second - first
    worth = autocorrelation_of(difference).effective(len(difference))
    error = float(np.std(difference, ddof=1)) / np.sqrt(worth)
    p_value = 1.0
    if error > 0.0:
        t = float(np.mean(difference)) / error
        p_value = float(2.0 * stats.t.sf(abs(t), max(worth - 1.0, 1.0)))
    rmse = float(np.sqrt(first.mean())), float(np.sqrt(second.mean()))
    better: Literal["first", "second"] | None = None
    if p_value <= SIGNIFICANT:
        better = "second" if rmse[1] < rmse[0] else "first"
    return ModelComparison(
        shots_count=len(first),
        independent_count=worth,
        rmse_first=rmse[0],
        rmse_second=rmse[1],
        ratio=rmse[1] / rmse[0] if rmse[0] else np.inf,
        p_value=p_value,
        better=better,
    )
