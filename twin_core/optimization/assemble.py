"""The result of a search, whole or as far as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from twin_core.optimization.advise import chosen_of, front_so_far
from twin_core.optimization.candidate import Candidate
from twin_core.optimization.confirm import Confirmed, confirm
from twin_core.optimization.constraints import LIMITS
from twin_core.optimization.evaluation import Evaluator
from twin_core.optimization.explain import in_the_way
from twin_core.optimization.goals import S_PER_H
from twin_core.optimization.result import Gain, OptimizationResult, Point, Tried
from twin_core.optimization.state import State
from twin_core.optimization.task import OptimizationTask


def result_of(state: State, partial: bool = False) -> OptimizationResult:
    """What there is; of a search that was ended, unchecked points that hold in its draws."""
    task, evaluator = state.task, state.evaluator
    partial = partial or state.partial
    chosen, front, why = state.chosen, state.front, state.why
    if chosen is None and partial and (front := front_so_far(state)):
        chosen, why = chosen_of(state, front)
        why = f"{'the best' if len(front) == 1 else why}, of a search that is not at its end"
    chosen_point = None if chosen is None else _point(state, chosen)
    today_point = None
    if state.today is not None:
        today_point = _point(state, state.today, state.today_checked, task.t_open_today_s)
    nearest = state.nearest() if chosen is None else None
    ways = state.in_the_way
    if partial and nearest is not None and not ways:
        ways = in_the_way(nearest, evaluator.rules, state.checked.get(nearest))
    used = [c for c in evaluator.kept if c.origin != "sensitivity"]
    index = {c: i for i, c in enumerate(used)}
    rules = evaluator.rules
    limits = {n: v for n in LIMITS if (v := rules.what.limit(n)) is not None}
    return OptimizationResult(
        scenario_id=task.scenario.scenario_id,
        goals=task.goals,
        today=today_point,
        chosen=chosen_point,
        why_chosen=why,
        front=tuple(_point(state, c) for c in front),
        gain=_gain(task, today_point, chosen_point),
        random_best=_random(state.random_best, index, evaluator),
        random_count=state.random_count,
        candidates=max(state.tried, 0),
        simulations=state.earlier_simulations + evaluator.simulated + state.checks,
        draws=len(state.rows),
        violations_allowed=task.violations_allowed,
        scatter=state.scatter,
        scatter_source=task.scatter_source,
        bounds={name: b.model_dump() for name, b in state.bounds.items()},
        bounds_source=task.variables_source or ("as asked" if task.variables else "the usual ones"),
        limits=limits,
        sensitivities=state.sensitivities,
        scatter_effects_s=state.scatter_effects,
        binding=state.binding,
        nearest=None if nearest is None else _point(state, nearest),
        in_the_way=ways,
        history=tuple(_tried(i, c, evaluator) for i, c in enumerate(used)),
        population=tuple(state.population()),
        notes=tuple(state.notes),
        parameter_set=None if task.parameter_set is None else task.parameter_set.set_id,
        memory_factor=task.memory_factor,
        memory_source=task.memory_source,
        seed=task.seed,
        partial=partial,
    )


def _point(
    state: State, c: Candidate, checked: Confirmed | None = None, t_open_s: float | None = None
) -> Point:
    """A candidate as it was checked; unchecked, on the draws of the search.

    Args:
        checked: in place of its own check.
        t_open_s: open then, where it is not checked.
    """
    rules = state.evaluator.rules
    assert c.scenario is not None
    assert c.judged is not None
    found = checked or (state.checked.get(c) if t_open_s is None else None)
    if found is None:
        none = np.empty((0, len(state.scatter)))
        found = confirm(
            c, state.task, rules, list(state.scatter), none, lambda _: None, lambda: False,
            t_open_s,
        )  # fmt: skip
    on_fresh = found.draws != len(c.drawn.which) or bool(len(state.fresh_rows))
    was_checked = checked is not None or c in state.checked
    return Point(
        settings=dict(zip(state.evaluator.bounds, c.values, strict=True)),
        process=c.scenario.process,
        t_open_s=found.t_open_s,
        t_open_search_s=found.t_open_search_s,
        figures=dict(found.figures),
        decides=c.deciding(rules),
        violations=found.violations,
        draws=found.draws,
        violated_share=found.share,
        violated_low=found.share_low,
        violated_high=found.share_high,
        confirmed=was_checked and on_fresh and found.held,
        missed=dict(found.missed),
    )


def _gain(task: OptimizationTask, before: Point | None, after: Point | None) -> Gain | None:
    if before is None or after is None or math.isnan(before.t_open_s):
        return None
    prices = task.prices
    cost = before.figures["cost"] - after.figures["cost"] if prices.given else None
    parts = task.hours_per_year * S_PER_H / max(before.figures["cycle_s"], 1e-9)
    return Gain(
        settings={
            name: (value, after.settings[name])
            for name, value in before.settings.items()
            if value != after.settings[name]
        },
        cycle_s=before.figures["cycle_s"] - after.figures["cycle_s"],
        cost=cost,
        per_year=cost * parts if cost is not None and task.hours_per_year else None,
        currency=prices.currency,
    )


def _tried(index: int, c: Candidate, evaluator: Evaluator) -> Tried:
    reached = None if c.judged is None else c.judged.reached
    known = reached is not None and c.scenario is not None
    t = reached.t_open_s if reached is not None else math.nan
    return Tried(
        index=index,
        origin=c.origin,
        settings=dict(zip(evaluator.bounds, c.values, strict=True)),
        t_open_s=None if math.isnan(t) else t,
        values=c.score.values,
        violation=c.score.violation,
        draws=len(c.drawn.which),
        feasible=c.feasible,
        p_max_bar=reached.p_max_bar if known and reached is not None else None,
    )


def _random(
    best: Candidate | None, index: Mapping[Candidate, int], evaluator: Evaluator
) -> Tried | None:
    """None where none of them is feasible."""
    if best is None or best not in index or not best.feasible:
        return None
    return _tried(index[best], best, evaluator)
