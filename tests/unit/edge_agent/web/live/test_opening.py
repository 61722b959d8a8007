"""When a mold may be opened, and in which phase it is."""

from __future__ import annotations

from datetime import timedelta

from broker.messages import Correction, Interval, WindowInterval
from edge_agent.web.live.opening import opening_of
from tests.support.live_states import timed
from tests.support.predictions import POURED, prediction


def after(seconds: float) -> object:
    return POURED + timedelta(seconds=seconds)


def corrected(value: float, **more: Interval) -> Correction:
    return Correction(
        model="pour/1",
        known_at="pour",
        in_domain=True,
        values={"t_demold_min_s": value},
        intervals=dict(more),
    )


def test_the_phase_follows_the_time() -> None:
    opening = opening_of(timed())
    assert opening is not None
    at = {
        s: opening.phase(POURED + timedelta(seconds=s)) for s in (0, 99.9, 100, 149, 150, 900, 901)
    }
    assert list(at.values()) == ["curing", "curing", "open", "open", "best", "best", "overdue"]


def test_on_hold_and_for_a_cup_there_is_none() -> None:
    assert opening_of(timed(status="hold")) is None
    assert opening_of(prediction(window="none")) is None


def test_the_corrected_opening_counts_like_for_the_alert() -> None:
    interval = Interval(low=110.0, high=140.0, coverage=0.9)
    opening = opening_of(timed(correction=corrected(120.0, t_demold_min_s=interval)))
    assert opening is not None
    assert (opening.min_at, opening.low_at, opening.high_at) == (after(120), after(110), after(140))
    assert (opening.coverage, opening.physics_min_at) == (0.9, after(100))


def test_a_correction_beyond_the_window_keeps_the_order_of_times() -> None:
    opening = opening_of(timed(correction=corrected(1000.0)))
    assert opening is not None
    assert opening.min_at == opening.opt_at == opening.max_at == after(1000)


def test_the_range_of_assumed_numbers_may_have_no_end() -> None:
    numbers = WindowInterval(
        t_demold_min_low_s=80.0, swell_low_mm=0.0, swell_high_mm=1.0, varied_count=3
    )
    opening = opening_of(timed(demold_interval=numbers))
    assert opening is not None
    assert (opening.low_at, opening.high_at, opening.coverage) == (after(80), None, None)
