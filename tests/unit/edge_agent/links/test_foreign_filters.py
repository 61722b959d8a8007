"""Filters match as MQTT says, and no message comes for two subscriptions unknown to us."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.links.foreign_filters import (
    NUMBER_MAX,
    covers,
    matches,
    number_of,
    overlap,
    some_overlap,
    subscription_of,
    subscriptions,
)


@pytest.mark.parametrize(
    ("wide", "topic", "is_so"),
    [
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b", "a/c", False),
        ("a//b", "a//b", True),
    ],
)
def test_filters_match_as_mqtt_says(wide: str, topic: str, is_so: bool) -> None:
    assert matches(tuple(wide.split("/")), topic.split("/")) is is_so


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (["a/b", "a/+", "a/#"], ["a/#"]),
        (["a/b", "a/+"], ["a/+"]),
        (["a/+/c", "a/b/+"], ["a/+/c", "a/b/+"]),
        (["a/#", "a/b/#", "#"], ["#"]),
        (["+/b", "a/+"], ["+/b", "a/+"]),
        (["a/#", "+/b"], ["+/b", "a/#"]),
        (["#", "a"], ["#"]),
        (["a/#", "a"], ["a/#"]),
        (["a/+", "a/b/#"], ["a/+", "a/b/#"]),
    ],
)
def test_a_topic_that_another_filter_covers_is_not_subscribed(
    filters: list[str], left: list[str]
) -> None:
    assert subscriptions(filters) == left
    assert all(subscription_of(one, left) in left for one in filters)


LEVELS = st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=2)
FILTERS = st.tuples(LEVELS, st.booleans()).map(
    lambda one: "/".join([*one[0], "#"] if one[1] else one[0])
)
TOPICS = [one for size in (1, 2, 3, 4) for one in product(["a", "b", "c"], repeat=size)]


@settings(max_examples=60)
@given(FILTERS, FILTERS)
def test_covering_and_overlapping_are_what_topics_say(one: str, other: str) -> None:
    """Topics of one level more than a filter can have stand for all that are longer."""
    of_one = {topic for topic in TOPICS if matches(one.split("/"), topic)}
    of_other = {topic for topic in TOPICS if matches(other.split("/"), topic)}
    assert overlap(one, other) is bool(of_one & of_other)
    assert overlap(one, other) is overlap(other, one)
    assert covers(one, other) is (of_other < of_one)


@settings(max_examples=40)
@given(st.lists(FILTERS, min_size=1, max_size=4))
def test_every_topic_comes_by_its_subscription(filters: list[str]) -> None:
    left = subscriptions(filters)
    for topic in TOPICS:
        wanted = any(matches(one.split("/"), topic) for one in filters)
        hits = sum(matches(one.split("/"), topic) for one in left)
        assert wanted is bool(hits)
        assert hits < 2 or some_overlap(left)


def test_numbers_are_as_mqtt_wants_them() -> None:
    numbers = [number_of(f"a/{at}/+") for at in range(1000)]
    assert len(set(numbers)) == 1000
    assert all(0 < number <= NUMBER_MAX for number in numbers)
