"""Bounds and rules of a task, checked against each other before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping

from twin_core.errors import InputError
from twin_core.optimization.candidate import Rules
from twin_core.optimization.constraints import asked
from twin_core.optimization.task import Change, OptimizationTask
from twin_core.optimization.variables import Bounds, checked_bounds, today, with_values


def in_order(task: OptimizationTask) -> list[Change]:
    """The changes on the way, the first one first."""
    return sorted(task.changes, key=lambda change: change.after_candidates)


def changed(task: OptimizationTask, count: int) -> tuple[dict[str, Bounds], dict[str, float]]:
    """Variables and constraints after so many changes."""
    variables, constraints = dict(task.variables), dict(task.constraints)
    for change in in_order(task)[:count]:
        if change.variables and not variables:
            variables = checked_bounds(task.scenario, {})
        variables |= change.variables
        constraints |= change.constraints
    return variables, constraints


def prepared(
    task: OptimizationTask,
    variables: Mapping[str, Bounds],
    constraints: Mapping[str, float],
    draws: int,
) -> tuple[dict[str, Bounds], Rules]:
    """Bounds and rules, checked against each other."""
    what = asked(task.scenario, constraints, task.memory_factor)
    bounds = checked_bounds(task.scenario, variables, task.variables_source or "variables")
    opening = bounds.get("t_open_s")
    low = 0.0 if opening is None else opening.low
    high = what.t_max_s if opening is None else min(opening.high, what.t_max_s)
    if low > high:
        raise InputError(
            f"variables: t_open_s: from {low:g} s on, but t_cycle_max_s is {what.t_max_s:g} s: "
            "no opening time can meet both"
        )
    for name, value in today(task.scenario).items():
        if name in bounds and bounds[name].low == bounds[name].high != value:
            with_values(task.scenario, {name: bounds[name].low})  # it can be, or it is said now
    allowed = math.floor(task.violations_allowed * draws + 1e-9)
    step = None if opening is None else opening.step
    return bounds, Rules(what, allowed, max(low, 1e-9), high, step)
