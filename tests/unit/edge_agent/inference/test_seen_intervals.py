"""How intervals of a mold have held: kept, handed over, and never counted back."""

from __future__ import annotations

from typing import Any

from broker.topics import PressAddress
from edge_agent.inference.seen_intervals import INTERVALS_SCOPE, SeenIntervals, State, kept_of
from twin_core.learning.adaptive_interval import Said

MOLD = ("s/p1", "M")
SAID = Said(memory=0.0123456789, learner=None, value=0.01, half=0.02, error=0.01)


def after(intervals: SeenIntervals, residuals: list[float]) -> State:
    state = State()
    for residual in residuals:
        intervals.told(MOLD, {"p_max": residual}, {"p_max": kept_of(SAID, 0.9)}, 1e9, state)
    return state


def test_results_outside_widen_and_a_restart_goes_on() -> None:
    intervals = SeenIntervals()
    state = after(intervals, [0.5, 0.5, 0.01])
    wide = intervals.seen(MOLD, 1e9)["p_max"].factor
    assert wide > 1.0
    record = intervals.records(MOLD)["p_max"]
    assert (record.results_count, record.inside_fraction) == (3, 1 / 3)
    assert record.worst_fraction is None
    kept: dict[str, Any] = {key: value for (_, key), value in state.items()}
    again = SeenIntervals(kept | {"s/p2/N": {"p_max": {"of_tomorrow": 1}}})
    assert again.seen(MOLD, 1e9)["p_max"].factor == wide
    assert list(again.of_press(PressAddress("s", "p2"))) == [("s/p2", "N")]
    assert again.records(("s/p2", "N")) == {}


def test_a_worst_stretch_is_of_a_hundred_results() -> None:
    intervals = SeenIntervals()
    after(intervals, [0.01] * 90 + [0.5] * 10 + [0.01] * 50)
    worst = intervals.records(MOLD)["p_max"].worst_fraction
    assert worst is not None
    assert worst < 1.0


def test_of_two_states_the_one_that_saw_more_counts() -> None:
    few, many = SeenIntervals(), SeenIntervals()
    after(few, [0.01])
    after(many, [0.5] * 5)
    taken = State()
    few.take(MOLD, many.document(MOLD), taken)
    assert few.document(MOLD) == many.document(MOLD)
    assert list(taken) == [(INTERVALS_SCOPE, "s/p1/M")]
    one = SeenIntervals()
    after(one, [0.01])
    few.take(MOLD, one.document(MOLD), untouched := State())
    assert not untouched
    few.forget(PressAddress("s", "p1"))
    assert few.document(MOLD) == {}


def test_what_is_kept_is_short() -> None:
    assert kept_of(SAID, 0.9) == (0.0123457, None, 0.01, 0.02, 0.01, 0.9)


def test_states_that_no_results_lead_to_are_not_taken() -> None:
    """What a stranger retains, or a damaged disk holds, neither stops nor poisons a mold."""
    intervals = SeenIntervals({"s/p1/M": {"p_max": {"count": 10**9, "log_factor": 3.4}}})
    assert intervals.records(MOLD) == {}
    after(intervals, [0.01])
    before = intervals.document(MOLD)
    for odd in ({"count": "5"}, {"surprise": float("nan")}, {"log_factor": "x", "count": 9}):
        intervals.take(MOLD, {"p_max": odd}, untouched := State())
        assert not untouched
        assert intervals.document(MOLD) == before
