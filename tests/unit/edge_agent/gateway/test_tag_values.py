"""Values of a tag, looked up by time, whatever order they came in."""

from __future__ import annotations

import json
import random

from edge_agent.gateway.tag_values import Entry, TagValues


def _values(*entries):
    found = TagValues()
    for entry in entries:
        found.add(Entry(*entry))
    return found


def test_the_last_value_at_or_before_a_moment():
    values = _values((30, "c"), (10, "a"), (20, "b"))

    assert [values.at(ts).value for ts in (10, 19, 20, 99)] == ["a", "a", "b", "c"]
    assert values.at(9) is None


def test_of_two_at_one_moment_the_first_counts():
    values = _values((10, "a"))

    assert not values.add(Entry(10, "b"))
    assert values.at(10).value == "a"


def test_a_fault_stands_behind_a_value_and_the_value_once_more_ends_it():
    values = _values((10, "a"), (10, None, "bad"))
    assert values.at(10).fault == "bad"

    assert not values.add(Entry(10, "a"))
    assert values.at(10).value == "a"


def test_a_fault_with_a_later_time_of_our_clock_does_not_outlast_a_new_value():
    values = _values((10, "a"), (50, None, "lost"))

    values.add(Entry(20, "b"))

    assert values.last() == Entry(20, "b")


def test_a_known_value_of_a_backlog_does_not_end_a_fault():
    values = _values((10, "a"), (20, "b"), (50, None, "lost"))

    values.add(Entry(10, "a"))

    assert values.at(60).fault == "lost"


def test_pruning_keeps_what_still_holds():
    values = _values((10, "a"), (20, "b"), (30, "c"))

    values.prune(25)

    assert values.at(25).value == "b"
    assert len(values) == 2


def test_any_order_gives_the_same():
    entries = [(ts, ts) for ts in range(0, 50, 3)]
    for seed in range(20):
        mixed = random.Random(seed).sample(entries, len(entries))
        assert _values(*mixed).state() == _values(*entries).state()


def test_state_goes_through_json():
    values = _values((10, "a"), (20, None, "bad"), (30, 2.5))

    again = TagValues(json.loads(json.dumps(values.state())))

    assert [again.at(ts) for ts in (10, 20, 30)] == [values.at(ts) for ts in (10, 20, 30)]
