"""A model file before shots that it never saw: the answers of the press, and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS
from twin_core.learning.inference import Model
from twin_core.learning.training.adapting import adapted
from twin_core.learning.training.baselines import EwmaRidge, best_ewma
from twin_core.learning.training.risk import RiskSkill, skill_of
from twin_core.learning.training.scores import FEWEST, Baselines, Score, score
from twin_core.learning.training.table import FeatureSet, Rows


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a feature set.

    Attributes:
        scores: by target, all shots.
        outside: the same, of shots outside the range that the learner of the target knows only;
            none of a few.
        outside_count, memory_count: by target, shots outside that range, and shots for which the
            memory answers alone.
        errors: by target, squared error of each shot in units of the residual, NaN where unknown.
        inside: by target, which results lie inside their interval.
        briers: by kind of defect, squared error of each probability,
        base_briers: of the base rate of the file, and
        skills: their worth beside the base rate of the file; where it withholds, that stands.
    """

    table: FeatureSet
    scores: dict[str, Score]
    outside: dict[str, Score]
    outside_count: dict[str, int]
    memory_count: dict[str, int]
    errors: dict[str, Array]
    inside: dict[str, Rows]
    briers: dict[str, Array]
    base_briers: dict[str, Array]
    skills: dict[str, RiskSkill]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without the shots."""
        return {
            "shots_count": len(self.table),
            "outside_count": self.outside_count,
            "memory_count": self.memory_count,
            "scores": {name: found.as_dict() for name, found in self.scores.items()},
            "outside": {name: found.as_dict() for name, found in self.outside.items()},
            "risks": {name: asdict(found) for name, found in self.skills.items()},
        }


def evaluate(
    model: Model, columns: Mapping[str, Any], ridges: Mapping[str, EwmaRidge] | None = None
) -> Evaluation:
    """Score a model file as a press would use it: memory, learner, intervals that adapt.

    Args:
        ridges: by target, the baseline that was fitted beside it, where there is one.

    Raises:
        InputError: the feature set cannot be used.
    """
    table = FeatureSet.of(columns, list(COLUMNS))
    X = table.matrix(model.card.features).astype(float)
    knows = _knows_material(model, table)
    outputs, strange = model.run(X), model.strangeness(X)
    scores: dict[str, Score] = {}
    beyond: dict[str, Score] = {}
    errors: dict[str, Array] = {}
    inside: dict[str, Rows] = {}
    memory_count: dict[str, int] = {}
    outside_count: dict[str, int] = {}
    for name, card in model.card.targets.items():
        answers = model.answers(name, X, outputs, strange)
        trust = np.where(knows, answers.trust, 0.0)
        learner = np.full(len(table), np.nan) if card.is_memory else answers.learner
        answers = replace(answers, trust=trust, learner=learner)
        said = adapted(name, table, answers, model.card.coverage)
        residual = table.residual(name)
        errors[name] = (residual - said.residual) ** 2
        inside[name] = np.abs(residual - said.residual) <= said.half
        out = (trust < 1.0) | np.isnan(learner)
        memory_count[name] = int(((trust == 0.0) | np.isnan(learner)).sum())
        outside_count[name] = 0 if card.is_memory else int(out.sum())
        ridge = (ridges or {}).get(name)
        mean_of_mold, speed = best_ewma(name, table)
        beside = Baselines(mean_of_mold, speed, None if ridge is None else ridge.predict(table))
        asked = card.mean, beside, model.card.coverage
        whole = score(name, table, said, *asked)
        if whole is not None:
            scores[name] = whole
        far = None if card.is_memory else score(name, table, said, *asked, out)
        if far is not None and far.shots_count >= FEWEST:
            beyond[name] = far
    looked_at = {name: table[column_of(name)].astype(float) for name in model.card.risks}
    if not scores and not any((~np.isnan(y)).any() for y in looked_at.values()):
        raise InputError("feature set: no shot has a measurement that the model could be held to")
    briers: dict[str, Array] = {}
    base_briers: dict[str, Array] = {}
    skills: dict[str, RiskSkill] = {}
    for name, y in looked_at.items():
        base = np.full(len(table), model.card.risks[name].base_share)
        answers = knows & (model.risk_trust(name, strange) > 0.0)
        p = np.where(answers, outputs[f"risk.{name}"], base)
        briers[name], base_briers[name] = (y - p) ** 2, (y - base) ** 2
        skills[name] = skill_of(name, y, p, base)
    return Evaluation(
        table=table,
        scores=scores,
        outside=beyond,
        outside_count=outside_count,
        memory_count=memory_count,
        errors=errors,
        inside=inside,
        briers=briers,
        base_briers=base_briers,
        skills=skills,
    )


def _knows_material(model: Model, table: FeatureSet) -> NDArray[np.bool_]:
    pairs = zip(table["system_id"].astype(str), table["parameters_hash"].astype(str), strict=True)
    known = {system: model.card.hashes_of(system) for system in model.card.systems}
    return np.array([hashed in known.get(system, ()) for system, hashed in pairs], bool)


def column_of(name: str) -> str:
    """Column of a kind of defect."""
    return "qc_any_defect" if name == "any_defect" else f"qc_defect_{name}"
