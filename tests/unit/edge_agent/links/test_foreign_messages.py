"""Messages of any shape become samples, or faults that say why; never a traceback."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.gateway_sources import MqttSource
from edge_agent.links.foreign_messages import PAYLOAD_MAX, MessageReader
from edge_agent.links.foreign_topics import found_tags
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tag_source import Sample

NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
TAGS: dict[str, Any] = {
    "t": {"topic": "line/+/temps", "path": "zones[1].value", "where": {"$topic[1]": 2}},
    "which": {"topic": "line/+/temps", "path": "$topic[1]"},
    "valve": {"topic": "line/2/io", "path": "on", "where": {"kind": "valve", "nr": 3}},
    "plain": {"topic": "line/2/plain"},
}


def source(**more: Any) -> MqttSource:
    return MqttSource(kind="mqtt", tags=TAGS, **more)


def read(
    topic: str, payload: object, retained: bool = False, backlog: bool = False, **more: Any
) -> list[Sample]:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = Incoming(topic, content, None, 1, 1, retained=retained)
    return list(MessageReader(source(**more)).read(message, NOW, backlog=backlog))


def values(topic: str, payload: object) -> dict[str, Any]:
    return {one.tag: one.fault or one.value for one in read(topic, payload)}


def test_places_segments_and_conditions() -> None:
    zones = {"zones": [{"value": 1.0}, {"value": 45.5}]}
    assert values("line/2/temps", zones) == {"t": 45.5, "which": "2"}
    assert values("line/3/temps", zones) == {"which": "3"}
    assert values("line/2/io", {"kind": "valve", "nr": 3, "on": True}) == {"valve": True}
    assert values("line/2/io", {"kind": "valve", "nr": 4, "on": True}) == {}
    assert values("line/2/io", {"on": True}) == {}
    assert values("line/2/io", {"kind": "valve", "nr": True, "on": 1}) == {}
    assert values("line/2/other", zones) == {}


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"23.5", 23.5),
        (b"7", 7),
        (b"true", True),
        (b'"M-01"', "M-01"),
        (b"M-01", "M-01"),
        (b"23,5", "23,5"),
        (b"\xef\xbb\xbf23.5", 23.5),
    ],
)
def test_a_payload_that_is_the_value(payload: bytes, value: object) -> None:
    found = values("line/2/plain", payload)
    assert found == {"plain": value}
    assert type(found["plain"]) is type(value)


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    ("topic", "payload", "fault"),
    [
        ("temps", b"{", "the message is no JSON: Expecting property name"),
        ("temps", b"\xff\xfe", "is no UTF-8"),
        ("temps", DEEP, "the message is no JSON"),
        ("temps", b'{"zones": [1, {"value": NaN}]}', "NaN is no number of JSON"),
        ("temps", b'{"zones": [1, {"value": 1e999}]}', "a number beyond 64 bits"),
        ("temps", b'{"zones": [1, {"value": 1' + b"0" * 30 + b"}]}", "a number beyond 64 bits"),
        ("temps", b'{"zones": [1, {"value": 1' + b"0" * 5000 + b"}]}", "no JSON"),
        ("temps", {"zones": [{}]}, "zones has 1 entries, no [1]"),
        ("temps", {"zones": [{}, {"value": None}]}, "null, where a number or text should be"),
        ("temps", {"zones": [{}, {"value": [1] * 1000}]}, "an array, where a number or text"),
        ("temps", {"zones": [{}, {"value": "a\nb"}]}, "a text with line breaks"),
        ("temps", b" " * (PAYLOAD_MAX + 1), f"more than {PAYLOAD_MAX}"),
        ("plain", {"a": 1}, "an object, where a number or text should be"),
        ("plain", b"", "the message is empty"),
        ("plain", b"\x00\x01", "a text with line breaks"),
        ("io", b"no json", "the message is no JSON"),
    ],
)
def test_what_is_no_value_is_a_fault(topic: str, payload: object, fault: str) -> None:
    found = values(f"line/2/{topic}", payload)
    tag = {"temps": "t", "plain": "plain", "io": "valve"}[topic]
    assert fault in found[tag]
    if topic == "temps":
        assert found["which"] == "2", "what needs no JSON goes on"


def test_times() -> None:
    zones = {"zones": [0, {"value": 1.0}], "at": 1_772_344_800_500}
    (one, _) = read("line/2/temps", zones, time_path="at")
    assert (one.ts.microsecond, one.of_arrival, one.historical) == (500_000, False, False)
    (one, _) = read("line/2/temps", zones)
    assert (one.ts, one.of_arrival) == (NOW, True)
    found = read("line/2/temps", {**zones, "at": "now"}, time_path="at")
    assert all("time_path: 'now'" in one.fault and one.of_arrival for one in found)
    assert [one.ts for one in found] == [NOW, NOW]


def test_what_the_broker_kept_is_marked() -> None:
    zones = {"zones": [0, {"value": 1.0}], "at": 1_772_344_800}
    (timed, _) = read("line/2/temps", zones, retained=True, time_path="at")
    assert (timed.historical, timed.unknown_age) == (True, False)
    (untimed, _) = read("line/2/temps", zones, retained=True)
    assert (untimed.historical, untimed.unknown_age) == (True, True)
    (queued, _) = read("line/2/temps", zones, backlog=True)
    assert (queued.historical, queued.unknown_age) == (True, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda one: (
        st.lists(one, max_size=3)
        | st.dictionaries(st.sampled_from(["zones", "value", "on", "kind", "at", "x"]), one)
    ),
    max_leaves=12,
)


@settings(max_examples=50)
@given(st.sampled_from(["line/2/temps", "line/2/io", "line/2/plain"]), JSON | st.binary())
def test_any_message_is_samples_or_faults(topic: str, payload: object) -> None:
    for one in read(topic, payload, time_path="at"):
        assert one.fault or isinstance(one.value, bool | int | str | float)
        assert not isinstance(one.value, float) or isfinite(one.value)
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    seen: set[str] = set()
    assert len(list(found_tags(topic, content, seen))) == len(seen)


def test_tags_are_found_in_what_comes() -> None:
    seen: set[str] = set()
    payload = json.dumps({"zones": [{"value": 45.5}], "Mold No.": "M-1", "list": [0] * 99}).encode()
    found = list(found_tags("line/2", payload, seen))
    assert [(one.address, one.data_type, one.value) for one in found[:2]] == [
        ("line/2 zones[0].value", "number", "45.5"),
        ('line/2 ["Mold No."]', "text", "M-1"),
    ]
    assert len(found) == 12
    assert list(found_tags("line/2", payload, seen)) == []
