"""Random candidates, and a search from them; again from where it is when something changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.optimization import differential_evolution as de
from twin_core.optimization import front as fr
from twin_core.optimization.candidate import Candidate, Score
from twin_core.optimization.evaluation import Evaluator
from twin_core.optimization.prepare import changed, in_order
from twin_core.optimization.random_search import random_search, random_shares
from twin_core.optimization.state import State
from twin_core.optimization.variables import today


def all_phases(state: State, start: Sequence[Mapping[str, float]]) -> None:
    """The search, and again from where it is after each change."""
    ends = [change.after_candidates for change in in_order(state.task)]
    ends = [min(end, state.task.candidates) for end in ends]
    for number, end in enumerate([*ends, state.task.candidates]):
        if number:
            start = state.population()
            state.earlier_simulations += state.evaluator.simulated
            change = in_order(state.task)[number - 1]
            state.notes.append(f"after {state.tried} candidates: {change.why or 'other limits'}")
        given = _begin(state, number, start)
        _look_for_better(state, given, end, first=number == 0)


def _at_random(state: State, first: bool) -> None:
    """The random candidates, counted once; after a change they are judged by its limits, too."""
    several = len(state.task.goals) > 1
    count = 1 if state.evaluator.is_fixed else state.task.samples
    shares = random_shares(count, state.evaluator.dimensions, state.task.seed)
    # in parts, so that progress counts them
    for at in range(0, len(shares), 16):
        part = shares[at : at + 16]
        state.random_best = random_search(state.evaluator, part, state.random_best, full=several)
        state.random_count += len(part)
        state.tried += len(part) if first else 0


def _begin(
    state: State, number: int, start: Sequence[Mapping[str, float]]
) -> list[tuple[tuple[float, ...], float]]:
    """Make the evaluator of a phase, look at today; settings that the search starts from."""
    bounds, rules = state.plan[number]
    state.constraints = changed(state.task, number)[1]
    state.bounds, state.today = bounds, None  # that of before has the settings of before
    state.random_best, state.random_count = None, 0
    state.evaluator = Evaluator(
        state.task,
        {name: b for name, b in bounds.items() if name != "t_open_s"},
        rules,
        list(state.scatter),
        state.rows,
        tell=state.tell,
        cancelled=state.cancelled,
    )
    own = today(state.task.scenario)
    state.today = state.evaluator.begin(own)
    if len(state.today.drawn.errors) == len(state.today.drawn.which):
        raise InputError(
            f"optimize: today's shot cannot be simulated: {state.today.drawn.errors[0]}"
        )
    searched = state.evaluator.bounds.items()
    return [
        (tuple(b.snapped(row.get(name, own[name])) for name, b in searched), 0.0)
        for row in [own, *start]
    ]


def _look_for_better(
    state: State, start: Sequence[tuple[tuple[float, ...], float]], end: int, first: bool
) -> None:
    """Look at ``start``, at random candidates, and search from them."""
    evaluator, several = state.evaluator, len(state.task.goals) > 1
    given = evaluator.look(start, "start", full=True)
    _at_random(state, first)
    state.phase = "search"
    if evaluator.is_fixed:
        if first:
            state.notes.append("no setting has a second value to search: there is one candidate")
        return
    if state.tried >= end:
        return
    known = [c for c in evaluator.kept if c.origin in {"random", "start"}]
    (_several if several else _one)(state, given, known, end)


def _one(state: State, given: Sequence[Candidate], known: Sequence[Candidate], end: int) -> None:
    evaluator = state.evaluator
    size = de.population_size(evaluator.dimensions)
    best = sorted(known, key=lambda c: (not c.complete, c.score))
    members = list(dict.fromkeys([*given[: size // 2], *best]))[:size]
    places = np.array([evaluator.shares(c) for c in members])
    scores = [c.score for c in members]
    if len(places) < de.LEAST_POPULATION:
        more = random_shares(size, evaluator.dimensions, state.task.seed + 1)
        more = more[: min(de.LEAST_POPULATION - len(places), end - state.tried)]
        places = np.vstack([places, more])
        scores += [c.score for c in _compete(state, more, None)]

    def compete(shares: Array, rivals: Sequence[Score]) -> list[Score]:
        return [c.score for c in _compete(state, shares, rivals)]

    de.search(compete, places, scores, lambda: end - state.tried, state.task.seed)


def _compete(state: State, shares: Array, rivals: Sequence[Score] | None) -> list[Candidate]:
    asked_for = [state.evaluator.values(row) for row in shares]
    found = state.evaluator.look(asked_for, "search", rivals, _promising(state))
    state.tried += len(shares)
    return found


def _promising(state: State) -> Callable[[Score], bool]:
    """Whether a bound may still be better than all that is known."""
    good = [c.score for c in state.evaluator.kept if c.feasible]
    if len(state.task.goals) == 1:
        best = min((c.score for c in state.evaluator.kept if c.complete), default=None)
        return lambda score: best is None or score.beats(best)
    known = np.array([score.values for score in good]).reshape(-1, len(state.task.goals))
    return lambda score: (
        score.violation == 0.0 and not bool((known <= np.array(score.values)).all(axis=1).any())
    )


def _several(
    state: State, given: Sequence[Candidate], known: Sequence[Candidate], end: int
) -> None:
    evaluator = state.evaluator
    size = fr.population_size(state.task.candidates)
    best = sorted(known, key=lambda c: c.score.violation)
    members = list(dict.fromkeys([*given, *best]))[:size]
    places = np.array([evaluator.shares(c) for c in members])
    counted = len(members)  # before; they are asked for once more, which costs nothing

    def evaluate(shares: Array) -> tuple[Array, Array]:
        nonlocal counted
        found = _compete(state, shares, None)
        state.tried, counted = state.tried - counted, 0
        values = np.array([c.score.values for c in found])
        missed = np.array([c.score.violation for c in found])
        return np.clip(np.nan_to_num(values, nan=1e12), -1e12, 1e12), missed

    left = end - state.tried
    if left < size:  # those that are there already are the first generation
        state.notes.append(
            f"{left} candidates are left beside the {state.task.samples} random ones, a generation "
            f"of NSGA-II has {size}: the front is that of random candidates: raise candidates, or "
            "lower samples"
        )
    fr.nsga2(
        evaluate,
        places,
        len(state.task.goals),
        lambda: end - state.tried + counted,
        state.task.seed,
        size,
    )
