"""Candidates on draws: when one is given up."""

from __future__ import annotations

import numpy as np

from tests.unit.twin_core.optimization.test_run import QUICK, task
from twin_core.optimization.candidate import Score
from twin_core.optimization.draws import deviations, usual_scatter
from twin_core.optimization.evaluation import Evaluator
from twin_core.optimization.prepare import prepared
from twin_core.optimization.variables import Bounds, today

DRAWS = 8


def evaluator() -> Evaluator:
    given = task(draws=DRAWS)
    bounds, rules = prepared(given, {"T_mold_C": Bounds(low=38, high=46, step=4)}, {}, DRAWS)
    scatter = usual_scatter(QUICK)
    rows = deviations(scatter, DRAWS, 1, even=True)
    found = Evaluator(
        given, bounds, rules, list(scatter), rows, tell=lambda: None, cancelled=lambda: False
    )
    found.begin(today(QUICK))
    return found


def test_alike_trials_are_given_up_only_when_they_beat_no_rival() -> None:
    """Two trials on one step: it beats the rival of the first, not that of the second."""
    (whole,) = evaluator().look([((42.0,), 0.0)], "search", full=True)
    t_open_s = whole.score.values[0]
    first, second = (Score(0.0, (t_open_s + more,)) for more in (1.0, -100.0))
    there = evaluator()
    trials = [there.values(np.array([share])) for share in (0.45, 0.55)]
    found = there.look(trials, "search", [first, second])
    assert found[0] is found[1]
    assert found[0].complete
    assert found[0].score == whole.score
    (given_up,) = evaluator().look(trials[:1], "search", [second])
    assert not given_up.complete
