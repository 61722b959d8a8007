"""From candidates to advice: a check on fresh draws, the choice, the reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin_core.optimization import front as fr
from twin_core.optimization.candidate import Candidate
from twin_core.optimization.choose import apart, knee, preferred, thinned
from twin_core.optimization.confirm import Confirmed
from twin_core.optimization.explain import binding, in_the_way, scatter_effects, sensitivities
from twin_core.optimization.result import NO_BETTER
from twin_core.optimization.state import State

NEAR_BEST = 0.005
"""Relative; candidates so near to the best may be exchanged for one of a lower pressure."""
NEARLY = 0.02
"""Relative; candidates so near to the best are checked, too."""
MOST_ALIKE, MOST_CHECKS = 5, 12
"""How many of them; and how many others, one after the other, until one holds."""


def finish(state: State) -> None:
    """Check what is returned, choose, explain."""
    evaluator, rules = state.evaluator, state.evaluator.rules
    state.phase = "confirm"
    good = state.good()
    if not good:
        _explain_infeasible(state)
        return
    assert state.today is not None
    if state.today.scenario is not None:
        opened = state.task.t_open_today_s
        state.today_checked = state.check(state.today, opened)
        if state.today in good:  # it is a candidate, too, opened as early as may be
            own = state.today_checked if opened is None else state.check(state.today)
            state.checked[state.today] = own
    if len(state.task.goals) > 1:
        _check_front(state)
    else:
        _check_one(state, good)
    state.phase = "explain"
    if state.chosen is None:
        state.notes.append("no candidate held on the fresh draws: allow more, or raise draws")
        _explain_infeasible(state)
        return
    inputs = list(state.scatter)
    state.scatter_effects = scatter_effects(state.chosen, inputs, state.rows)
    state.binding = binding(
        state.chosen, rules, state.constraints, inputs, state.rows, state.count, state.cancelled
    )
    state.sensitivities = sensitivities(evaluator, state.chosen)


def _check_one(state: State, good: Sequence[Candidate]) -> None:
    """The best on fresh draws of the best candidates and of unlike ones that are nearly so.

    A candidate at the edge of a limit is short on the draws that it was found with.
    """
    best = good[0].score.values[0]
    near = [c for c in good if c.score.values[0] <= best + NEARLY * abs(best)]
    places = np.array([state.evaluator.shares(c) for c in near])
    some = [near[i] for i in apart(places, MOST_ALIKE)]
    others = [c for c in good if c not in some][: MOST_CHECKS - len(some)]
    held: list[Candidate] = []
    for candidate in [*some, *others]:
        if candidate in others and held:
            break
        held += [candidate] if _checked(state, candidate).held else []
    today = state.today
    if today in state.checked and state.checked[today].held and today not in held:
        held.append(today)
    if not held:
        return
    held.sort(key=state.goals_of)
    state.chosen, state.why = held[0], f"the best {state.task.goals[0]} of those that hold"
    least = state.goals_of(held[0])[0]
    if today in held and state.goals_of(today)[0] <= least + NO_BETTER * abs(least):
        state.chosen, state.why = today, f"{state.why}: today's settings"
    if state.task.prefer_lower_pressure:
        best = state.goals_of(held[0])[0]
        most = best + NEAR_BEST * abs(best)
        near = [c for c in held if state.goals_of(c)[0] <= most]
        state.chosen = min(near, key=lambda c: state.checked[c].figures["pressure_bar"])
        state.why += ", with the lowest pressure of those within half a per cent"
    state.front = [state.chosen]


def _check_front(state: State) -> None:
    held = []
    for candidate in front_so_far(state):
        if _checked(state, candidate).held:
            held.append(candidate)
    today = state.today
    if today in state.checked and state.checked[today].held and today not in held:
        own = np.array(state.goals_of(today))
        if any((own <= np.array(state.goals_of(c))).all() for c in held):
            held.append(today)
    if not held:
        return
    goals = np.array([state.goals_of(c) for c in held])
    order = fr.non_dominated(goals)
    order = order[np.argsort(goals[order, 0], kind="stable")]
    state.front = [held[i] for i in order]
    state.chosen, state.why = chosen_of(state, state.front)


def _checked(state: State, candidate: Candidate) -> Confirmed:
    """A candidate on the fresh draws; one that was checked before is not simulated again."""
    if candidate not in state.checked:
        state.checked[candidate] = state.check(candidate)
    return state.checked[candidate]


def chosen_of(state: State, front: Sequence[Candidate]) -> tuple[Candidate, str]:
    """The point of a front that the weights prefer, or its knee; and why."""
    goals = np.array([state.goals_of(c) for c in front])
    if not state.task.prefer:
        return front[knee(goals)], "the knee of the front"
    weights = state.task.prefer
    at = preferred(goals, state.task.goals, weights)
    return front[at], "preferred: " + ", ".join(f"{n} {w:g}" for n, w in weights.items())


def front_so_far(state: State) -> list[Candidate]:
    """Feasible candidates that no other beats, as far as they are wanted; not confirmed."""
    good = state.good()
    if len(state.task.goals) == 1 or not good:
        return good[:1]
    goals = np.array([c.score.values for c in good])
    best = fr.non_dominated(goals)
    kept = best[thinned(goals[best], state.task.front_points)]
    return [good[i] for i in kept]


def _explain_infeasible(state: State) -> None:
    nearest = state.nearest() or state.cannot_be()
    if nearest is not None:
        state.in_the_way = in_the_way(nearest, state.evaluator.rules, state.checked.get(nearest))
