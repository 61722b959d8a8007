"""Intervals that follow what is seen, results that come late, and whom to believe."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin_core.learning.adaptive_interval import (
    NOTHING_SEEN,
    RECENT,
    AdaptiveState,
    Said,
    Seen,
)
from twin_core.learning.training.scores import worst_of_exact

COVERAGE = 0.9
EXACT = 1.6449
"""Half width of the exact interval of a normal residual, 90 %."""

NOW_S = 1e9


def run(
    residuals: np.ndarray,
    width: float = 1.0,
    late: int = 1,
    state: AdaptiveState | None = None,
) -> AdaptiveState:
    """One mold: each result is known after so many shots; intervals begin so much too wide."""
    state, waiting = state or AdaptiveState(), deque[tuple[Said, float]]()
    for residual in residuals.tolist():
        if len(waiting) == late:
            state = state.told(*waiting.popleft(), COVERAGE, NOW_S)
        half = width * EXACT * Seen.of(state, [state], NOW_S).factor
        waiting.append((Said(0.0, None, 0.0, half, 1.0), residual))
    for said, residual in waiting:
        state = state.told(said, residual, COVERAGE, NOW_S)
    return state


def normal(seed: int, count: int = 2000) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("late", [1, 30])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_width_is_found(width: float, late: int, seed: int) -> None:
    """By a factor of 2 either way, and with results that are 30 shots late."""
    found = run(normal(seed), width, late)
    assert found.count == 2000
    assert 0.88 <= found.inside / found.count <= 0.92


@pytest.mark.parametrize("late", [1, 30])
def test_a_scatter_that_grows_is_followed(late: int) -> None:
    """Twice the scatter halfway: an interval that stays would hold 59 % from then on."""
    residuals = normal(7, 3000)
    residuals[1500:] *= 2.0
    found = run(residuals, late=late)
    assert 0.88 <= found.inside / found.count <= 0.92


@pytest.mark.parametrize("late", [1, 30])
@pytest.mark.parametrize("seed", range(4))
def test_the_worst_hundred_in_a_row(late: int, seed: int) -> None:
    """Not below what one in a hundred exact intervals has on as many shots."""
    found = run(normal(100 + seed), late=late)
    assert found.worst is not None
    assert found.worst / RECENT >= worst_of_exact(np.full(2000, "m"), COVERAGE)


def test_the_worst_hundred_are_counted() -> None:
    inside = np.random.default_rng(1).random(400) < 0.8
    state = AdaptiveState()
    for number, good in enumerate(inside):
        assert (state.worst is None) == (number < RECENT)
        state = state.told(Said(0.0, None, 0.0, 1.0, 1.0), 0.0 if good else 2.0, COVERAGE, NOW_S)
    sums = [int(inside[first : first + RECENT].sum()) for first in range(301)]
    assert (state.worst, state.inside) == (min(sums), int(inside.sum()))
    assert state.last == "".join("01"[int(good)] for good in inside[-RECENT:])


def shares(memory_off: float, learner_off: float, count: int = 200) -> list[float]:
    """Share of the learner after each result, both being off by so many usual errors."""
    state, found = AdaptiveState(), [NOTHING_SEEN.share]
    for residual in normal(3, count).tolist():
        said = Said(residual + memory_off, residual + learner_off, 0.0, 1.0, 1.0)
        state = state.told(said, residual, COVERAGE, NOW_S)
        found.append(Seen.of(state, [state], NOW_S).share)
    return found


def test_the_share_of_the_learner_follows_what_it_is_worth_here() -> None:
    better, worse = shares(0.5, 0.2), shares(0.2, 0.5)
    assert better[0] == worse[0] > 0.5, "it was better elsewhere"
    assert better == sorted(better)
    assert worse == sorted(worse, reverse=True)
    assert better[-1] > 0.99
    assert worse[-1] < 0.05
    assert worse[30] < 0.5


def test_one_lucky_result_does_not_decide() -> None:
    """A loss counts as three usual errors at most, and old results are forgotten."""
    state = AdaptiveState().told(Said(1e6, 0.0, 0.0, 1.0, 1.0), 0.0, COVERAGE, NOW_S)
    assert state.advantage == pytest.approx(9.0)
    for _ in range(300):
        state = state.told(Said(0.0, 0.4, 0.0, 1.0, 1.0), 0.0, COVERAGE, NOW_S)
    assert state.advantage < 0.0


def test_a_learner_that_did_not_answer_is_not_judged() -> None:
    state = AdaptiveState().told(Said(5.0, None, 5.0, 1.0, 1.0), 0.0, COVERAGE, NOW_S)
    assert state.advantage == 0.0


def test_what_surprises_one_mold_widens_the_others() -> None:
    calm, upset = AdaptiveState(), run(np.full(10, 1e3))
    alone, together = Seen.of(calm, [calm], NOW_S), Seen.of(calm, [calm, upset], NOW_S)
    assert together.factor > 1.2 * alone.factor
    settled = run(normal(5, 300), state=upset)
    assert abs(np.log(Seen.of(calm, [calm, settled], NOW_S).factor)) < np.log(together.factor)


@settings(max_examples=30)
@given(
    outside=st.lists(st.booleans(), max_size=150),
    many=st.integers(1, 3),
)
def test_whatever_comes_the_numbers_stay_finite(outside: list[bool], many: int) -> None:
    state = AdaptiveState()
    for is_outside in outside * many:
        half = Seen.of(state, [state], NOW_S).factor
        state = state.told(
            Said(0.0, 1.0, 0.0, half, 1.0), 1e9 if is_outside else 0.0, COVERAGE, NOW_S
        )
    seen = Seen.of(state, [state] * 100, NOW_S)
    assert 0.0 < seen.factor < 100.0
    assert 0.0 <= seen.share <= 1.0
    assert len(state.last) <= RECENT


def test_a_state_is_a_document() -> None:
    state = run(normal(2, 150))
    assert AdaptiveState.of(state.document()) == state
    with pytest.raises(TypeError):
        AdaptiveState.of(state.document() | {"colour": 1})


@pytest.mark.parametrize(
    "document",
    [
        {"log_factor": "x"},
        {"log_factor": 3.41},
        {"log_factor": -3.4},
        {"surprise": float("nan")},
        {"surprise": -1e6},
        {"advantage": 1e9},
        {"count": 5, "inside": 6, "last": "11111"},
        {"count": "5"},
        {"count": 10**12},
        {"last": 5},
        {"last": "1", "count": 2},
        {"worst": "x"},
        {"of_tomorrow": 1},
    ],
)
def test_a_document_that_no_results_lead_to_is_refused(document: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        AdaptiveState.of(document)


def test_every_state_that_results_lead_to_comes_back() -> None:
    state = AdaptiveState()
    for number, residual in enumerate((normal(5, 400) * 3.0).tolist()):
        half = Seen.of(state, [state], NOW_S).factor
        state = state.told(Said(0.0, 0.3, 0.0, half, 1.0), residual, COVERAGE, NOW_S + number)
        assert AdaptiveState.of(state.document()) == state


def test_a_mold_that_is_not_poured_any_more_does_not_decide_for_its_site() -> None:
    """However bad the learner was there; and its surprise does not widen the others for ever."""
    retired = AdaptiveState()
    for _ in range(50):
        retired = retired.told(Said(0.0, 3.0, 3.0, 0.1, 1.0), 0.0, COVERAGE, NOW_S)
    lives = AdaptiveState()
    for number in range(60):
        at_s = NOW_S + 3600.0 * number
        lives = lives.told(Said(1.0, 0.0, 0.5, 2.0, 1.0), 0.0, COVERAGE, at_s)
    assert Seen.of(lives, [lives, retired], NOW_S + 60 * 3600.0).share > 0.5
    later = Seen.of(AdaptiveState(), [retired], NOW_S + 60 * 86_400.0)
    assert later.factor < 1.01


def test_results_that_only_repeat_what_was_foretold_do_not_make_it_blind() -> None:
    state = AdaptiveState()
    for _ in range(400):
        state = state.told(Said(0.0, None, 0.0, 1.0, 1.0), 0.0, COVERAGE, NOW_S)
    assert Seen.of(state, [state], NOW_S).factor >= 0.4
