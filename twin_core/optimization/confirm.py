"""Fresh draws for what is returned: the search has seen its own, and may have fitted them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin_core.arrays import Array
from twin_core.optimization.candidate import Candidate, Drawn, Rules, judge, margin_at
from twin_core.optimization.draws import deviations, scattered
from twin_core.optimization.evaluation import BLOCK, Stopped, run_parts
from twin_core.optimization.goals import Reached, figures
from twin_core.optimization.opening import violated_share
from twin_core.optimization.task import OptimizationTask
from twin_core.scenario import Scenario

FRESH = 1_000_003
"""Added to the seed, so that the draws are others."""


@dataclass(frozen=True)
class Confirmed:
    """A point after its check, at the opening time that is advised."""

    t_open_s: float
    """Not earlier than in the search, and late enough for the fresh draws."""
    t_open_search_s: float
    figures: Mapping[str, float]
    violations: int
    draws: int
    share: float
    share_low: float
    share_high: float
    """Clopper-Pearson, 95 %."""
    held: bool
    """No more violations than asked for."""
    missed: Mapping[str, int]
    """Draws that miss each criterion, or meet it only after the opening."""


def fresh(task: OptimizationTask, scatter: Mapping[str, float]) -> Array:
    """Deviations (draws, inputs) of the check."""
    if not task.confirm_draws:
        return np.empty((0, len(scatter)))
    return deviations(scatter, task.confirm_draws, (task.seed + FRESH) % 2**63, even=False)


def confirm(
    candidate: Candidate,
    task: OptimizationTask,
    rules: Rules,
    inputs: Sequence[str],
    rows: Array,
    tell: Callable[[int], None],
    cancelled: Callable[[], bool],
    t_open_s: float | None = None,
) -> Confirmed:
    """Check a candidate on fresh draws.

    Args:
        rows: of ``fresh``; none takes the draws of the search.
        t_open_s: open then, in place of as early as may be.

    Raises:
        Stopped: it was cancelled.
    """
    scenario = candidate.simulated
    assert scenario is not None
    assert candidate.judged is not None
    searched = candidate.judged.reached.t_open_s
    drawn = candidate.drawn
    if len(rows):
        drawn = simulated(scenario, rules, inputs, rows, tell, cancelled)
    allowed = math.floor(task.violations_allowed * len(drawn.which) + 1e-9)
    own = replace(rules, violations=allowed)
    if t_open_s is not None:
        own = replace(own, t_low_s=t_open_s, t_step_s=None)
    elif not math.isnan(searched):
        own = replace(own, t_low_s=searched)
    judged = judge(drawn, own)  # what was put off lies in ``searched``
    t = judged.reached.t_open_s if t_open_s is None else t_open_s
    if math.isnan(t):
        t = searched
    start, end = own.windows(drawn)
    held = (start <= t + 1e-9) & (t <= end + 1e-9)
    violations = len(drawn.which) - int(held.sum())
    share, low, high = violated_share(violations, len(drawn.which))
    reached = Reached(t, judged.reached.p_max_bar, margin_at(drawn, t, allowed))
    missed = Counter(replace(candidate, drawn=drawn).missed(own))
    missed.update(map(str, drawn.opens[start > t + 1e-9]))  # not met yet at the opening
    return Confirmed(
        t_open_s=t,
        t_open_search_s=searched,
        figures=figures(scenario, reached, task.handling_s, task.prices),
        violations=violations,
        draws=len(drawn.which),
        share=share,
        share_low=low,
        share_high=high,
        held=violations <= allowed,
        missed=dict(missed),
    )


def simulated(
    scenario: Scenario,
    rules: Rules,
    inputs: Sequence[str],
    rows: Array,
    tell: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> Drawn:
    """All draws of a scenario."""
    drawn = Drawn()
    for start in range(0, len(rows), BLOCK):
        if cancelled():
            raise Stopped
        part = rows[start : start + BLOCK]
        at = start
        for result in run_parts([scattered(scenario, inputs, row) for row in part]):
            drawn.add(list(range(at, at + len(result))), result, rules.what)
            at += len(result)
        tell(len(part))
    return drawn
