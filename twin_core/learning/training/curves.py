"""Curves of a trained model for its report: ROC, precision and recall, calibration, importance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from twin_core.arrays import Array
from twin_core.learning.training.regression import Regression
from twin_core.learning.training.risk import RiskModel
from twin_core.learning.training.table import FeatureSet, Rows

BINS = 8
REPEATS = 3
MOST_SHOTS = 1000


@dataclass(frozen=True)
class RiskCurves:
    """Curves of one kind of defect, on shots of presses that the models had not seen.

    ``roc`` is (false alarm rate, hit rate), ``precision_recall`` (recall, precision),
    ``calibration`` (mean probability, share with the defect) of bins with as many shots each.
    """

    name: str
    roc: tuple[Array, Array]
    precision_recall: tuple[Array, Array]
    calibration: tuple[Array, Array]
    roc_auc: float
    average_precision: float
    brier: float
    base_share: float


def risk_curves(risk: RiskModel) -> RiskCurves:
    """The curves of a fitted risk."""
    y, p = risk.known, risk.apart
    false_alarms, hits, _ = roc_curve(y, p)
    precision, recall, _ = precision_recall_curve(y, p)
    share, mean = calibration_curve(y, p, n_bins=BINS, strategy="quantile")
    return RiskCurves(
        name=risk.name,
        roc=(false_alarms, hits),
        precision_recall=(recall, precision),
        calibration=(mean, share),
        roc_auc=float(roc_auc_score(y, p)),
        average_precision=float(average_precision_score(y, p)),
        brier=float(np.mean((y - p) ** 2)),
        base_share=float(y.mean()),
    )


def importance(
    item: Regression, table: FeatureSet, features: list[str], judged: Rows, seed: int
) -> dict[str, float]:
    """By how much the error of a target grows when a feature is shuffled, largest first.

    Relative to the error itself, on ``judged`` shots (Breiman 2001, section 10).
    """
    y = table.residual(item.name)
    rows = np.flatnonzero(judged & ~np.isnan(y))[:MOST_SHOTS]
    if not len(rows):
        return {}
    X, y = table.matrix(features)[rows], y[rows]

    def error(model: Any, X: Any, y: Any) -> float:
        return -float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))

    found = permutation_importance(
        item.model, X, y, scoring=error, n_repeats=REPEATS, random_state=seed
    )
    own = -error(item.model, X, y) or 1.0
    grown = {
        name: float(mean / own)
        for name, mean in zip(features, found.importances_mean, strict=True)
        if mean > 0.0
    }
    return dict(sorted(grown.items(), key=lambda pair: -pair[1]))
