"""Places in foreign JSON: what is written is what is found, and what is not there is said."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.config.gateway_sources import MqttSource, MqttTag
from edge_agent.config.json_path import (
    JsonPlace,
    NotThere,
    TopicSegment,
    check_filter,
    parse_place,
    path_text,
)

STEPS = st.lists(st.one_of(st.integers(0, 999_999), st.text(max_size=8)), max_size=6)


@given(STEPS)
def test_every_place_can_be_written(steps: list[str | int]) -> None:
    assert parse_place(path_text(steps)) == JsonPlace(tuple(steps))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("a", ("a",)),
        ("zones[0].value", ("zones", 0, "value")),
        ("[2][3]", (2, 3)),
        ('a["Mold Temp. 1"].b-c', ("a", "Mold Temp. 1", "b-c")),
        ('["a\\"b\\\\"]', ('a"b\\',)),
        ("Größe.7", ("Größe", "7")),
    ],
)
def test_places(text: str, steps: tuple[Any, ...]) -> None:
    assert parse_place(text) == JsonPlace(steps)


def test_segments_of_a_topic() -> None:
    assert parse_place("$topic[1]") == TopicSegment(1)


@pytest.mark.parametrize(
    "text",
    [".a", "a.", "a..b", "a[", "a[]", "a[-1]", "a[1", "a b", "$topic", "$topic[1].a", "a[*]", "$.a",
     '["a]', "a'b'", "[0]a"],
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no place: write zones\[0\]\.value"):
        parse_place(text)
    with pytest.raises(ValidationError):
        MqttTag(topic="a/b", path=text)


@given(st.text(max_size=40))
def test_any_text_is_a_place_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_place(text)


DOCUMENT = {"zones": [{"value": 4.5}], "name": "x", "none": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zones[1].value", "zones has 1 entries, no [1]"),
        ("zones.value", "zones is an array, no object"),
        ("name[0]", "name is a text, no array"),
        ("none.x", "none is null, no object"),
        ("zones[0].Value", "zones[0] has no 'Value' (it has value)"),
        ("other", "the message has no 'other' (it has zones, name, none)"),
    ],
)
def test_what_is_not_there_is_said(text: str, words: str) -> None:
    place = parse_place(text)
    assert isinstance(place, JsonPlace)
    with pytest.raises(NotThere) as caught:
        place.find(DOCUMENT)
    assert str(caught.value) == words


NAMES = st.sampled_from(["a", "b"])
DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda one: st.lists(one, max_size=2) | st.dictionaries(NAMES, one),
    max_leaves=6,
)


@given(DOCUMENTS, st.lists(st.integers(0, 2) | NAMES, max_size=4))
def test_a_place_is_found_or_not(document: object, steps: list[str | int]) -> None:
    with suppress(NotThere):
        JsonPlace(tuple(steps)).find(document)


@pytest.mark.parametrize("text", ["a", "a/b", "+", "#", "a/+/b/#", "/", "a//b", "$SYS/#"])
def test_filters(text: str) -> None:
    assert check_filter(text) == text


@pytest.mark.parametrize("text", ["a+", "a/#/b", "a#", "a/b+/c", "a\0b", "$share/g/a"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        MqttTag(topic=text)


def test_a_segment_must_be_within_the_filter() -> None:
    with pytest.raises(ValidationError, match="has 2 levels, counted from 0"):
        MqttTag(topic="a/+", path="$topic[2]")
    assert MqttTag(topic="a/#", path="$topic[7]").path == "$topic[7]"
    with pytest.raises(ValidationError, match="is no place"):
        MqttTag(topic="a", where={"a b": 1})
    with pytest.raises(ValidationError, match="is no place"):
        MqttSource(kind="mqtt", time_path="a b", tags={"t": MqttTag(topic="a")})
