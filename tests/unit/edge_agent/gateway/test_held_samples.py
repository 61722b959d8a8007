"""A clock that is set back: told, each shot once, no reading lost; repeats are no set-back."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.support.machine_stories import story
from tests.support.stations import (
    SHOTS,
    at,
    check_contract,
    events,
    run_until,
    sample,
    settings,
    translator,
)

OF = settings(shots=SHOTS, frames={"repeat_s": 0})


def _run(coming, *, restarts=frozenset()):
    """Hand over pairs of arrival and sample; return the station, its drafts, its trace."""
    station, drafts, lines = translator(OF), [], []
    for number, (when, one) in enumerate(coming):
        if number in restarts:
            station = translator(OF, json.loads(json.dumps(station.state())))
        drafts += run_until(station, at(when))
        drafts += station.take("plc", [one], at(when))
        lines += station.fetch_trace()
    drafts += run_until(station, at(coming[-1][0] + 5))
    check_contract(drafts)
    return drafts, [*lines, *station.fetch_trace()]


def _lively(rng, shots, step_s, after_shot):
    """A machine with a sensor that changes ten times a second; its clock goes back once."""
    real = story(rng, shots, cure_s=10)
    end_s = (real.samples[-1].ts - at(0)).total_seconds() + 3
    noise = [sample("p_cav", n / 10, 100 + n / 1e3) for n in range(int(end_s * 10))]
    samples = sorted([*real.samples, *noise], key=lambda one: one.ts)
    when_s = real.events[3 * after_shot - 1][2] + 1.2
    coming = []
    for one in samples:
        when = (one.ts - at(0)).total_seconds()
        moved_s = step_s if when >= when_s else 0.0
        late = type(one)(one.tag, one.ts - timedelta(seconds=moved_s), one.value)
        coming.append((when + 0.05, late))
    expected = [
        (event, shot, round(ts - (step_s if ts >= when_s else 0.0), 6))
        for event, shot, ts in real.events
    ]
    return coming, expected, len(noise)


def _events(drafts):
    return [
        (one.document["event"], one.document["shot_id"], round((one.ts - at(0)).total_seconds(), 6))
        for one in drafts
        if one.kind == "shot"
    ]


@given(seed=st.integers(0, 2**32), step_s=st.sampled_from([1.5, 3.0, 8.0, 9.9, 30.0, 3600.0]))
@hypothesis(max_examples=8, deadline=None)
def test_each_shot_once_and_no_reading_lost(seed, step_s):
    rng = random.Random(seed)
    coming, expected, readings = _lively(rng, 3, step_s, 1)

    drafts, lines = _run(coming, restarts=frozenset(rng.sample(range(len(coming)), 5)))

    assert _events(drafts) == expected
    assert [line.reason for line in lines if line.kind == "note"] == ["clock-set-back"]
    found = [one for one in drafts if "p_cavity_bar" in one.document.get("sensors", {})]
    assert len(found) == readings


def test_a_machine_that_says_little():
    """Its next sample is beyond the time that was before the set-back."""
    coming = [(n, sample("t_mold", n, 40.0 + n)) for n in (0, 5, 10)]
    coming += [(n, sample("t_mold", n - 8, 40.0 + n)) for n in (15, 20, 25)]

    drafts, lines = _run(coming)

    assert [one.ts for one in drafts] == [at(n) for n in (0, 5, 10, 7, 12, 17)]
    assert [line.words for line in lines] == [
        "the clock of plc was set back by 8 s, to 2026-05-04T08:00:12Z"
    ]


@pytest.mark.parametrize("next_s", [0.2, 5.0])
def test_repeats_are_no_set_back(next_s):
    once = [(n / 10, sample("t_mold", n / 10, 40.0 + n / 10)) for n in range(100)]
    repeats = [(9.9, one) for _, one in once[-50:]]
    more = [(9.9 + next_s, sample("t_mold", 9.9 + next_s, 70.0))]

    drafts, lines = _run([*once, *repeats[:30], *more])

    assert len(drafts) == 101
    assert not lines
    assert not events(drafts)


def test_what_is_held_is_used_when_the_link_is_lost():
    station = translator(OF)
    station.take("plc", [sample("t_mold", 100, 40.0)], at(100))
    station.tick(at(100.1))
    back = [sample("t_mold", 92, 41.0), sample("p_cav", 92, 100.0)]

    assert station.take("plc", back, at(100.2)) == []
    drafts = station.lost("plc", at(101))

    read = [one.document["sensors"] for one in drafts if "sensors" in one.document]
    assert read == [{"p_cavity_bar": 1.0}]


def test_a_clock_far_ahead_is_told_once():
    _, lines = _run([(n, sample("t_mold", n + 86_400, 40.0 + n)) for n in range(5)])

    assert [line.reason for line in lines] == ["clock-ahead"]
    assert "the clock of plc is 24 h ahead of this machine's" in lines[0].words
