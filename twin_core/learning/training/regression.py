"""A residual of the physics: choose a learner, say how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from mapie.regression import SplitConformalRegressor
from sklearn.dummy import DummyRegressor

from twin_core.arrays import Array
from twin_core.learning.training.candidates import (
    REGRESSORS,
    VARIANTS,
    columns_for,
    columns_for_spread,
    fitted,
    spread_learner,
)
from twin_core.learning.training.table import FeatureSet, group_folds, later_folds

FOLDS = 5
SPREAD_FLOOR = 0.4
"""Of the median: no shot is that much surer than others (assumed)."""


class Residual:
    """A learner of a residual: of what it differs from the one expected after earlier shots, in
    units of the standard deviation of that.

    A learner that is drawn to zero is so drawn to what the mold has shown, not to the physics.
    """

    def __init__(self, learner: str, seed: int, target: str, features: Sequence[str]) -> None:
        self._new = partial(REGRESSORS[learner], seed, columns_for(target, features))
        self.learner: Any = None
        self.scale = 1.0
        self.expected = features.index(f"prev_{target}_expected")

    def fit(self, X: Any, y: Array) -> Residual:
        """Learn."""
        news = y - X[:, self.expected]
        self.scale = float(np.std(news)) or 1.0
        self.learner = fitted(self._new(), X, news / self.scale)
        return self

    def predict(self, X: Any) -> Array:
        """Residual of each row."""
        found: Array = X[:, self.expected] + self.scale * self.learner.predict(X)
        return found


class ErrorSize:
    """Expected size of what a model leaves over, never below a floor."""

    def __init__(self, seed: int, target: str, features: Sequence[str]) -> None:
        self.learner = spread_learner(seed, columns_for_spread(target, features))
        self.floor = 0.0

    def fit(self, X: Any, left: Array) -> ErrorSize:
        """Learn from ``left``, absolute residuals that were not fitted."""
        self.learner = fitted(self.learner, X, left)
        self.floor = float(SPREAD_FLOOR * np.median(left))
        return self

    def predict(self, X: Any) -> Array:
        """ErrorSize of each row."""
        found: Array = np.maximum(self.learner.predict(X), self.floor)
        return found


@dataclass(frozen=True)
class Regression:
    """Fit of one target.

    Attributes:
        errors: root mean square of each candidate on shots of other groups, later in time.
        apart: for the shots learned from, the residual and spread that models say which had not
            seen their group, shape (shots, 2); the interval's width was set on these.
        width: spreads to either side of the interval.
        physics_half_width: the same coverage for the physics alone.
    """

    name: str
    learner: str
    errors: Mapping[str, float]
    model: Residual
    spread: ErrorSize
    apart: Array
    known: Array
    width: float
    physics_half_width: float


def fit_regression(
    name: str,
    table: FeatureSet,
    features: Sequence[str],
    candidates: Sequence[str],
    coverage: float,
    seed: int,
) -> Regression:
    """Fit one target on the shots whose residual is known."""
    residual = table.residual(name)
    table = table.rows(~np.isnan(residual))
    X, y = table.matrix(features), residual[~np.isnan(residual)]
    names = [variant for candidate in candidates for variant in VARIANTS[candidate]]
    learners = {c: Residual(c, seed, name, features) for c in names}
    errors = {c: _error_later(learners[c], table, X, y, seed) for c in names}
    learner = min(errors, key=lambda c: errors[c])
    apart = _apart(learners[learner], ErrorSize(seed, name, features), table, X, y, seed)
    scores = (y - apart[:, 0]) / apart[:, 1]
    return Regression(
        name=name,
        learner=learner,
        errors=errors,
        model=learners[learner].fit(X, y),
        spread=ErrorSize(seed, name, features).fit(X, np.abs(y - apart[:, 0])),
        apart=apart,
        known=y,
        width=conformal_width(scores, coverage),
        physics_half_width=conformal_width(y, coverage),
    )


def conformal_width(scores: Array, coverage: float) -> float:
    """Half width of the interval around zero that holds ``coverage`` of further scores (MAPIE)."""
    nothing = np.zeros((len(scores), 1))
    zero = DummyRegressor(strategy="constant", constant=0.0).fit(nothing, scores)
    intervals = SplitConformalRegressor(zero, confidence_level=coverage, prefit=True)
    intervals.conformalize(nothing, scores)
    return float(intervals.predict_interval(nothing[:1])[1][0, 1, 0])


def _error_later(learner: Residual, table: FeatureSet, X: Any, y: Array, seed: int) -> float:
    squares = []
    for learn, test in later_folds(table, FOLDS, seed):
        model = learner.fit(X[learn], y[learn])
        squares.append((model.predict(X[test]) - y[test]) ** 2)
    return float(np.sqrt(np.mean(np.concatenate(squares))))


def _apart(
    learner: Residual, spread: ErrorSize, table: FeatureSet, X: Any, y: Array, seed: int
) -> Array:
    """Residual and spread for each shot by models that did not see its group."""
    found = np.empty((len(y), 2))
    folds = list(group_folds(table.groups, FOLDS, seed))
    for fold in folds:
        found[fold, 0] = learner.fit(X[~fold], y[~fold]).predict(X[fold])
    left = np.abs(y - found[:, 0])
    for fold in folds:
        found[fold, 1] = spread.fit(X[~fold], left[~fold]).predict(X[fold])
    return found
