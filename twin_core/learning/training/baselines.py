"""What needs no learner, or hardly one: the bar that a correction must clear."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from twin_core.arrays import Array
from twin_core.learning.columns import INPUTS
from twin_core.learning.training.table import FeatureSet

SPEEDS = (0.1, 0.2, 0.3, 0.5)
"""Of the exponentially weighted means that are tried; the best one on the very table counts."""
ALPHA = 30.0


def ewma(name: str, table: FeatureSet, speed: float) -> Array:
    """Exponentially weighted mean of the residuals of each mold, known before each pour, (shots,);
    0 where none is. Plain: what is wrong with a result goes into it (Roberts 1959)."""
    residual, known, pours = table.residual(name), table.known_s(name), table.time_s
    found = np.zeros(len(table))
    for mold in np.unique(table.molds):
        rows = np.flatnonzero(table.molds == mold)
        given = rows[~np.isnan(residual[rows])]
        due = deque(given[np.argsort(known[given], kind="stable")].tolist())
        level: float | None = None
        for row in rows.tolist():
            while due and known[due[0]] < pours[row]:
                value = float(residual[due.popleft()])
                level = value if level is None else level + speed * (value - level)
            found[row] = 0.0 if level is None else level
    return found


def best_ewma(name: str, table: FeatureSet) -> tuple[Array, float]:
    """The mean of the speed that is best on these very shots, and that speed: a hard bar."""
    residual = table.residual(name)
    tried = [(ewma(name, table, speed), speed) for speed in SPEEDS]
    return min(tried, key=lambda one: float(np.nanmean((residual - one[0]) ** 2)))


class EwmaRidge:
    """Ridge regression on how a shot was poured otherwise than those before, on top of the level
    at a fixed speed: what an engineer does in an afternoon."""

    def __init__(self, name: str) -> None:
        self._level = f"prev_{name}_level"
        self._columns: Sequence[str] = [
            f"dev_{name}_{column.removeprefix('proc_')}" for column in INPUTS
        ]
        fill = SimpleImputer(strategy="median", keep_empty_features=True)
        self._ridge = make_pipeline(fill, StandardScaler(), Ridge(alpha=ALPHA))

    def fit(self, name: str, table: FeatureSet) -> EwmaRidge:
        """Learn from the shots whose residual is known."""
        residual = table.residual(name)
        rows = table.rows(~np.isnan(residual))
        news = residual[~np.isnan(residual)] - rows[self._level].astype(float)
        self._ridge.fit(rows.matrix(self._columns), news)
        return self

    def predict(self, table: FeatureSet) -> Array:
        """Residual of each shot."""
        level = table[self._level].astype(float)
        found: Array = level + self._ridge.predict(table.matrix(self._columns))
        return found
