"""A model file before shots that it never saw: the answers of the press, and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS
from twin_core.learning.inference import Model
from twin_core.learning.training.scores import FEWEST, Answers, Score, score
from twin_core.learning.training.table import FeatureSet


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a feature set.

    Attributes:
        scores: by target, all shots that it answers for; where it withholds, physics stands.
        outside: the same, of shots outside the range that it learned from only; none of a few.
        errors: by target, squared error of each shot in units of the residual, NaN where unknown.
        briers: by kind of defect, squared error of each probability.
    """

    table: FeatureSet
    scores: dict[str, Score]
    outside: dict[str, Score]
    outside_count: int
    withheld_count: int
    errors: dict[str, Array]
    briers: dict[str, Array]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without the shots."""
        return {
            "shots_count": len(self.table),
            "outside_count": self.outside_count,
            "withheld_count": self.withheld_count,
            "scores": {name: found.as_dict() for name, found in self.scores.items()},
            "outside": {name: found.as_dict() for name, found in self.outside.items()},
        }


def evaluate(model: Model, columns: Mapping[str, Any]) -> Evaluation:
    """Score a model file.

    Raises:
        InputError: the feature set cannot be used.
    """
    table = FeatureSet.of(columns, list(COLUMNS))
    X = table.matrix(model.card.features).astype(float)
    trust, outside, _ = model.trust(X)
    trust = np.where(_knows_material(model, table), trust, 0.0)
    said = model.run(X)
    out: NDArray[np.bool_] = outside > 0.0
    scores: dict[str, Score] = {}
    beyond: dict[str, Score] = {}
    errors: dict[str, Array] = {}
    for name in model.card.targets:
        residual, half = model.residual(name, said, trust)
        answers = Answers(residual, half)
        errors[name] = (table.residual(name) - residual) ** 2
        whole = score(name, table, answers, 0.0)
        if whole is not None:
            scores[name] = whole
        far = score(name, table, answers, 0.0, out)
        if far is not None and far.shots_count >= FEWEST:
            beyond[name] = far
    if not scores:
        raise InputError("feature set: no shot has a measurement that the model could be held to")
    return Evaluation(
        table=table,
        scores=scores,
        outside=beyond,
        outside_count=int(out.sum()),
        withheld_count=int((trust == 0.0).sum()),
        errors=errors,
        briers={name: _brier(name, table, said) for name in model.card.risks},
    )


def _knows_material(model: Model, table: FeatureSet) -> NDArray[np.bool_]:
    pairs = zip(table["system_id"].astype(str), table["parameters_hash"].astype(str), strict=True)
    return np.array([model.card.systems.get(system) == hashed for system, hashed in pairs], bool)


def _brier(name: str, table: FeatureSet, outputs: Mapping[str, Any]) -> Array:
    column = "qc_any_defect" if name == "any_defect" else f"qc_defect_{name}"
    found: Array = (table[column].astype(float) - outputs[f"risk.{name}"]) ** 2
    return found
