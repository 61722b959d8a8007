"""Whether a version may be promoted by itself: better than what is there, and sure enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.inference.registry import ModelRegistry
from edge_agent.learning.compare_models import (
    EWMA,
    compare_models,
    errors_of_base,
    errors_of_baseline,
    errors_of_model,
)
from edge_agent.learning.model_errors import PHYSICS
from edge_agent.learning.tables import read_table
from twin_core.errors import TwinError
from twin_core.learning.columns import COLUMNS, TARGETS
from twin_core.learning.training.bar import (
    ERROR_ALLOWED,
    INSIDE_TO_PROMOTE,
    interval_demands,
)
from twin_core.learning.training.baselines import EwmaRidge
from twin_core.learning.training.evaluation import evaluate
from twin_core.learning.training.scores import Score
from twin_core.learning.training.table import FeatureSet

BASELINE = "baseline.parquet"
"""Shots that a version learned from, in its folder."""


@dataclass(frozen=True)
class Promotion:
    """What was found.

    Attributes:
        lines: the comparison, target by target, and the baselines, in words.
        refusals: why it may not be promoted; none: it may.
    """

    lines: list[str]
    refusals: list[str]


def may_promote(features: Path, registry: ModelRegistry, name: str, version: int) -> Promotion:
    """Compare a version with the one in use, and hold its intervals to what is asked of them.

    It must be better in one target at least and worse in none, beyond chance. Where none is in use
    it must be better than the physics, which answers alone, and is held against the running mean of
    each mold (EWMA, of the speed that is best on these very shots), too: to that it may lose as
    little as the bar allows.

    Args:
        features: a feature set of shots that neither learned from.

    Raises:
        TwinError: they cannot be compared.
    """
    columns = read_table(features)
    in_use = registry.state(name).promoted
    before = EWMA if in_use is None else f"{name}/{in_use}"
    model = registry.load(name, version)
    ridges, lines = _ridges(registry.folder / name / str(version) / BASELINE)
    found = evaluate(model, columns, ridges)
    own, base = errors_of_model(found), errors_of_base(found)
    if in_use is None:
        errors = errors_of_baseline(EWMA, columns) | base
        answers = errors_of_baseline(PHYSICS, columns) | base
    else:
        answers = errors = errors_of_model(evaluate(registry.load(name, in_use), columns))
    both = {key: (errors[key], own[key]) for key in own if key in errors}
    compared, reasons = compare_models(both)
    lines += [f"{key}: {one.words}; {one.shots_count} shots" for key, one in compared.items()]
    lines += [f"{key}: not compared: {words}" for key, words in reasons.items()]
    lines += [f"{key}: {baselines(one)}" for key, one in found.scores.items()]
    allowed = ERROR_ALLOWED if in_use is None else 1.0
    worse = [k for k, one in compared.items() if one.better == "first" and one.ratio > allowed]
    refusals = [
        f"{key}: worse than {before}, {compared[key].ratio:.3f} of its error" for key in worse
    ]
    lost = sorted(set(errors) - set(own) & set(TARGETS)) if in_use is not None else []
    refusals += [f"{key}: {before} corrects it, {name}/{version} does not" for key in lost]
    gains, _ = compare_models({key: (answers[key], own[key]) for key in both})
    if not any(one.better == "second" for one in gains.values()):
        refusals.append(f"not better than {PHYSICS if in_use is None else before} in any target")
    for key, one in found.scores.items():
        for asked in interval_demands(one, model.card.coverage, INSIDE_TO_PROMOTE):
            if asked.holds is False:
                refusals.append(f"{key}: {asked.words}")
    return Promotion(lines, refusals)


def baselines(one: Score) -> str:
    """Errors of a model and of what needs none, in words."""
    errors = {
        "physics": one.rmse_physics,
        "mean": one.rmse_mean,
        "last value": one.rmse_last,
        "EWMA": one.rmse_ewma,
        "EWMA + ridge": one.rmse_ewma_ridge,
        "memory": one.rmse_memory,
        "model": one.rmse,
    }
    words = ", ".join(f"{k} {v:.4g}" for k, v in errors.items() if v is not None)
    return f"errors: {words}; {one.coverage:.1%} inside"


def _ridges(path: Path) -> tuple[Mapping[str, EwmaRidge], list[str]]:
    """The baseline EWMA + ridge, fitted to what a version learned from; and why it is not there."""
    if not path.is_file():
        return {}, []
    try:
        columns: Mapping[str, Any] = read_table(path)
        table = FeatureSet.of(columns, list(COLUMNS))
    except TwinError as error:
        return {}, [f"EWMA + ridge is not shown: {error}"]
    fitted = {}
    for key in TARGETS:
        if not np.isnan(table.residual(key)).all():
            fitted[key] = EwmaRidge(key).fit(key, table)
    return fitted, []
