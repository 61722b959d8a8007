"""The probability of a defect: choose a learner, calibrate what it says, show that it is worth it.

A probability near the base rate tells nobody anything, and one that is worse misleads. So each
learner is judged as it will be used, on presses that it had not seen, later than all that it had
learned from, against the base rate that was known by then; only what is better beyond chance goes
into a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.model_comparison import compare_errors
from twin_core.learning.training.candidates import (
    CLASSIFIERS,
    RISK_VARIANTS,
    columns_for_risk,
    fitted,
)
from twin_core.learning.training.table import FeatureSet, Rows, group_folds

Learner = Callable[[], Any]
"""Makes a learner that has learned nothing."""
FOLDS = 5
FEWEST = 30
"""A kind of defect that was found less often is not learned."""
CUTS = (0.4, 0.6, 0.8)
"""Shares of the time: learned from is what lies before one, judged what follows up to the next."""
SIGNIFICANT = 0.05
"""How often chance may show such a difference to the base rate, over all candidates."""


@dataclass(frozen=True)
class RiskSkill:
    """Worth of a probability beside the base rate, on shots that it had not learned from.

    ``brier_skill`` and ``log_loss_skill`` are 1 less the ratio of its score to that of the base
    rate: 0 is no better, 1 perfect; ``p_value`` is that of the difference of the Brier scores
    (Diebold and Mariano 1995). NaN: too few to learn from.
    """

    name: str
    found_count: int
    looked_at_count: int
    judged_count: int = 0
    judged_found_count: int = 0
    brier_skill: float = np.nan
    log_loss_skill: float = np.nan
    p_value: float = np.nan

    @property
    def base_share(self) -> float:
        """Share of the parts looked at that had it."""
        return self.found_count / self.looked_at_count if self.looked_at_count else 0.0

    @property
    def is_learned(self) -> bool:
        """Were there enough to learn from?"""
        return not np.isnan(self.brier_skill)

    @property
    def is_better(self) -> bool:
        """Is it better than the base rate, beyond chance?"""
        return bool(
            self.brier_skill > 0.0 and self.log_loss_skill > 0.0 and self.p_value <= SIGNIFICANT
        )

    @property
    def words(self) -> str:
        """The verdict, without the name."""
        if not self.is_learned:
            fewest = min(self.found_count, self.looked_at_count - self.found_count)
            what = "found" if fewest == self.found_count else "without it"
            return f"too few to learn from: {fewest} {what} of {FEWEST} needed"
        figures = (
            f"Brier skill {self.brier_skill:+.1%}, log loss {self.log_loss_skill:+.1%}, "
            f"p = {self.p_value:.2g}"
        )
        if self.is_better:
            return f"better than its base rate {self.base_share:.1%} ({figures})"
        return f"no better than its base rate {self.base_share:.1%} ({figures}): not in the file"


@dataclass(frozen=True)
class RiskModel:
    """Fit of one kind of defect.

    Attributes:
        columns: numbers of the features that it looks at.
        losses: log loss of each candidate, calibrated, on other groups, later in time.
        apart: calibrated probability for each shot by models that had not seen its group.
        known: 1 where it was found.
        skill: worth beside the base rate.
    """

    name: str
    learner: str
    columns: list[int]
    losses: Mapping[str, float]
    model: Any
    slope: float
    offset: float
    apart: Array
    known: Array
    skill: RiskSkill


def fit_risk(
    column: str, table: FeatureSet, features: Sequence[str], candidates: Sequence[str], seed: int
) -> RiskModel | RiskSkill:
    """Fit one ``qc_`` column of zeros and ones; the verdict alone where it is not worth a model."""
    name = column.removeprefix("qc_").removeprefix("defect_")
    seen = ~np.isnan(table[column].astype(float))
    table = table.rows(seen)
    y = table[column].astype(int) if seen.any() else np.zeros(0, int)
    found = int(y.sum())
    if min(found, len(y) - found) < FEWEST:
        return RiskSkill(name, found, len(y))
    X = table.matrix(features)
    columns = {
        variant: columns_for_risk(variant, features)
        for name in candidates
        for variant in RISK_VARIANTS[name]
    }
    learners = {
        variant: partial(CLASSIFIERS[variant], seed, some) for variant, some in columns.items()
    }
    later = {variant: _later(new, table, X, y, seed) for variant, new in learners.items()}
    base = _base_later(table, y, seed)
    judged = ~np.isnan(base)
    losses = {c: float(np.mean(_log_losses(y, p)[judged])) for c, p in later.items()}
    learner = min(losses, key=lambda c: losses[c])
    skill = _skill(name, y, later[learner], base, len(learners))
    if not skill.is_better:
        return skill
    raw = _apart(learners[learner], table, X, y, seed)
    slope, offset = platt_of(raw, y)
    return RiskModel(
        name=name,
        learner=learner,
        columns=columns[learner],
        losses=losses,
        model=fitted(learners[learner](), X, y),
        slope=slope,
        offset=offset,
        apart=calibrated(raw, slope, offset),
        known=y.astype(float),
        skill=skill,
    )


def skill_of(name: str, y: Array, p: Array, base: Array) -> RiskSkill:
    """Worth of probabilities beside the base rate; NaN of ``y`` is not known.

    Args:
        y: 1 where the defect was found, 0 where not, in order of time.
        p: probabilities.
        base: the base rate for each shot.
    """
    return _skill(name, y, p, base, 1)


def platt_of(p: Array, y: Any) -> tuple[float, float]:
    """Slope and offset of the calibration (Platt 1999), fitted on shots not learned from."""
    fit = LogisticRegression(C=1e6).fit(logit(p)[:, None], y)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def calibrated(p: Array, slope: float, offset: float) -> Array:
    """Calibrated probability."""
    found: Array = 1.0 / (1.0 + np.exp(-(slope * logit(p) + offset)))
    return found


def logit(p: Array) -> Array:
    """Log odds, away from 0 and 1 as ``inference`` has it."""
    p = np.clip(p, 1e-6, 1.0 - 1e-6)
    found: Array = np.log(p / (1.0 - p))
    return found


def _skill(name: str, y: Array, p: Array, base: Array, tried: int) -> RiskSkill:
    """``tried`` candidates were compared: the p-value of the best is adjusted (Bonferroni)."""
    known = ~np.isnan(y) & ~np.isnan(p) & ~np.isnan(base)
    looked_at = y[~np.isnan(y)]
    counts = int(looked_at.sum()), len(looked_at)
    of_model, of_base = (np.where(known, _log_losses(y, q), np.nan) for q in (p, base))
    try:
        compared = compare_errors(of_base, of_model)
    except InputError:  # too few are judged
        return RiskSkill(name, *counts)
    y, p, base = y[known], p[known], base[known]
    one_sided = 0.5 * compared.p_value if compared.ratio < 1.0 else 1.0 - 0.5 * compared.p_value
    brier, brier_base = float(np.mean((y - p) ** 2)), float(np.mean((y - base) ** 2))
    return RiskSkill(
        name,
        *counts,
        judged_count=len(y),
        judged_found_count=int(y.sum()),
        brier_skill=1.0 - brier / brier_base if brier_base else 0.0,
        log_loss_skill=1.0 - compared.ratio**2,
        p_value=min(1.0, tried * one_sided),
    )


def _log_losses(y: Array, p: Array) -> Array:
    p = np.clip(p, 1e-6, 1.0 - 1e-6)
    found: Array = -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))
    return found


def _apart(new: Learner, table: FeatureSet, X: Any, y: NDArray[np.int_], seed: int) -> Array:
    """Probability of each shot by a model that did not see its group."""
    found = np.full(len(y), float(np.mean(y)))
    for fold in group_folds(table.groups, FOLDS, seed):
        if 0 < y[~fold].sum() < (~fold).sum():
            model = fitted(new(), X[~fold], y[~fold])
            found[fold] = model.predict_proba(X[fold])[:, 1]
    return found


def _times(table: FeatureSet) -> Iterator[tuple[Rows, Rows]]:
    """(before, after) of each cut."""
    ends = [np.quantile(table.time_s, share) for share in (*CUTS, 1.0)]
    for cut, end in pairwise(ends):
        yield table.time_s <= cut, (table.time_s > cut) & (table.time_s <= end)


def _later(new: Learner, table: FeatureSet, X: Any, y: NDArray[np.int_], seed: int) -> Array:
    """Calibrated probability by models that saw neither the group nor its time; NaN before all.

    The calibration is that of the models of one cut on what they did not learn from before it.
    """
    found = np.full(len(y), np.nan)
    for before, after in _times(table):
        raw = np.full(len(y), np.nan)
        folds = list(group_folds(table.groups, FOLDS, seed))
        for fold in folds:
            learn = before & ~fold
            raw[fold] = base = y[learn].mean() if learn.any() else np.nan
            if 0.0 < base < 1.0:
                model = fitted(new(), X[learn], y[learn])
                seen = fold & (before | after)
                if seen.any():
                    raw[seen] = model.predict_proba(X[seen])[:, 1]
        for fold in folds:
            known, test = before & ~fold & ~np.isnan(raw), after & fold
            if 0 < y[known].sum() < known.sum() and test.any():
                found[test] = calibrated(raw[test], *platt_of(raw[known], y[known]))
            else:
                found[test] = raw[test]
    return found


def _base_later(table: FeatureSet, y: NDArray[np.int_], seed: int) -> Array:
    """Base rate that was known to the models of ``_later``; NaN where they say nothing."""
    found = np.full(len(y), np.nan)
    for before, after in _times(table):
        for fold in group_folds(table.groups, FOLDS, seed):
            learn = before & ~fold
            found[after & fold] = y[learn].mean() if learn.any() else np.nan
    return found
