"""Shots of a table in a row, as a press sees them: what is not known yet changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.feature_sets import NOISE, feature_set
from twin_core.learning.answers import Answers
from twin_core.learning.columns import COLUMNS
from twin_core.learning.training.adapting import adapted
from twin_core.learning.training.table import FeatureSet

SHOTS, WIDTH = 600, 1.65 * 1.6 * NOISE
SOON, FAR = np.timedelta64(1, "h"), np.timedelta64(400, "D")


def columns(late: np.timedelta64) -> dict[str, np.ndarray]:
    """Results of the laboratory come so much later than the pour."""
    found = feature_set(SHOTS, 3)
    return found | {"lab_known_at": found["poured_at"] + late}


def answers(shots: FeatureSet, factor: float = 1.0, learner: float = np.nan) -> Answers:
    """The memory alone, or a learner that is off by so much more; intervals too wide by so much."""
    count, memory = len(shots), shots["prev_rho_moulded_expected"]
    half = np.full(count, factor * WIDTH)
    return Answers(
        memory=memory,
        learner=memory + learner,
        trust=np.ones(count),
        half=half,
        memory_half=half,
        error=shots["prev_rho_moulded_error"],
        known=np.ones(count, bool),
    )


def table(late: np.timedelta64 = SOON) -> FeatureSet:
    return FeatureSet.of(columns(late), list(COLUMNS))


def test_the_width_is_that_of_the_model_until_a_result_is_known() -> None:
    shots = table(FAR)
    said = adapted("rho_moulded", shots, answers(shots, 2.0), 0.9)
    assert said.half == pytest.approx(np.full(SHOTS, 2.0 * WIDTH))
    assert said.residual == pytest.approx(shots["prev_rho_moulded_expected"])


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_it_holds_its_coverage_where_the_width_was_wrong(factor: float) -> None:
    shots = table()
    said = adapted("rho_moulded", shots, answers(shots, factor), 0.9)
    residual = shots.residual("rho_moulded")
    inside = (np.abs(residual - said.residual) <= said.half)[~np.isnan(residual)]
    assert 0.86 <= inside[len(inside) // 3 :].mean() <= 0.94


def test_what_came_later_changes_nothing_before_it() -> None:
    """Other results from the middle on: nothing is otherwise until the first of them is known."""
    given = columns(np.timedelta64(3, "D"))
    half = given["poured_at"][SHOTS // 2]
    other = dict(given)
    changed = given["poured_at"] >= half
    other["qc_rho_moulded"] = np.where(changed, 1.2, 1.0) * given["qc_rho_moulded"]
    one, two = (FeatureSet.of(each, list(COLUMNS)) for each in (given, other))
    first, second = (adapted("rho_moulded", each, answers(each), 0.9) for each in (one, two))
    before = one["poured_at"] <= half + np.timedelta64(3, "D")
    assert np.array_equal(first.half[before], second.half[before])
    assert second.half[~before].max() > 1.5 * first.half[~before].max()


def test_a_learner_that_is_worse_here_is_left_for_the_memory() -> None:
    shots = table()
    said = adapted("rho_moulded", shots, answers(shots, learner=3.0 * NOISE), 0.9)
    off = said.residual - shots["prev_rho_moulded_expected"]
    assert off[0] > 1.5 * NOISE
    assert np.abs(off[-100:]).max() < 0.1 * NOISE
