"""The learners that compete; each handles missing features in a way that the report names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MISSING = {
    "ridge": "missing features take the median of the shots learned from",
    "network": "missing features take the median of the shots learned from",
    "boosting": "missing features go their own way in every tree",
    "logistic": "missing features take the median of the shots learned from",
}


def _filled(last: Any) -> Any:
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(fill, StandardScaler(), last)


def _boosting(**changes: Any) -> dict[str, Any]:
    return {
        "learning_rate": 0.06,
        "max_iter": 150,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 30,
        "l2_regularization": 1.0,
        "early_stopping": False,
        **changes,
    }


REGRESSORS: dict[str, Callable[[int], Any]] = {
    "ridge 30": lambda _seed: _filled(Ridge(alpha=30.0)),
    "ridge 300": lambda _seed: _filled(Ridge(alpha=300.0)),
    "ridge 3000": lambda _seed: _filled(Ridge(alpha=3000.0)),
    "boosting": lambda seed: HistGradientBoostingRegressor(**_boosting(random_state=seed)),
    "network": lambda seed: _filled(
        MLPRegressor(
            hidden_layer_sizes=(32, 16),
            alpha=3.0,
            early_stopping=True,
            max_iter=500,
            random_state=seed,
        )
    ),
}
"""By name: seed -> learner of a residual (in units of its standard deviation)."""

VARIANTS = {
    "ridge": ("ridge 30", "ridge 300", "ridge 3000"),
    "boosting": ("boosting",),
    "network": ("network",),
}
"""Learners of a residual that compete under one name."""

CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "logistic": lambda _seed: _filled(LogisticRegression(C=0.1, max_iter=1000)),
    "boosting": lambda seed: HistGradientBoostingClassifier(
        **_boosting(random_state=seed, max_iter=80, max_leaf_nodes=7, min_samples_leaf=60)
    ),
}
"""By name: seed -> learner of a defect."""


def fitted(learner: Any, X: Any, y: Any) -> Any:
    """Fit; trees that found nothing to divide by (they do not convert) become one constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # who is not done does not win
        learner.fit(X, y)
    if not isinstance(learner, (HistGradientBoostingRegressor, HistGradientBoostingClassifier)):
        return learner
    answers = learner.predict_proba(X) if hasattr(learner, "predict_proba") else learner.predict(X)
    if np.ptp(answers, axis=0).max() > 0.0:
        return learner
    if hasattr(learner, "predict_proba"):
        return _filled(LogisticRegression(C=1e-12)).fit(X, y)
    return _filled(Ridge(alpha=1e12)).fit(X, y)


def spread_learner(seed: int) -> Any:
    """Learner of the spread: smooth, so that it does not follow single shots."""
    return HistGradientBoostingRegressor(
        **_boosting(random_state=seed, max_iter=60, max_leaf_nodes=6, min_samples_leaf=100)
    )
