"""Whatever a source delivers: each reading once, and nothing that the contract does not take."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from edge_agent.links.tag_source import Sample
from tests.support.stations import (
    SHOTS,
    TAGS,
    at,
    check_contract,
    run_until,
    sample,
    settings,
    translator,
)

READ = {"T_mold_C": "t_mold", "p_cavity_bar": "p_cav", "count": "count"}
QUIET = settings({"sensors": {"T_mold_C": "plc.t_mold", "p_cavity_bar": "plc.p_cav"}, "status": {}},
                 frames={"repeat_s": 0})  # fmt: skip
WILD = settings(shots=SHOTS | {"lot_polyol": {"tag": "plc.lot"}, "id": {"tag": "plc.lot"}})

wild_values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["x" * 300, "\ud800", "a\x00", "", 3276.7, 1e38, 2.4e-41, 0, 1, True, "AUTO"])
)
wild_times = st.datetimes(
    datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)
) | st.integers(0, 200).map(lambda n: at(n / 10))
wild_samples = st.builds(
    Sample,
    st.sampled_from([*TAGS, "nobody"]),
    wild_times,
    wild_values,
    st.sampled_from(["", "BadSensorFailure", "\ud800\x00", "y" * 500]),
    of_arrival=st.booleans(),
    historical=st.booleans(),
    unknown_age=st.booleans(),
)


def _read(drafts):
    return sorted(
        (draft.ts, name, value)
        for draft in drafts
        for part in ("sensors", "metrics")
        for name, value in draft.document.get(part, {}).items()
    )


@given(seed=st.integers(0, 2**32))
@hypothesis(max_examples=40, deadline=None)
def test_each_reading_once_over_kills_and_batches_of_any_size(seed):
    """Of the last batch before a kill the source does not know whether it was safe."""
    rng = random.Random(seed)
    samples = [
        sample(tag, round(n / 10 + rng.uniform(0, 0.08), 3), float(rng.randrange(20, 60)))
        for n in range(rng.randrange(1, 60))
        for tag in rng.sample(sorted(READ.values()), rng.randrange(4))
    ]
    samples.sort(key=lambda one: one.ts)
    expected = list(samples)
    station, drafts, now = translator(QUIET), [], at(0)
    while samples:
        batch = samples[: rng.randrange(1, 20)]
        del samples[: len(batch)]
        now = max(now, batch[-1].ts)
        for _ in range(rng.choice([1, 1, 2])):
            drafts += run_until(station, now)
            drafts += station.take("plc", batch, now)
            if rng.random() < 0.3:
                station = translator(QUIET, json.loads(json.dumps(station.state())))
    drafts += run_until(station, now + timedelta(seconds=1))
    names = {tag: name for name, tag in READ.items()}
    assert sorted((name, value) for _, name, value in _read(drafts)) == sorted(
        (names[one.tag], one.value) for one in expected
    )
    assert not any(draft.historical for draft in drafts)


@given(batches=st.lists(st.lists(wild_samples, max_size=6), max_size=12))
@hypothesis(max_examples=60, deadline=None)
def test_wild_samples_never_make_what_the_contract_does_not_take(batches):
    _take_wild(batches)


@pytest.mark.peers
@given(batches=st.lists(st.lists(wild_samples, max_size=12), max_size=30))
@hypothesis(max_examples=400, deadline=None)
def test_many_wild_samples(batches):
    _take_wild(batches)


def _take_wild(batches):
    station, drafts = translator(WILD), []
    for number, batch in enumerate(batches):
        now = at(number * 7)
        drafts += station.take("plc", batch, now)
        if number % 3 == 2:
            drafts += station.lost("plc", now)
            station = translator(WILD, json.loads(json.dumps(station.state())))
        drafts += station.tick(at(number * 7 + 3))
    check_contract(drafts)
    for line in station.trace.lines:
        json.dumps(line.document())


@pytest.mark.parametrize("year", [1970, 1990, 2150])
def test_a_clock_that_was_never_set_is_told(year):
    station = translator(QUIET)
    wrong = Sample("t_mold", datetime(year, 1, 1, tzinfo=UTC), 40.0)

    drafts = station.take("plc", [wrong, sample("p_cav", 1, 2.0)], at(1)) + station.tick(at(2))

    left_out = [draft.document.get("left_out") for draft in drafts]
    assert f"its time is of the year {year}" in str(left_out)
    check_contract(drafts)
