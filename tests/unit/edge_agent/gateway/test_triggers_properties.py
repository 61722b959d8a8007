"""Whatever happens to single samples on their way, each real shot is told once, with its times."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.support.machine_stories import (
    SETTLE_S,
    again,
    arrivals,
    as_bytes,
    events_of,
    sampled,
    story,
    told,
)
from tests.support.stations import SHOTS, at, check_contract, settings

PLAIN = settings(shots=SHOTS | {"settle_s": SETTLE_S})
HELD = settings(
    shots=SHOTS
    | {
        "settle_s": SETTLE_S,
        "started": {"tag": "plc.start", "when": "equals", "value": True, "for_s": 0.3},
        "poured": {
            "tag": "plc.pour",
            "when": "falls",
            "for_s": 1.5,
            "after": "started",
            "while": [{"tag": "plc.t_polyol", "when": "above", "value": 20}],
        },
        "demolded": {"tag": "plc.demold", "when": "rises", "after": "poured", "not_before_s": 1},
        "read_after_s": 0.1,
    }
)
BOTH = pytest.mark.parametrize("of", [PLAIN, HELD], ids=["plain", "held"])
seeds = st.integers(0, 2**32)
EXAMPLES = 15


@BOTH
@given(seed=seeds, shots=st.integers(0, 5))
@hypothesis(max_examples=EXAMPLES, deadline=None)
def test_any_order_of_arrival_within_settle_s(of, seed, shots):
    rng = random.Random(seed)
    real = story(rng, shots)

    drafts = told(of, arrivals(real.samples, rng, SETTLE_S))

    assert events_of(drafts) == real.events
    check_contract(drafts)


@BOTH
@given(seed=seeds, shots=st.integers(1, 4))
@hypothesis(max_examples=EXAMPLES, deadline=None)
def test_samples_that_come_again_after_a_restart(of, seed, shots):
    rng = random.Random(seed)
    real = story(rng, shots)
    coming = list(arrivals(real.samples, rng, 0.0))
    once = as_bytes(told(of, coming))
    at_number = rng.randrange(1, len(coming))
    when = coming[at_number - 1][0]
    known = [one for _, one in coming[:at_number]]
    repeated = again(known[-20:], rng, historical=rng.random() < 0.5)
    with_repeats = [*coming[:at_number], *((when, one) for one in repeated), *coming[at_number:]]

    drafts = told(of, with_repeats, frozenset({at_number}))

    assert as_bytes(drafts) == once


@BOTH
@given(seed=seeds, shots=st.integers(1, 2), period_s=st.sampled_from([0.05, 0.1]))
@hypothesis(max_examples=6, deadline=None)
def test_single_samples_that_are_lost(of, seed, shots, period_s):
    rng = random.Random(seed)
    real = story(rng, shots, cure_s=10)
    samples = sampled(real, period_s, rng, loss=0.2)

    found = events_of(told(of, arrivals(samples, rng, period_s)))

    assert [one[:2] for one in found] == [one[:2] for one in real.events]
    for (*_, seen_s), (*_, true_s) in zip(found, real.events, strict=True):
        assert 0 <= seen_s - true_s <= 2 * period_s + 1e-6


@BOTH
@given(seed=seeds, data=st.data())
@hypothesis(max_examples=EXAMPLES, deadline=None)
def test_a_restart_at_any_sample_changes_nothing(of, seed, data):
    rng = random.Random(seed)
    real = story(rng, 2)
    coming = arrivals(real.samples, rng, 2 * SETTLE_S)
    restarts = data.draw(st.sets(st.integers(0, len(coming) - 1), max_size=4))

    assert as_bytes(told(of, coming, frozenset(restarts))) == as_bytes(told(of, coming))


def test_restarts_at_every_sample():
    rng = random.Random(7)
    coming = arrivals(story(rng, 6).samples, rng, 1.0)

    drafts = told(HELD, coming, frozenset(range(len(coming))))

    assert as_bytes(drafts) == as_bytes(told(HELD, coming))


@given(seed=seeds, offset_s=st.integers(-90_000, 90_000))
@hypothesis(max_examples=10, deadline=None)
def test_a_clock_that_is_wrong_changes_no_event(seed, offset_s):
    rng = random.Random(seed)
    real = story(rng, 2)
    coming = [(when + offset_s, one) for when, one in arrivals(real.samples, rng, SETTLE_S)]

    drafts = told(HELD, coming)

    assert events_of(drafts) == real.events


@given(seed=seeds)
@hypothesis(max_examples=EXAMPLES, deadline=None)
def test_times_of_frames_never_run_backwards_unless_historical(seed):
    rng = random.Random(seed)
    coming = arrivals(story(rng, 3).samples, rng, 0.9)
    newest = at(-1)
    for draft in told(PLAIN, coming):
        if draft.kind == "telemetry" and not draft.historical:
            assert draft.ts >= newest
            newest = draft.ts
