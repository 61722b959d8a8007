"""A model file before shots that it never saw: the answers of the press, and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS
from twin_core.learning.inference import Model
from twin_core.learning.training.risk import RiskSkill, skill_of
from twin_core.learning.training.scores import FEWEST, Answers, Score, score
from twin_core.learning.training.table import FeatureSet


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a feature set.

    Attributes:
        scores: by target, all shots that it answers for; where it withholds, physics stands.
        outside: the same, of shots outside the range that it learned from only; none of a few.
        errors: by target, squared error of each shot in units of the residual, NaN where unknown.
        briers: by kind of defect, squared error of each probability,
        base_briers: of the base rate of the file, and
        skills: their worth beside the base rate of the file; where it withholds, that stands.
    """

    table: FeatureSet
    scores: dict[str, Score]
    outside: dict[str, Score]
    outside_count: int
    withheld_count: int
    errors: dict[str, Array]
    briers: dict[str, Array]
    base_briers: dict[str, Array]
    skills: dict[str, RiskSkill]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without the shots."""
        return {
            "shots_count": len(self.table),
            "outside_count": self.outside_count,
            "withheld_count": self.withheld_count,
            "scores": {name: found.as_dict() for name, found in self.scores.items()},
            "outside": {name: found.as_dict() for name, found in self.outside.items()},
            "risks": {name: asdict(found) for name, found in self.skills.items()},
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
    looked_at = {name: table[_defect(name)].astype(float) for name in model.card.risks}
    if not scores and not any((~np.isnan(y)).any() for y in looked_at.values()):
        raise InputError("feature set: no shot has a measurement that the model could be held to")
    briers: dict[str, Array] = {}
    base_briers: dict[str, Array] = {}
    skills: dict[str, RiskSkill] = {}
    for name, y in looked_at.items():
        base = np.full(len(table), model.card.risks[name].base_share)
        p = np.where(trust > 0.0, said[f"risk.{name}"], base)
        briers[name], base_briers[name] = (y - p) ** 2, (y - base) ** 2
        skills[name] = skill_of(name, y, p, base)
    return Evaluation(
        table=table,
        scores=scores,
        outside=beyond,
        outside_count=int(out.sum()),
        withheld_count=int((trust == 0.0).sum()),
        errors=errors,
        briers=briers,
        base_briers=base_briers,
        skills=skills,
    )


def _knows_material(model: Model, table: FeatureSet) -> NDArray[np.bool_]:
    pairs = zip(table["system_id"].astype(str), table["parameters_hash"].astype(str), strict=True)
    return np.array([model.card.systems.get(system) == hashed for system, hashed in pairs], bool)


def _defect(name: str) -> str:
    """Column of a kind of defect."""
    return "qc_any_defect" if name == "any_defect" else f"qc_defect_{name}"
