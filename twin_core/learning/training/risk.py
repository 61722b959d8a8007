"""The probability of a defect: choose a learner, calibrate what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from twin_core.arrays import Array
from twin_core.learning.training.candidates import CLASSIFIERS, fitted
from twin_core.learning.training.table import FeatureSet, group_folds

FOLDS = 5
FEWEST = 30
"""A kind of defect that was found less often is not learned."""


@dataclass(frozen=True)
class RiskModel:
    """Fit of one kind of defect.

    Attributes:
        losses: log loss of each candidate, calibrated, on groups it had not seen.
        apart: calibrated probability for each shot by models that had not seen its group.
        known: 1 where it was found.
    """

    name: str
    learner: str
    losses: Mapping[str, float]
    model: Any
    slope: float
    offset: float
    apart: Array
    known: Array


def fit_risk(
    column: str, table: FeatureSet, features: Sequence[str], candidates: Sequence[str], seed: int
) -> RiskModel | None:
    """Fit one ``qc_`` column of zeros and ones; None if too few defects were found."""
    seen = ~np.isnan(table[column].astype(float))
    table = table.rows(seen)
    y = table[column].astype(int) if seen.any() else np.zeros(0, int)
    if min(y.sum(), len(y) - y.sum()) < FEWEST:
        return None
    X = table.matrix(features)
    raw = {name: _apart(name, table, X, y, seed) for name in candidates}
    platt = {name: platt_of(p, y) for name, p in raw.items()}
    losses = {name: float(log_loss(y, calibrated(raw[name], *platt[name]))) for name in candidates}
    learner = min(losses, key=lambda name: losses[name])
    return RiskModel(
        name=column.removeprefix("qc_").removeprefix("defect_"),
        learner=learner,
        losses=losses,
        model=fitted(CLASSIFIERS[learner](seed), X, y),
        slope=platt[learner][0],
        offset=platt[learner][1],
        apart=calibrated(raw[learner], *platt[learner]),
        known=y.astype(float),
    )


def platt_of(p: Array, y: Any) -> tuple[float, float]:
    """Slope and offset of the calibration (Platt 1999), fitted on shots not learned from."""
    fit = LogisticRegression(C=1e6).fit(logit(p)[:, None], y)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def calibrated(p: Array, slope: float, offset: float) -> Array:
    """Calibrated probability."""
    found: Array = 1.0 / (1.0 + np.exp(-(slope * logit(p) + offset)))
    return found


def logit(p: Array) -> Array:
    """Log odds, away from 0 and 1 as ``inference`` has it."""
    p = np.clip(p, 1e-6, 1.0 - 1e-6)
    found: Array = np.log(p / (1.0 - p))
    return found


def _apart(name: str, table: FeatureSet, X: Any, y: Any, seed: int) -> Array:
    found = np.full(len(y), float(np.mean(y)))
    for fold in group_folds(table.groups, FOLDS, seed):
        if 0 < y[~fold].sum() < (~fold).sum():
            model = fitted(CLASSIFIERS[name](seed), X[~fold], y[~fold])
            found[fold] = model.predict_proba(X[fold])[:, 1]
    return found
