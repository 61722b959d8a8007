"""Scores of a correction, beside what needs no model: physics alone, the mean, the last value."""

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


@dataclass(frozen=True)
class Score:
    """Score of one target on some shots, in its unit.

    ``ratio`` is the error of the model to that of the physics alone; ``coverage`` the share of
    shots inside their interval, ``width`` the mean width of the intervals.
    """

    shots_count: int
    rmse: float
    rmse_physics: float
    rmse_mean: float
    rmse_last: float
    bias: float
    ratio: float
    coverage: float
    width: float
    coverage_by_mold: Mapping[str, float]
    coverage_by_system: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Answers:
    """Answers of a model for the shots of a table and one target; NaN where it has none.

    ``residual`` and ``half`` are in the units of the residual.
    """

    residual: Array
    half: Array


def score(
    name: str, table: FeatureSet, answers: Answers, mean: float, chosen: Rows | None = None
) -> Score | None:
    """Score one target on the shots whose measurement is known; None if there are none.

    Args:
        mean: mean residual of the shots learned from: a baseline.
        chosen: only these shots.
    """
    residual = table.residual(name)
    known = ~np.isnan(residual) & ~np.isnan(answers.residual)
    if chosen is not None:
        known &= chosen
    if not known.any():
        return None
    shots, said, half = table.rows(known), answers.residual[known], answers.half[known]
    target, truth = TARGETS[name], residual[known]
    last = np.nan_to_num(shots[f"prev_{name}_last"].astype(float))
    physics = shots[target.physics].astype(float)

    def value(off: Array) -> Array:
        found: Array = physics * np.exp(off) if target.relative else physics + off
        return found

    inside = np.abs(truth - said) <= half
    errors = {
        "rmse": said,
        "rmse_physics": np.zeros(len(shots)),
        "rmse_mean": np.full(len(shots), mean),
        "rmse_last": last,
    }
    measured = value(truth)
    rmse = {key: _rms(value(off) - measured) for key, off in errors.items()}
    return Score(
        shots_count=len(shots),
        **rmse,
        bias=float(np.mean(value(said) - measured)),
        ratio=rmse["rmse"] / rmse["rmse_physics"] if rmse["rmse_physics"] else np.nan,
        coverage=float(inside.mean()),
        width=float(np.mean(value(said + half) - value(said - half))),
        coverage_by_mold=_by(shots.molds, inside),
        coverage_by_system=_by(shots["system_id"].astype(str), inside),
    )


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _by(names: NDArray[np.str_], inside: NDArray[np.bool_]) -> dict[str, float]:
    return {
        str(name): float(inside[names == name].mean())
        for name in np.unique(names)
        if (names == name).sum() >= FEWEST
    }
