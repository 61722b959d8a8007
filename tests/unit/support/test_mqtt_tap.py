"""A tap reads packets however they are cut into pieces."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.mqtt_tap import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, MqttTap, _Tapped

# MQTT 5: clean start, will at QoS 1, keep alive 60, session expiry 0, client "c", will w/t = 01 02
CONNECT_5 = bytes.fromhex(
    "10 22 0004 4d515454 05 0e 003c 05 11 00000000 0001 63 05 18 00000000 0003 772f74 0002 0102"
)
PUBLISH_0 = bytes.fromhex("30 08 0003 612f62 00 ffff")
PUBLISH_1 = bytes.fromhex("33 0d 0003 612f62 0007 03 23 0001 41 42")  # retained, a topic alias
SUBSCRIBE_2 = bytes.fromhex("82 0f 0009 00 0003 612f2b 01 0003 622f23 00")
BYE = bytes.fromhex("e0 01 04")
ALL = CONNECT_5 + PUBLISH_0 + PUBLISH_1 + SUBSCRIBE_2 + bytes.fromhex("c0 00") + BYE


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_packets_are_read(size: int) -> None:
    reader, tap = asyncio.StreamReader(), MqttTap(0)
    reader.feed_data(ALL)
    reader.feed_eof()
    tapped = _Tapped(reader, tap)
    passed = b""
    while piece := await tapped.read(size):
        passed += piece
    assert passed == ALL
    connect, publish, retained, subscribe, bye = tap.packets
    assert (connect.kind, connect.client, connect.clean, connect.expiry_s) == (
        CONNECT,
        "c",
        True,
        0,
    )
    assert (connect.topic, connect.payload, connect.qos) == ("w/t", b"\x01\x02", 1)
    assert (publish.kind, publish.topic, publish.payload, publish.qos) == (
        PUBLISH,
        "a/b",
        b"\xff\xff",
        0,
    )
    assert (retained.retain, retained.qos, retained.payload) == (True, 1, b"AB")
    assert (subscribe.kind, subscribe.filters) == (SUBSCRIBE, {"a/+": 1, "b/#": 0})
    assert (bye.kind, bye.reason, bye.client) == (DISCONNECT, 4, "c")
    assert tap.of(PUBLISH, "c") == [publish, retained]


async def test_what_a_broker_sends_is_not_read() -> None:
    reader, tap = asyncio.StreamReader(), MqttTap(0)
    reader.feed_data(bytes.fromhex("20 03 00 00 00") + PUBLISH_0)
    reader.feed_eof()
    await _Tapped(reader, tap).read(1000)
    assert tap.packets == []
