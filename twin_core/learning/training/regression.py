"""A residual of the physics: choose a learner, or none beside the memory; say how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from mapie.regression import SplitConformalRegressor
from sklearn.dummy import DummyRegressor

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.card import MEMORY
from twin_core.learning.memory import OUTLIER
from twin_core.learning.model_comparison import SIGNIFICANT, compare_errors
from twin_core.learning.training.candidates import (
    REGRESSORS,
    columns_for,
    columns_for_spread,
    fitted,
    spread_learner,
)
from twin_core.learning.training.table import FeatureSet, group_folds, later_folds

FOLDS = 5
SPREAD_FLOOR = 0.4
"""Of the median: no shot is that much surer than others (assumed)."""
PHYSICS = "physics"
"""Name of the physics alone among ``Regression.errors``."""


class Residual:
    """A learner of a residual: of what it differs from the mold's usual level, in units of the
    standard deviation of that. ``memory`` learns nothing: it hands the memory's level on.

    A learner that is drawn to zero is so drawn to what the mold has shown, not to the physics.
    """

    def __init__(self, learner: str, target: str, features: Sequence[str]) -> None:
        self.name = learner
        self.columns = [] if learner == MEMORY else columns_for(target, features)
        self._new = None if learner == MEMORY else partial(REGRESSORS[learner], self.columns)
        self.learner: Any = None
        self.scale = 1.0
        level = "expected" if learner == MEMORY else "level"
        self.level = features.index(f"prev_{target}_{level}")
        self._error = features.index(f"prev_{target}_error")

    def fit(self, X: Any, y: Array) -> Residual:
        """Learn; a residual further than ``OUTLIER`` errors from the level counts as that far."""
        if self._new is None:
            return self
        far = OUTLIER * X[:, self._error]
        news = np.clip(y - X[:, self.level], -far, far)
        self.scale = float(np.std(news)) or 1.0
        self.learner = fitted(self._new(), X, news / self.scale)
        return self

    def predict(self, X: Any) -> Array:
        """Residual of each row."""
        level: Array = X[:, self.level].astype(float)
        return level if self.learner is None else level + self.scale * self.learner.predict(X)


class ErrorSize:
    """Expected size of what a model leaves over, in usual errors of the memory, never below a
    floor."""

    def __init__(self, seed: int, target: str, features: Sequence[str]) -> None:
        self.learner = spread_learner(seed, columns_for_spread(target, features))
        self.floor = 0.0

    def fit(self, X: Any, left: Array) -> ErrorSize:
        """Learn from ``left``, absolute residuals that were not fitted, in usual errors."""
        self.learner = fitted(self.learner, X, np.minimum(left, OUTLIER))
        self.floor = float(SPREAD_FLOOR * np.median(left))
        return self

    def predict(self, X: Any) -> Array:
        """Error size of each row."""
        found: Array = np.maximum(self.learner.predict(X), self.floor)
        return found


@dataclass(frozen=True)
class Regression:
    """Fit of one target.

    Attributes:
        errors: root mean square of the physics, the memory and each candidate, on shots of other
            groups, later in time; what is further out than ``OUTLIER`` errors counts as that far
            (but for the physics).
        verdict: why this learner, or why none, in words.
        apart: for the shots learned from, the residual and spread that models say which had not
            seen their group, shape (shots, 2); the interval's width was set on these.
        error: usual size of an error of the memory, (shots,).
        width, memory_width: spreads to either side of the interval.
    """

    name: str
    learner: str
    errors: Mapping[str, float]
    verdict: str
    model: Residual
    spread: ErrorSize
    apart: Array
    error: Array
    known: Array
    width: float
    memory_width: float


def fit_regression(
    name: str,
    table: FeatureSet,
    features: Sequence[str],
    coverage: float,
    seed: int,
) -> Regression:
    """Fit one target on the shots whose residual is known."""
    residual = table.residual(name)
    table = table.rows(~np.isnan(residual))
    X, y = table.matrix(features), residual[~np.isnan(residual)]
    learners = {c: Residual(c, name, features) for c in (MEMORY, *REGRESSORS)}
    error = X[:, features.index(f"prev_{name}_error")].astype(float)
    memory = X[:, features.index(f"prev_{name}_expected")].astype(float)
    squares = {c: _squares_later(learners[c], table, X, y, error, seed) for c in learners}
    errors = {c: float(np.sqrt(np.nanmean(found))) for c, found in squares.items()}
    learner, verdict = _chosen(squares, errors)
    tested = ~np.isnan(squares[MEMORY])
    errors = {PHYSICS: float(np.sqrt(np.mean(y[tested] ** 2)))} | errors
    apart = _apart(learners[learner], ErrorSize(seed, name, features), table, X, y, error, seed)
    level = level_for_other_molds(coverage, len(np.unique(table.molds)))
    return Regression(
        name=name,
        learner=learner,
        errors=errors,
        verdict=verdict,
        model=learners[learner].fit(X, y),
        spread=ErrorSize(seed, name, features).fit(X, np.abs(y - apart[:, 0]) / error),
        apart=apart,
        error=error,
        known=y,
        width=conformal_width((y - apart[:, 0]) / (apart[:, 1] * error), level),
        memory_width=conformal_width((y - memory) / (apart[:, 1] * error), level),
    )


def _chosen(squares: Mapping[str, Array], errors: Mapping[str, float]) -> tuple[str, str]:
    """The best learner if it is better than the memory beyond chance, else the memory; and why."""
    best = min((c for c in errors if c != MEMORY), key=lambda c: errors[c])
    try:
        found = compare_errors(squares[MEMORY], squares[best])
    except InputError as error:
        return MEMORY, f"the memory alone: {error}"
    how = "less" if found.ratio < 1.0 else "more"
    words = f"{best}: {abs(1.0 - found.ratio):.1%} {how} error than the memory"
    # one-sided: the question is only whether the learner is better
    p_value = 0.5 * found.p_value if found.ratio < 1.0 else 1.0 - 0.5 * found.p_value
    words += f", p = {p_value:.2g}"
    if p_value <= SIGNIFICANT:
        return best, words
    return MEMORY, f"the memory alone: no learner was better beyond chance ({words})"


def level_for_other_molds(coverage: float, molds_count: int) -> float:
    """Share of the known scores that an interval holds so that it holds ``coverage`` on others.

    Molds differ, and of one more than ``molds_count`` the one to come may be the worst: the share
    that is sure to be enough is ``coverage * (K + 1) / K``, and too much by up to 1 / (K + 1) (Lee,
    Barber and Willett 2023, hierarchical conformal prediction, arXiv:2306.06342). Half of the way
    is taken, and at most half of what is left out: intervals adapt at the press.
    """
    return min(coverage * (1.0 + 0.5 / molds_count), 0.5 * (1.0 + coverage))


def conformal_width(scores: Array, coverage: float) -> float:
    """Half width of the interval around zero that holds ``coverage`` of further scores (MAPIE)."""
    nothing = np.zeros((len(scores), 1))
    zero = DummyRegressor(strategy="constant", constant=0.0).fit(nothing, scores)
    intervals = SplitConformalRegressor(zero, confidence_level=coverage, prefit=True)
    intervals.conformalize(nothing, scores)
    return float(intervals.predict_interval(nothing[:1])[1][0, 1, 0])


def _squares_later(
    learner: Residual, table: FeatureSet, X: Any, y: Array, error: Array, seed: int
) -> Array:
    """Squared error of each tested shot, of groups not learned from and later; else NaN."""
    found = np.full(len(y), np.nan)
    for learn, test in later_folds(table, FOLDS, seed):
        model = learner.fit(X[learn], y[learn])
        left = np.abs(model.predict(X[test]) - y[test])
        found[test] = np.minimum(left, OUTLIER * error[test]) ** 2
    return found


def _apart(
    learner: Residual,
    spread: ErrorSize,
    table: FeatureSet,
    X: Any,
    y: Array,
    error: Array,
    seed: int,
) -> Array:
    """Residual and spread for each shot by models that did not see its group."""
    found = np.empty((len(y), 2))
    folds = list(group_folds(table.groups, FOLDS, seed))
    for fold in folds:
        found[fold, 0] = learner.fit(X[~fold], y[~fold]).predict(X[fold])
    left = np.abs(y - found[:, 0]) / error
    for fold in folds:
        found[fold, 1] = spread.fit(X[~fold], left[~fold]).predict(X[fold])
    return found
