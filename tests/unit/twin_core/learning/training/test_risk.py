"""A probability is worth a place in a file only where it beats the base rate."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.support.feature_sets import feature_set
from twin_core.learning.columns import COLUMNS
from twin_core.learning.training.risk import FEWEST, RiskModel, RiskSkill, fit_risk, skill_of
from twin_core.learning.training.table import FeatureSet

pytestmark = pytest.mark.xdist_group("training")
FEATURES = ["proc_T_ambient_C", "proc_RH_ambient", "delta_T_core_max_C"]
COLUMN = "qc_defect_void"


def fit(follows: bool, seed: int, found: float = 0.2) -> RiskModel | RiskSkill:
    columns = feature_set(400, 4, seed=seed)
    rng = np.random.default_rng(seed)
    warm = columns["delta_T_core_max_C"] - 10.0
    logit = np.log(found / (1.0 - found)) + (2.0 * warm if follows else 0.0)
    columns[COLUMN] = (rng.random(400) < 1.0 / (1.0 + np.exp(-logit))).astype(float)
    table = FeatureSet.of(columns, list(COLUMNS))
    with threadpool_limits(1):
        return fit_risk(COLUMN, table, FEATURES, ["logistic"], seed)


def test_a_cause_that_is_seen_gives_a_model() -> None:
    found = fit(follows=True, seed=1)
    assert isinstance(found, RiskModel)
    assert found.skill.is_better
    assert found.skill.brier_skill > 0.1
    assert found.skill.judged_count == pytest.approx(0.6 * 400, abs=2), "the later part"
    assert found.skill.words.startswith("better than its base rate")
    assert abs(found.apart.mean() - found.known.mean()) < 0.02, "calibrated"


def test_chance_gives_none() -> None:
    """Of kinds without a cause none is shown."""
    for seed in range(2):
        found = fit(follows=False, seed=seed)
        assert isinstance(found, RiskSkill), seed
        assert found.words.endswith(": not in the file")


def test_too_few_are_told() -> None:
    found = fit(follows=True, seed=2, found=0.001)
    assert isinstance(found, RiskSkill)
    assert found.found_count < FEWEST
    assert found.words == f"too few to learn from: {found.found_count} found of {FEWEST} needed"
    assert RiskSkill("void", 0, 0).words == f"too few to learn from: 0 found of {FEWEST} needed"
    nearly_all = RiskSkill("void", 95, 100)
    assert nearly_all.words == f"too few to learn from: 5 without it of {FEWEST} needed"


def test_the_base_rate_itself_is_no_better() -> None:
    y = np.arange(200.0) % 5 == 0
    base = np.full(200, 0.2)
    found = skill_of("void", y.astype(float), base.copy(), base)
    assert (found.brier_skill, found.log_loss_skill) == (0.0, 0.0)
    assert not found.is_better
    knows = skill_of("void", y.astype(float), np.where(y, 0.7, 0.1), base)
    assert knows.is_better
    misleads = skill_of("void", y.astype(float), np.where(y, 0.1, 0.7), base)
    assert not misleads.is_better
    assert misleads.p_value > 0.5
