"""Comparison of two models on the same shots, target by target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.inference.manifest import check_name
from edge_agent.inference.registry import ModelRegistry
from edge_agent.learning.model_errors import PHYSICS, ModelErrors
from edge_agent.learning.tables import read_table
from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.card import MEMORY
from twin_core.learning.columns import COLUMNS, TARGETS
from twin_core.learning.model_comparison import ModelComparison, compare_errors
from twin_core.learning.training.baselines import best_ewma
from twin_core.learning.training.evaluation import Evaluation, evaluate
from twin_core.learning.training.table import FeatureSet

EWMA = "ewma"
"""Label of the best exponentially weighted running mean of each mold's residuals."""
Errors = Mapping[str, tuple[Array, Array]]
"""Squared errors of two models, by target, in units of the residual."""


def compare_models(errors: Errors) -> tuple[dict[str, ModelComparison], dict[str, str]]:
    """Compare two models target by target; and why some targets cannot be compared."""
    compared: dict[str, ModelComparison] = {}
    reasons: dict[str, str] = {}
    for name, (of_first, of_second) in errors.items():
        try:
            compared[name] = compare_errors(of_first, of_second)
        except InputError as error:
            reasons[name] = str(error)
    return compared, reasons


def errors_of(reported: ModelErrors, where: str, first: str, second: str) -> Errors:
    """Errors of predictions that were issued.

    Args:
        reported: predictions and measurements of a history.
        where: that history, for a message.
        first, second: ``NAME/VERSION``, or ``physics``.

    Raises:
        InputError: one of the two models has no predictions there.
    """
    labels = reported.labels()
    for label in (first, second):
        if label not in labels:
            raise InputError(
                f"{where}: no answers of {label} in {reported.shots_count} shots "
                f"(there are: {', '.join(labels) or 'none'})"
            )
    return {name: (by[first], by[second]) for name, by in reported.errors.items()}


def errors_on(features: Path, folder: Path, first: str, second: str) -> Errors:
    """Errors of two models on a feature set, for which both are asked now.

    Args:
        features: the feature set.
        folder: the model directory.
        first, second: ``NAME/VERSION``, or one of ``BASELINES``.

    Raises:
        InputError, ModelError: a label is wrong, or a model or the feature set cannot be read.
    """
    columns = read_table(features)
    errors: list[Mapping[str, Array]] = []
    base: dict[str, Array] = {}
    for label in (first, second):
        if label in BASELINES:
            errors.append(errors_of_baseline(label, columns))
            continue
        name, _, version = label.partition("/")
        if not version.isdecimal():
            known = ", ".join(BASELINES)
            raise InputError(f"{label!r}: write NAME/VERSION, as in pour/3, or {known}")
        model = ModelRegistry(folder).load(check_name(name), int(version))
        found = evaluate(model, columns)
        errors.append(errors_of_model(found))
        base |= errors_of_base(found)
    one, other = (
        own | base if label in BASELINES else own  # a baseline knows the base rates
        for label, own in zip((first, second), map(dict, errors), strict=True)
    )
    return {name: (one[name], other[name]) for name in one if name in other}


def errors_of_model(found: Evaluation) -> dict[str, Array]:
    """Squared errors of a model, by target and ``risk of`` each defect."""
    return found.errors | {f"risk of {name}": brier for name, brier in found.briers.items()}


def errors_of_base(found: Evaluation) -> dict[str, Array]:
    """Squared errors of the base rates of the defects that a model foresees."""
    return {f"risk of {name}": brier for name, brier in found.base_briers.items()}


def errors_of_baseline(label: str, columns: Mapping[str, Any]) -> dict[str, Array]:
    """Squared errors of one of ``BASELINES``, by target."""
    table, expected = FeatureSet.of(columns, list(COLUMNS)), BASELINES[label]
    return {name: (table.residual(name) - expected(name, table)) ** 2 for name in TARGETS}


BASELINES: Mapping[str, Callable[[str, FeatureSet], Array]] = {
    PHYSICS: lambda _name, table: np.zeros(len(table)),
    EWMA: lambda name, table: best_ewma(name, table)[0],
    MEMORY: lambda name, table: table[f"prev_{name}_expected"].astype(float),
}
"""Residual that needs no model, by label."""
