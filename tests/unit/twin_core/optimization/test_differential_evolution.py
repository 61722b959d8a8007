"""The search for one goal against SciPy's, on problems whose answer is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.optimize import NonlinearConstraint, differential_evolution

from twin_core.arrays import Array
from twin_core.optimization.candidate import Score
from twin_core.optimization.differential_evolution import population_size, search


def curved(x: Array) -> float:
    """Rosenbrock, its valley at 0.7."""
    z = 4.0 * x / 0.7 - 3.0
    return float(np.sum(100.0 * (z[1:] - z[:-1] ** 2) ** 2 + (1.0 - z[:-1]) ** 2))


def many_valleys(x: Array) -> float:
    """Rastrigin, its lowest valley at 0.4."""
    z = 6.0 * (x - 0.4)
    return float(np.sum(z**2 - 5.0 * np.cos(2.0 * np.pi * z) + 5.0))


def slope(x: Array) -> float:
    return float(3.0 - x @ np.arange(1.0, len(x) + 1.0))


def ball(x: Array) -> float:
    """Over by how much it leaves a ball."""
    return max(float(np.linalg.norm(x - 0.5)) - 0.3, 0.0)


def far_corner(x: Array) -> float:
    """A corner with a wide way to it; a better one, two ends away, with a steep wall around it."""
    other = np.ones(len(x))
    other[:2] = 0.0
    return min(0.1 + 0.2 * float(np.abs(x - 1.0).sum()), 30.0 * float(np.abs(x - other).sum()))


def never(x: Array) -> float:
    return 0.0


def found(
    value: Callable[[Array], float], missed: Callable[[Array], float], size: int, trials: int
) -> tuple[Array, Score]:
    left = trials

    def score(x: Array) -> Score:
        return Score(missed(x), (value(x),))

    def compete(shares: Array, rivals: Sequence[Score]) -> list[Score]:
        nonlocal left
        left -= len(shares)
        return [score(x) for x in shares]

    start = np.random.default_rng(5).random((population_size(size), size))
    best = search(compete, start, [score(x) for x in start], lambda: left, 1)
    assert left >= 0
    return best


@pytest.mark.parametrize(
    ("value", "missed", "size", "trials"),
    [
        (curved, never, 2, 2000),
        (many_valleys, never, 3, 4000),
        (slope, never, 5, 1000),
        (slope, ball, 4, 3000),
    ],
)
def test_it_finds_what_scipy_finds(
    value: Callable[[Array], float], missed: Callable[[Array], float], size: int, trials: int
) -> None:
    inside = NonlinearConstraint(missed, -np.inf, 0.0) if missed is ball else ()
    other = differential_evolution(
        value, [(0.0, 1.0)] * size, constraints=inside, rng=1, tol=1e-4, maxiter=100, popsize=10,
        polish=False,
    )  # fmt: skip
    _, score = found(value, missed, size, trials)
    assert score.violation == 0.0
    assert score.values[0] == pytest.approx(other.fun, abs=2e-2)


def test_a_better_corner_is_found_from_another() -> None:
    best, score = found(far_corner, never, 5, 1000)
    assert best.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert score.values == (0.0,)


def test_the_same_seed_finds_the_same() -> None:
    one, other = (found(many_valleys, never, 3, 500) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert one[1] == other[1]


def test_a_loser_needs_no_exact_score() -> None:
    """Scores of losers that are bounds, not worse than their rival, change nothing."""
    exact = found(curved, never, 2, 800)
    left = 800

    def score(x: Array) -> Score:
        return Score(0.0, (curved(x),))

    def compete(shares: Array, rivals: Sequence[Score]) -> list[Score]:
        nonlocal left
        left -= len(shares)
        scores = [score(x) for x in shares]
        return [s if s.beats(r) else r for s, r in zip(scores, rivals, strict=True)]

    start = np.random.default_rng(5).random((population_size(2), 2))
    best = search(compete, start, [score(x) for x in start], lambda: left, 1)
    assert np.array_equal(best[0], exact[0])
