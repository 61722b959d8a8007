"""Train a model on a feature set: everything but reading, writing and drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.card import Card
from twin_core.learning.columns import COLUMNS, TARGETS, known_by, targets_at
from twin_core.learning.training.adapting import adapted
from twin_core.learning.training.baselines import EwmaRidge, best_ewma
from twin_core.learning.training.describe import card_of
from twin_core.learning.training.export import with_card
from twin_core.learning.training.fit import (
    FEWEST_SHOTS,
    Each,
    Fitted,
    TrainConfig,
    answers_by,
    answers_of,
    fit,
    one_by_one,
)
from twin_core.learning.training.regression import FOLDS
from twin_core.learning.training.scores import Baselines, Score, score
from twin_core.learning.training.table import FeatureSet, Rows, group_folds, held_out

NOT_LEARNED = ("sim_water_from_rh_kg",)
"""Columns that are drawn from others here, with no more in them."""


@dataclass(frozen=True)
class Trained:
    """Result of training.

    Attributes:
        content: the file.
        trial: the same learners without the shots of the test, and
        test: their scores on it, by part (``other molds``, ``later``) and target.
        apart: scores on all shots by models that had not seen their press (cross-validation).
    """

    content: bytes
    card: Card
    final: Fitted
    trial: Fitted
    test: dict[str, dict[str, Score]]
    apart: dict[str, Score]
    table: FeatureSet
    other_molds: Rows
    later: Rows
    notes: list[str] = field(default_factory=list)

    def expected(self) -> dict[str, Array]:
        """By target, (shots,) in its unit: what models said that had not seen the press, where it
        was measured, else NaN."""
        found = {}
        for name, item in self.final.regressions.items():
            target = TARGETS[name]
            off = np.full(len(self.table), np.nan)
            off[~np.isnan(self.table.residual(name))] = item.apart[:, 0]
            physics = self.table[target.physics].astype(float)
            found[name] = physics * np.exp(off) if target.relative else physics + off
        return found


def train(
    columns: Mapping[str, Any],
    config: TrainConfig,
    git_hash: str = "unknown",
    progress: Callable[[str], None] = lambda _step: None,
    each: Each = one_by_one,
) -> Trained:
    """Train, test and export.

    Args:
        columns: a feature set: arrays by name, see ``columns.COLUMNS`` and ``columns.IDS``.
        progress: called with what begins.
        each: fits the parts.

    Raises:
        InputError: the feature set or the configuration cannot be used.
        ModelError: the exported graph does not answer as the learners do.
    """
    targets = _targets(config)
    names = [n for n in known_by(config.known_at) if n not in {*config.leave_out, *NOT_LEARNED}]
    table = FeatureSet.of(columns, list(COLUMNS))
    if len(table) < FEWEST_SHOTS:
        raise InputError(f"feature set: {len(table)} shots are too few: {FEWEST_SHOTS} at least")
    features = [name for name in names if not np.isnan(table[name].astype(float)).all()]
    notes = [f"{name} is always missing and not used" for name in names if name not in features]
    other_molds, later = held_out(
        table, config.test_molds_share, config.test_time_share, config.seed
    )
    progress("final: fit on all shots")
    final = fit(table, features, targets, config, progress, each)
    progress("test: fit without the shots of the test")
    rest = table.rows(~other_molds & ~later)
    trial = _trial(rest, final, config, progress, each)
    notes += [f"{name}: {item.verdict}" for name, item in final.regressions.items()]
    for name in targets:
        if name not in final.regressions:
            notes.append(f"{name}: fewer than {FEWEST_SHOTS} shots have its measurement")
    notes += [f"{name}: {skill.words}" for name, skill in final.skills.items()]
    card = card_of(table, final, config, git_hash)
    return Trained(
        content=with_card(final.model, card),
        card=card,
        final=final,
        trial=trial,
        test=_test_scores(table, trial, config.coverage, other_molds, later),
        apart=_apart_scores(table, final, config.coverage),
        table=table,
        other_molds=other_molds,
        later=later,
        notes=notes,
    )


def _trial(
    rest: FeatureSet,
    final: Fitted,
    config: TrainConfig,
    progress: Callable[[str], None],
    each: Each,
) -> Fitted:
    """Targets without the shots of the test; defects are judged on others by themselves."""
    known = [n for n in final.regressions if (~np.isnan(rest.residual(n))).sum() >= FEWEST_SHOTS]
    if not known:
        return replace(final, regressions={}, risks={})
    targets_only = config.model_copy(update={"defects": False})
    return fit(rest, final.features, known, targets_only, progress, each)


def _targets(config: TrainConfig) -> list[str]:
    possible = targets_at(config.known_at)
    chosen = list(possible) if config.targets is None else config.targets
    for name in chosen:
        kept = {f"prev_{name}_{what}" for what in ("expected", "level", "error", "count")}
        if lost := (kept | {f"press_{name}_count"}) & set(config.leave_out):
            raise InputError(f"leave_out: {min(lost)} belongs to the memory of {name}")
        if name not in TARGETS:
            raise InputError(f"targets: {name!r} is none of {', '.join(TARGETS)}")
        if name not in possible:
            raise InputError(f"targets: {name} has been measured at the {config.known_at}")
    return chosen


def _test_scores(
    table: FeatureSet, trial: Fitted, coverage: float, other_molds: Rows, later: Rows
) -> dict[str, dict[str, Score]]:
    newest = table.time_s > np.quantile(table.time_s, 0.5)
    parts = {
        "other molds": other_molds,
        "other molds, second half": other_molds & newest,
        "same molds, later": later,
    }
    found: dict[str, dict[str, Score]] = {}
    for name, item in trial.regressions.items():
        said = adapted(name, table, answers_of(trial, name, table), coverage)
        beside = _beside(name, table, trial.ridges[name].predict(table))
        for part, chosen in parts.items():
            one = score(name, table, said, item.known.mean(), beside, coverage, chosen)
            if one is not None:
                found.setdefault(part, {})[name] = one
    return found


def _apart_scores(table: FeatureSet, final: Fitted, coverage: float) -> dict[str, Score]:
    found = {}
    for name, item in final.regressions.items():
        rows = table.rows(~np.isnan(table.residual(name)))
        ridge = _ridge_apart(name, rows)
        answers = answers_by(item, rows, item.apart[:, 0], item.apart[:, 1])
        said = adapted(name, rows, answers, coverage)
        one = score(name, rows, said, item.known.mean(), _beside(name, rows, ridge), coverage)
        assert one is not None
        found[name] = one
    return found


def _beside(name: str, table: FeatureSet, ridge: Array) -> Baselines:
    mean, speed = best_ewma(name, table)
    return Baselines(mean, speed, ridge)


def _ridge_apart(name: str, table: FeatureSet) -> Array:
    """The baseline's residual for each shot by a fit that had not seen its group."""
    found = np.empty(len(table))
    for fold in group_folds(table.groups, FOLDS, 0):
        fitted = EwmaRidge(name).fit(name, table.rows(~fold))
        found[fold] = fitted.predict(table.rows(fold))
    return found
