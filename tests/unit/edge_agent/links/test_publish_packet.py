"""Reading PUBLISH packets: as paho packs them, and no other error whatever the bytes are."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.links.publish_packet import UnreadablePacket, packet_id, read_publish
from tests.support.played_broker import text

BOM = "\ufeff"
words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.just(BOM), max_size=12
)
topics = words.filter(lambda topic: topic and not {"+", "#"} & set(topic))
PROPERTIES = {
    "PayloadFormatIndicator": st.integers(0, 1),
    "MessageExpiryInterval": st.integers(0, 2**32 - 1),
    "ContentType": words,
    "ResponseTopic": words,
    "CorrelationData": st.binary(max_size=12),
    "SubscriptionIdentifier": st.lists(st.integers(1, 268_435_455), min_size=1, max_size=3),
    "TopicAlias": st.integers(1, 65_535),
    "UserProperty": st.lists(st.tuples(words, words), min_size=1, max_size=12),
}
"""Every property that a PUBLISH may have."""


def packed(given: dict[str, Any]) -> bytes:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in given.items():
        setattr(properties, name, value)
    return bytes(properties.pack())  # type: ignore[no-untyped-call]


def body(topic: str | bytes, mid: int | None, properties: bytes, payload: bytes) -> bytes:
    ident = b"" if mid is None else mid.to_bytes(2, "big")
    return text(topic) + ident + properties + payload


@settings(deadline=None)
@given(topics, st.integers(1, 65_535), st.fixed_dictionaries({}, optional=PROPERTIES), st.binary())
@example("t", 1, {"ContentType": BOM, "UserProperty": [(BOM, f"a{BOM}")]}, b"x")
def test_legal_packets_are_read(topic: str, mid: int, given: dict[str, Any], load: bytes) -> None:
    """U+FEFF in any text changes nothing."""
    message = read_publish(body(topic, mid, packed(given), load), 1, True)
    assert (message.topic, message.mid, message.payload) == (topic, mid, load)
    assert message.content_type == given.get("ContentType")
    assert message.subscriptions == tuple(given.get("SubscriptionIdentifier", ()))
    assert message.unreadable is None


@settings(deadline=None)
@given(topics, st.booleans(), st.binary())
def test_legal_packets_of_the_older_version_are_read(topic: str, sure: bool, load: bytes) -> None:
    message = read_publish(body(topic, 7 if sure else None, b"", load), int(sure), False)
    assert (message.topic, message.mid, message.payload) == (topic, 7 * sure, load)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 1), st.booleans())
def test_any_bytes_are_a_message_or_an_unreadable_packet(
    packet: bytes, qos: int, version_5: bool
) -> None:
    with suppress(UnreadablePacket):
        assert read_publish(packet, qos, version_5).topic
    assert 0 <= packet_id(packet) <= 65_535


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional=PROPERTIES), st.data())
def test_damaged_packets_are_read_as_paho_reads_them_or_not_at_all(
    given: dict[str, Any], data: st.DataObject
) -> None:
    packet = bytearray(body("t", 1, packed(given), b"load"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(packet) - 1))
        packet[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not packet:
            return
    try:
        message = read_publish(bytes(packet), 1, True)
    except UnreadablePacket:
        return
    at = 4 + len(message.topic.encode())
    theirs = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    try:
        _, length = theirs.unpack(bytes(packet[at:]))  # type: ignore[no-untyped-call]
    except MalformedPacket:  # U+FEFF
        assert BOM.encode() in packet
        return
    assert message.content_type == getattr(theirs, "ContentType", None)
    assert message.payload == packet[at + length :]


def prop(kind: int, value: bytes) -> bytes:
    return bytes([1 + len(value), kind]) + value


UNREADABLE = {
    "empty topic": (body("", 1, b"\0", b"x"), "empty topic"),
    "topic alias instead of a topic": (body("", 1, prop(35, b"\0\1"), b"x"), "empty topic"),
    "bad topic": (body(b"\xff", 1, b"\0", b"x"), "is not UTF-8"),
    "surrogate in the topic": (body(b"\xed\xa0\x80", 1, b"\0", b"x"), "is not UTF-8"),
    "U+0000 in the topic": (body("a\0b", 1, b"\0", b"x"), "U\\+0000 or a wildcard"),
    "wildcard": (body("pur/v1/s/p1/#", 1, b"\0", b"x"), "U\\+0000 or a wildcard"),
    "short": (b"\0\1t\0", "4 bytes, at least 5"),
    "nothing": (b"", "0 bytes, at least 4"),
    "no properties": (b"\0\1t\0\1", "has no end"),
    "packet id 0": (body("t", 0, b"\0", b"x"), "packet id is 0"),
    "length of five bytes": (body("t", 1, b"\xff\xff\xff\xff\x01", b"x"), "has no end"),
    "length beyond the end": (body("t", 1, b"\x7f", b"x"), "beyond the end of the packet"),
    "unknown property": (body("t", 1, prop(99, b"x"), b""), "99 does not belong"),
    "property of another packet": (body("t", 1, prop(17, bytes(4)), b""), "17 does not belong"),
    "twice": (body("t", 1, b"\x06\x03\0\0\x03\0\0", b""), "3 is there twice"),
    "bad content type": (body("t", 1, prop(3, b"\0\1\xff"), b""), "3 is not UTF-8"),
    "U+0000 in the content type": (body("t", 1, prop(3, b"\0\1\0"), b""), "3 holds U"),
    "bad user property": (body("t", 1, prop(38, b"\0\1k\0\1\xff"), b""), "38 is not UTF-8"),
    "text too long": (body("t", 1, prop(3, b"\0\5ab"), b"abcdef"), "3 reaches beyond"),
    "number too short": (body("t", 1, prop(2, b"\0"), b"abcdef"), "2 reaches beyond"),
    "data too long": (body("t", 1, prop(9, b"\0\5ab"), b"abcdef"), "9 reaches beyond"),
    "endless identifier": (body("t", 1, prop(11, b"\xff"), b"abcdef"), "has no end"),
    "identifier 0": (body("t", 1, prop(11, b"\0"), b""), "is 0"),
    "payload format 2": (body("t", 1, prop(1, b"\2"), b""), "1 is 2"),
    "topic alias 0": (body("t", 1, prop(35, b"\0\0"), b""), "35 is 0"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_reason_names_the_fault(name: str) -> None:
    packet, reason = UNREADABLE[name]
    with pytest.raises(UnreadablePacket, match=reason):
        read_publish(packet, 1, True)
