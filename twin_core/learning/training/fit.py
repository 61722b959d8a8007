"""Fit all learners of a model on some shots, in a row or wherever there are cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import onnx
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.answers import Answers
from twin_core.learning.columns import DEFECTS, TARGETS
from twin_core.learning.training.baselines import EwmaRidge
from twin_core.learning.training.export import check_parity, graph
from twin_core.learning.training.regression import Regression, fit_regression
from twin_core.learning.training.risk import RiskModel, RiskSkill, fit_risk
from twin_core.learning.training.table import FeatureSet

FEWEST_SHOTS = 100


class TrainConfig(BaseModel):
    """``train-ml --config``: what to learn from what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    known_at: Literal["pour", "live", "demold"] = "pour"
    """The moment the model is for; it looks at nothing that is known later."""
    targets: list[str] | None = None
    """Which residuals; left out, all that are still to be measured at that moment."""
    learners: Annotated[list[Literal["ridge", "boosting"]], Field(min_length=1)] = [
        "ridge",
        "boosting",
    ]
    """Ridge regression learns residuals, and logistic regression defects; ``boosting`` of trees
    competes for defects, where it is named."""
    defects: bool = True
    leave_out: list[str] = []
    """Features not to look at."""
    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    test_molds_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Molds that no fit of the test sees."""
    test_time_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Latest part of the other molds, not seen either."""
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """One learner to fit: the residual of a target, or a ``qc_`` column of defects."""

    name: str
    table: FeatureSet
    features: list[str]
    config: TrainConfig


def fit_part(part: Part, _workers: int | None = None) -> Regression | RiskModel | RiskSkill | None:
    """Fit one part; pure, on one core: it can be far away.

    None if too little is known of a target; the verdict alone of a defect that is no better than
    its base rate.
    """
    config = part.config
    # the same sums in the same order: the same model; matmul raises flags for nothing now and then
    with threadpool_limits(1), np.errstate(all="ignore"):
        if part.name in TARGETS:
            if (~np.isnan(part.table.residual(part.name))).sum() < FEWEST_SHOTS:
                return None
            return fit_regression(
                part.name, part.table, part.features, config.coverage, config.seed
            )
        learners = [n for n in ("logistic", "boosting") if n in {"logistic", *config.learners}]
        return fit_risk(part.name, part.table, part.features, learners, config.seed)


Each = Callable[[Callable[[Part, int | None], Any], Sequence[Part]], Iterable[Any]]
"""Applies a function to every part, in their order, wherever there are cores."""


def one_by_one(function: Callable[[Part, int | None], Any], parts: Sequence[Part]) -> Iterable[Any]:
    """Run tasks here, one after the other."""
    return (function(part, None) for part in parts)


@dataclass(frozen=True)
class Fitted:
    """Learners of all targets and defects on some shots, and as a graph.

    ``risks`` are those that are better than their base rate; ``skills`` has all kinds of defects.
    """

    features: list[str]
    regressions: dict[str, Regression]
    ridges: dict[str, EwmaRidge]
    """A baseline beside each regression."""
    risks: dict[str, RiskModel]
    skills: dict[str, RiskSkill]
    model: onnx.ModelProto
    parity: float


def answers_of(fitted: Fitted, name: str, table: FeatureSet) -> Answers:
    """Answers of fitted learners for a table, by both layers."""
    item, X = fitted.regressions[name], table.matrix(fitted.features)
    return answers_by(item, table, item.model.predict(X), item.spread.predict(X))


def answers_by(item: Regression, table: FeatureSet, residual: Array, spread: Array) -> Answers:
    """Answers for a table from the residual and the spread that learners say of each shot."""
    name = item.name
    error = table[f"prev_{name}_error"].astype(float)
    counts = [table[f"{scope}_{name}_count"].astype(float) for scope in ("prev", "press")]
    has_learner = item.model.learner is not None
    return Answers(
        memory=table[f"prev_{name}_expected"].astype(float),
        learner=residual if has_learner else np.full(len(table), np.nan),
        trust=np.ones(len(table)),
        half=item.width * spread * error,
        memory_half=item.memory_width * spread * error,
        error=error,
        known=np.sum(counts, axis=0) > 0.0,
    )


def fit(
    table: FeatureSet,
    features: list[str],
    targets: Sequence[str],
    config: TrainConfig,
    progress: Callable[[str], None],
    each: Each,
) -> Fitted:
    """Fit targets and defects on a table, and make their graph.

    Raises:
        InputError: nothing has enough measurements.
        ModelError: the graph does not answer as the learners do.
    """
    defects = ["qc_any_defect", *(f"qc_defect_{kind}" for kind in DEFECTS)]
    names = [*targets, *(defects if config.defects else [])]
    regressions: dict[str, Regression] = {}
    risks: dict[str, RiskModel] = {}
    skills: dict[str, RiskSkill] = {}
    parts = [Part(name, table, features, config) for name in names]
    for name, found in zip(names, each(fit_part, parts), strict=True):
        progress(f"fitted: {name}")
        if isinstance(found, Regression):
            regressions[name] = found
        elif isinstance(found, RiskModel):
            risks[found.name], skills[found.name] = found, found.skill
        elif found is not None:
            skills[found.name] = found
    if not regressions and not risks:
        why = "".join(f"\n{name}: {skill.words}" for name, skill in skills.items())
        words = "feature set: nothing to put into a file: no target has enough measurements"
        raise InputError(f"{words}, no defect is foreseen: add quality records{why}")
    model = graph(list(regressions.values()), list(risks.values()), len(features))
    parity = check_parity(
        model, list(regressions.values()), list(risks.values()), table.matrix(features)
    )
    ridges = {name: EwmaRidge(name).fit(name, table) for name in regressions}
    return Fitted(features, regressions, ridges, risks, skills, model, parity)
