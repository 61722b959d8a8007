"""The learners that compete; each handles missing features in a way that the report names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

MISSING = {
    "ridge": "missing features take the median of the shots learned from",
    "boosting": "missing features go their own way in every tree",
    "logistic": "missing features take the median of the shots learned from",
}


def columns_for(target: str, features: Sequence[str]) -> list[int]:
    """Numbers of the columns that a residual is learned from: none that tells molds apart.

    There are thousands of shots, but only some molds: what they are like explains how far each is
    off by chance, and the next mold is wrong by it. So a learner sees how a shot differs from
    earlier shots of its mold (where there are none, from nothing: then it does see the mold).
    """
    stems = (f"dev_{target}_", "meas_", "delta_")
    ends = ("_trend", "_news", "_lately")
    found = [
        number
        for number, name in enumerate(features)
        if name.startswith(stems) or name.endswith(ends) or name == f"prev_{target}_lead"
    ]
    return found or list(range(len(features)))


def columns_for_spread(target: str, features: Sequence[str]) -> list[int]:
    """Numbers of the columns that say how well a mold is known."""
    stems = (f"dev_{target}_", f"prev_{target}_age_")
    ends = tuple(
        f"{scope}_{target}_{what}"
        for scope, what in (("prev", "count"), ("press", "count"), ("prev", "since"))
    )
    found = [
        number for number, name in enumerate(features) if name.startswith(stems) or name in ends
    ]
    return found or list(range(len(features)))


def columns_for_risk(learner: str, features: Sequence[str]) -> list[int]:
    """Numbers of the columns that a defect is learned from: it is rare, so they are few.

    How the shot differs from the physics and from its mold, what the mold is like, and moisture;
    for ``logistic of all`` every one.
    """
    if "of all" in learner:
        return list(range(len(features)))
    names = ("prev_defect_share", "proc_RH_ambient")
    found = [
        number
        for number, name in enumerate(features)
        if name.startswith(("delta_", "dev_T_core_max_"))
        or name.endswith("_expected")
        or name in names
    ]
    return found or list(range(len(features)))


def _some(last: Any, columns: list[int]) -> Any:
    return make_pipeline(ColumnTransformer([("some", "passthrough", columns)]), last)


def _filled(last: Any, columns: list[int] | None = None) -> Any:
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    steps = (fill, StandardScaler(), last)
    if columns is None:
        return make_pipeline(*steps)
    return make_pipeline(ColumnTransformer([("some", "passthrough", columns)]), *steps)


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


REGRESSORS: dict[str, Callable[[list[int]], Any]] = {
    "ridge 1": lambda some: _filled(Ridge(alpha=1.0), some),
    "ridge 30": lambda some: _filled(Ridge(alpha=30.0), some),
    "ridge 1000": lambda some: _filled(Ridge(alpha=1000.0), some),
}
"""By name: columns that it may look at -> learner of a residual. Trees and a network won nowhere
(decision 0025)."""

CLASSIFIERS: dict[str, Callable[[int, list[int]], Any]] = {
    "logistic 0.1": lambda _seed, some: _filled(LogisticRegression(C=0.1, max_iter=1000), some),
    "logistic 0.01": lambda _seed, some: _filled(LogisticRegression(C=0.01, max_iter=1000), some),
    "logistic of all 0.01": lambda _seed, some: _filled(
        LogisticRegression(C=0.01, max_iter=1000), some
    ),
    "boosting": lambda seed, some: _some(
        HistGradientBoostingClassifier(
            **_boosting(random_state=seed, max_iter=80, max_leaf_nodes=7, min_samples_leaf=60)
        ),
        some,
    ),
}
"""By name: (seed, columns that it may look at) -> learner of a defect."""
RISK_VARIANTS = {
    "logistic": ("logistic 0.1", "logistic 0.01", "logistic of all 0.01"),
    "boosting": ("boosting",),
}
"""Learners of a defect that compete under one name."""


def fitted(learner: Any, X: Any, y: Any) -> Any:
    """Fit; trees that found nothing to divide by (they do not convert) become one constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # who is not done does not win
        learner.fit(X, y)
    last = learner[-1] if isinstance(learner, Pipeline) else learner
    if not isinstance(last, (HistGradientBoostingRegressor, HistGradientBoostingClassifier)):
        return learner
    _in_single_precision(last)
    answers = learner.predict_proba(X) if hasattr(learner, "predict_proba") else learner.predict(X)
    if np.ptp(answers, axis=0).max() > 0.0:
        return learner
    if hasattr(learner, "predict_proba"):
        return _filled(LogisticRegression(C=1e-12)).fit(X, y)
    return _filled(Ridge(alpha=1e12)).fit(X, y)


def _in_single_precision(
    trees: HistGradientBoostingRegressor | HistGradientBoostingClassifier,
) -> None:
    """Round thresholds of splits down to single precision, in which a file keeps them.

    Readings are in single precision, too, so no reading falls to another side. Rounded to nearest,
    as the conversion would, a threshold between two neighbouring readings can become the upper one.
    """
    for stage in trees._predictors:
        for tree in stage:
            exact = tree.nodes["num_threshold"]
            single = exact.astype(np.float32)
            above = single.astype(np.float64) > exact
            single[above] = np.nextafter(single[above], np.float32(-np.inf))
            tree.nodes["num_threshold"] = single


def spread_learner(seed: int, some: list[int]) -> Any:
    """Learner of the spread: smooth, so that it does not follow single shots."""
    last = HistGradientBoostingRegressor(
        **_boosting(random_state=seed, max_iter=60, max_leaf_nodes=6, min_samples_leaf=60)
    )
    return _some(last, some)
