"""Whatever happens to single samples on their way, each real shot is told once, with its times."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

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
from tests.support.stations import (
    SHOTS,
    at,
    check_contract,
    run_until,
    sample,
    settings,
    translator,
)

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
@given(seed=seeds, period_s=st.sampled_from([0.1, 0.15]))
@hypothesis(max_examples=4, deadline=None)
def test_single_samples_that_are_lost(of, seed, period_s):
    rng = random.Random(seed)
    real = story(rng, 1, cure_s=8)
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


@pytest.mark.peers
@BOTH
@given(seed=seeds, shots=st.integers(1, 6))
@hypothesis(max_examples=300, deadline=None)
def test_order_repeats_and_restarts_together_many_times(of, seed, shots):
    rng = random.Random(seed)
    real = story(rng, shots)
    coming = list(arrivals(real.samples, rng, SETTLE_S))
    restarts = frozenset(rng.sample(range(len(coming)), min(5, len(coming))))
    with_repeats = []
    for number, (when, one) in enumerate(coming):
        if number in restarts and number:
            with_repeats += [(when, old) for _, old in coming[max(0, number - 8) : number]]
        with_repeats.append((when, one))

    assert events_of(told(of, with_repeats, restarts)) == real.events


@BOTH
@given(seed=seeds, shots=st.integers(1, 5))
@hypothesis(max_examples=EXAMPLES, deadline=None)
def test_a_backlog_in_batches_of_any_size_is_the_same_shots(of, seed, shots):
    """Minutes of the machine's time come within milliseconds, in their order."""
    rng = random.Random(seed)
    real = story(rng, shots)
    away = sorted(
        [*real.samples, *(sample("p_kg", n / 2 + 0.01, 0.1 + n / 1e4) for n in range(2, 600))],
        key=lambda one: one.ts,
    )
    backlog = [replace(one, historical=True) for one in away]
    station, drafts, now = translator(of), [], at(7200)
    while backlog:
        batch = backlog[: rng.choice([1, 7, 50, 5000])]
        del backlog[: len(batch)]
        drafts += station.take("plc", batch, now)
        if rng.random() < 0.3:
            station = translator(of, json.loads(json.dumps(station.state())))
        now += timedelta(milliseconds=rng.randrange(5))
    drafts += run_until(station, now + timedelta(seconds=5))

    assert events_of(drafts) == real.events
    assert all(draft.historical for draft in drafts)
    masses = {one.ts: one.value for one in away if one.tag == "p_kg"}
    for draft in drafts:
        if draft.document.get("event") == "poured":
            read = max(ts for ts in masses if ts <= draft.ts + timedelta(seconds=read_after(of)))
            assert draft.document["recipe"]["m_polyol_kg"] == round(masses[read], 9)


def read_after(of):
    return of.stations["press"].shots.read_after_s
