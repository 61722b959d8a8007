"""Scores of a correction, beside what needs no model: physics, means, the memory alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.learning.columns import TARGETS
from twin_core.learning.training.table import FeatureSet, Rows

FEWEST = 20
"""A share of fewer shots says little; they are not listed one by one."""


CONSECUTIVE = 100
"""Results in a row, of which the worst coverage is looked for."""
LAYOUTS = 1000
"""Drawn to learn how bad the worst of an exact interval is."""


@dataclass(frozen=True)
class Score:
    """Score of one target on some shots, in its unit.

    Attributes:
        rmse: of the corrected values; the others are baselines: the physics alone, with the mean
            residual of the shots learned from, with the last one known of the mold, with the best
            exponentially weighted mean, with the memory alone, and with a ridge regression on such
            a mean (None where nobody fitted one).
        ewma_speed: of that mean, the best on these very shots.
        ratio: error to that of the physics alone.
        ratio_ewma: the same to the exponentially weighted mean.
        coverage: share of shots inside their interval; ``width`` is the mean width.
        results_by_mold: how many ``coverage_by_mold`` rests on.
        worst_share: of the worst ``CONSECUTIVE`` results in a row on any mold (on all, where no
            mold has as many), None where there are fewer; ``worst_exact`` is what one in a hundred
            exact intervals has there.
    """

    shots_count: int
    rmse: float
    rmse_physics: float
    rmse_mean: float
    rmse_last: float
    rmse_ewma: float
    rmse_memory: float
    rmse_ewma_ridge: float | None
    ewma_speed: float
    bias: float
    ratio: float
    ratio_ewma: float
    coverage: float
    width: float
    worst_share: float | None
    worst_exact: float | None
    coverage_by_mold: Mapping[str, float]
    results_by_mold: Mapping[str, int]
    coverage_by_system: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Corrections:
    """What was said of the shots of a table and one target; NaN where nothing was.

    ``residual`` and ``half`` are in the units of the residual.
    """

    residual: Array
    half: Array


@dataclass(frozen=True)
class Baselines:
    """Residuals that need no model, (shots,) each; see ``Score``."""

    ewma: Array
    ewma_speed: float
    ewma_ridge: Array | None = None


def score(
    name: str,
    table: FeatureSet,
    said: Corrections,
    mean: float,
    beside: Baselines,
    coverage: float,
    chosen: Rows | None = None,
) -> Score | None:
    """Score one target on the shots whose measurement is known; None if there are none.

    Args:
        mean: mean residual of the shots learned from: a baseline.
        beside: other baselines.
        coverage: that was asked for.
        chosen: only these shots.
    """
    residual = table.residual(name)
    known = ~np.isnan(residual) & ~np.isnan(said.residual)
    if chosen is not None:
        known &= chosen
    if not known.any():
        return None
    shots, value, half = table.rows(known), said.residual[known], said.half[known]
    target, truth = TARGETS[name], residual[known]
    physics = shots[target.physics].astype(float)

    def in_unit(off: Array) -> Array:
        found: Array = physics * np.exp(off) if target.relative else physics + off
        return found

    inside = np.abs(truth - value) <= half
    residuals = {
        "rmse": value,
        "rmse_physics": np.zeros(len(shots)),
        "rmse_mean": np.full(len(shots), mean),
        "rmse_last": np.nan_to_num(shots[f"prev_{name}_last"].astype(float)),
        "rmse_ewma": beside.ewma[known],
        "rmse_memory": shots[f"prev_{name}_expected"].astype(float),
    }
    measured = in_unit(truth)
    rmse = {key: _rms(in_unit(off) - measured) for key, off in residuals.items()}
    ridge = beside.ewma_ridge
    worst = worst_in_a_row(inside, shots.molds)
    return Score(
        shots_count=len(shots),
        **rmse,
        rmse_ewma_ridge=None if ridge is None else _rms(in_unit(ridge[known]) - measured),
        ewma_speed=beside.ewma_speed,
        bias=float(np.mean(in_unit(value) - measured)),
        ratio=rmse["rmse"] / rmse["rmse_physics"] if rmse["rmse_physics"] else np.nan,
        ratio_ewma=rmse["rmse"] / rmse["rmse_ewma"] if rmse["rmse_ewma"] else np.nan,
        coverage=float(inside.mean()),
        width=float(np.mean(in_unit(value + half) - in_unit(value - half))),
        worst_share=worst,
        worst_exact=None if worst is None else worst_of_exact(shots.molds, coverage),
        coverage_by_mold=_by(shots.molds, inside),
        results_by_mold=_counts(shots.molds),
        coverage_by_system=_by(shots["system_id"].astype(str), inside),
    )


def worst_in_a_row(inside: Rows, molds: NDArray[np.str_]) -> float | None:
    """Smallest share inside of ``CONSECUTIVE`` results in a row on any mold."""
    rows = [inside[molds == mold] for mold in np.unique(molds)]
    rows = [row for row in rows if len(row) >= CONSECUTIVE] or [inside]
    if len(rows[0]) < CONSECUTIVE:
        return None
    return min(_worst(row[None, :].astype(float)).item() for row in rows)


def worst_of_exact(molds: NDArray[np.str_], coverage: float) -> float:
    """The worst share in a row that one of a hundred exact intervals has on such molds, drawn."""
    rng = np.random.default_rng(0)
    counts = [int((molds == mold).sum()) for mold in np.unique(molds)]
    counts = [count for count in counts if count >= CONSECUTIVE] or [len(molds)]
    worst = np.ones(LAYOUTS)
    for count in counts:
        drawn = rng.random((LAYOUTS, count)) < coverage
        worst = np.minimum(worst, _worst(drawn.astype(float)))
    return float(np.quantile(worst, 0.01))


def _worst(rows: Array) -> Array:
    """Smallest mean of ``CONSECUTIVE`` values in a row, (rows,)."""
    sums = np.cumsum(np.concatenate([np.zeros((len(rows), 1)), rows], axis=1), axis=1)
    found: Array = (sums[:, CONSECUTIVE:] - sums[:, :-CONSECUTIVE]).min(axis=1) / CONSECUTIVE
    return found


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _counts(names: NDArray[np.str_]) -> dict[str, int]:
    pairs = zip(*np.unique(names, return_counts=True), strict=True)
    return {str(name): int(count) for name, count in pairs if count >= FEWEST}


def _by(names: NDArray[np.str_], inside: NDArray[np.bool_]) -> dict[str, float]:
    return {
        str(name): float(inside[names == name].mean())
        for name in np.unique(names)
        if (names == name).sum() >= FEWEST
    }
