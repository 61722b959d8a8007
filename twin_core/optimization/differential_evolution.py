"""Differential evolution for one goal, with rivals that let a loser be given up early.

A press is mostly monotone: the surroundings of the best random candidate lead to a corner of the
bounds. So they come first, then the evolution, which leaves a local best, then they again. The best
of all may lie in another corner, with a worse way to it: at last one and two variables of the best
are put to their other ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product

import numpy as np

from twin_core.arrays import Array
from twin_core.optimization.candidate import Score

POPULATION_PER_DIMENSION = 4
LEAST_POPULATION = 12
DIFFERENCE = (0.4, 0.9)
"""Weight of a difference, drawn anew for each generation."""
CROSSOVER = 0.9
ELITE = 0.2
"""Share of the population of which one pulls a trial."""
PULLED = 0.8
"""Share of the trials that are pulled; the others look elsewhere."""
WORTH = 1e-4
"""Relative; a best that is better by less rests."""
STILL = 20
"""Generations without a better best after which only its surroundings are looked at."""
FIRST_STEP, MIDDLE_STEP, LAST_STEP = 0.25, 0.05, 0.002
"""Of the surroundings, as shares of the bounds: at the start, before the evolution, at the end."""

Compete = Callable[[Array, Sequence[Score]], Sequence[Score]]
"""Shares (trials, dimensions) and a rival for each -> scores; one that does not beat its rival may
be a bound."""


def population_size(dimensions: int) -> int:
    """Number of members for so many variables."""
    return max(LEAST_POPULATION, POPULATION_PER_DIMENSION * dimensions)


def search(
    compete: Compete,
    members: Array,
    scores: Sequence[Score],
    budget: Callable[[], int],
    seed: int,
) -> tuple[Array, Score]:
    """The best shares 0..1 and their score.

    Trials of a generation are made from all members and compete with one each; the bounds catch
    what leaves them. When the best rests, its surroundings are looked at in ever smaller steps.

    Args:
        members: (members, dimensions), at least four; scores: their own.
        budget: trials that are left.
    """
    members, scores = members.copy(), list(scores)
    rng = np.random.default_rng(seed)
    at = scores.index(min(scores))
    members[at], scores[at] = surroundings(
        compete, members[at], scores[at], budget, FIRST_STEP, MIDDLE_STEP
    )
    still = 0
    while budget() > 0 and still < STILL:
        best = min(scores)
        trials = _trials(members, scores, rng)[: budget()]
        for i, score in enumerate(compete(trials, scores[: len(trials)])):
            if score.beats(scores[i]):
                members[i], scores[i] = trials[i], score
        still = 0 if _worth(min(scores), best) else still + 1
        if np.ptp(members, axis=0).max() < LAST_STEP:
            break
    at = scores.index(min(scores))
    return _from_end_to_end(compete, members[at], scores[at], budget)


def _from_end_to_end(
    compete: Compete, best: Array, score: Score, budget: Callable[[], int]
) -> tuple[Array, Score]:
    """The best of the surroundings of the best, and of its other ends while they are better."""
    best, score = surroundings(compete, best, score, budget, MIDDLE_STEP, LAST_STEP)
    while budget() > 0:
        trials = other_ends(best)[: budget()]
        found = list(compete(trials, [score] * len(trials)))
        at = found.index(min(found))
        if not (found[at].beats(score) and _worth(found[at], score)):
            break
        best, score = surroundings(compete, trials[at], found[at], budget, MIDDLE_STEP, LAST_STEP)
    return best, score


def other_ends(best: Array) -> Array:
    """Shares (trials, dimensions): one variable, then two, at an end where they are not."""
    ends = [[end for end in (0.0, 1.0) if end != share] for share in best.tolist()]
    trials = list[Array]()
    for count in (1, 2):
        for which in combinations(range(len(best)), count):
            for values in product(*(ends[i] for i in which)):
                trial = best.copy()
                trial[list(which)] = values
                trials.append(trial)
    return np.array(trials)


def _trials(members: Array, scores: Sequence[Score], rng: np.random.Generator) -> Array:
    count, dimensions = members.shape
    order = sorted(range(count), key=lambda i: scores[i])
    elite = order[: max(2, int(ELITE * count))]
    weight = rng.uniform(*DIFFERENCE)
    trials = np.empty_like(members)
    for i in range(count):
        a, b, c = rng.choice(count, 3, replace=False)
        moved = members[c] + weight * (members[a] - members[b])
        if rng.random() < PULLED:
            pull = members[rng.choice(elite)] - members[i]
            moved = members[i] + weight * (pull + members[a] - members[b])
        taken = np.asarray(rng.random(dimensions)) < CROSSOVER
        taken[rng.integers(dimensions)] = True
        trials[i] = np.clip(np.where(taken, moved, members[i]), 0.0, 1.0)
    return trials


def surroundings(
    compete: Compete,
    best: Array,
    score: Score,
    budget: Callable[[], int],
    first: float,
    last: float,
) -> tuple[Array, Score]:
    """The best of the surroundings: every variable up and down, in steps that halve.

    Args:
        first, last: steps, as shares of the bounds.
    """
    step, dimensions = first, len(best)
    while step >= last and budget() > 0:
        moves = np.vstack([np.eye(dimensions), -np.eye(dimensions)]) * step
        trials = np.clip(best + moves, 0.0, 1.0)
        trials = trials[(trials != best).any(axis=1)][: budget()]
        if not len(trials):
            return best, score
        found = list(compete(trials, [score] * len(trials)))
        better = [i for i, one in enumerate(found) if one.beats(score)]
        if not better:
            step *= 0.5
            continue
        before = score
        first = min(better, key=lambda i: found[i])
        move = sum((trials[i] - best for i in better), np.zeros(dimensions))
        together = np.clip(best + move, 0.0, 1.0)
        best, score = trials[first], found[first]
        if len(better) > 1 and budget() > 0:
            joint = compete(together[None], [score])[0]
            if joint.beats(score):
                best, score = together, joint
        if not _worth(score, before):
            step *= 0.5
    return best, score


def _worth(score: Score, before: Score) -> bool:
    """Whether a score is better by more than a trifle."""
    if score.violation or before.violation:
        return score.violation < (1.0 - WORTH) * before.violation
    return score.values[0] < before.values[0] - WORTH * abs(before.values[0])
