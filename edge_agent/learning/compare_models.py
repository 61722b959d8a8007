"""Comparison of two models on the same shots, target by target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_agent.inference.manifest import check_name
from edge_agent.inference.registry import ModelRegistry
from edge_agent.learning.model_errors import PHYSICS, ModelErrors
from edge_agent.learning.tables import read_table
from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS, TARGETS
from twin_core.learning.model_comparison import ModelComparison, compare_errors
from twin_core.learning.training.evaluation import evaluate
from twin_core.learning.training.table import FeatureSet

Errors = Mapping[str, tuple[Array, Array]]
"""Squared errors of two models, by target, in units of the residual."""


def is_better(features: Path, folder: Path, first: str, second: str) -> tuple[bool, list[str]]:
    """Verdict whether the second model is better in one target at least and worse in none; and why.

    Args:
        features: a feature set of shots that neither model learned from.
        folder: the model directory.
        first, second: ``NAME/VERSION``, or ``physics``.

    Raises:
        InputError, ModelError: they cannot be compared.
    """
    compared, reasons = compare_models(errors_on(features, folder, first, second))
    lines = [f"{name}: {one.words}; {one.shots_count} shots" for name, one in compared.items()]
    lines += [f"{name}: not compared: {words}" for name, words in reasons.items()]
    verdicts = {one.better for one in compared.values()}
    return "second" in verdicts and "first" not in verdicts, lines


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

    Raises:
        InputError, ModelError: a label is wrong, or a model or the feature set cannot be read.
    """
    columns = read_table(features)
    errors: list[dict[str, Array]] = []
    risks: dict[str, Array] = {}
    for label in (first, second):
        if label == PHYSICS:
            table = FeatureSet.of(columns, list(COLUMNS))
            errors.append({name: table.residual(name) ** 2 for name in TARGETS})
            continue
        name, _, version = label.partition("/")
        if not version.isdecimal():
            raise InputError(f"{label!r}: write NAME/VERSION, as in pour/3, or physics")
        model = ModelRegistry(folder).load(check_name(name), int(version))
        found = evaluate(model, columns)
        errors.append(found.errors | {f"risk of {key}": b for key, b in found.briers.items()})
        risks |= {f"risk of {key}": b for key, b in found.base_briers.items()}
    one, other = errors
    if PHYSICS in {first, second}:  # it knows the base rate
        (one if first == PHYSICS else other).update(risks)
    return {name: (one[name], other[name]) for name in one if name in other}
