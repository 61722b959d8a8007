"""What a broker sends becomes the same messages, wherever the network cuts it."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import paho.mqtt.client as paho
import pytest

from edge_agent.links.paho_batches import QuickPaho
from edge_agent.links.publish_packet import Incoming

PINGRESP = b"\xd0\x00"


def publish(number: int, size: int, qos: int = 1, retain: bool = False) -> bytes:
    """A PUBLISH of MQTT 5 whose payload begins with its number."""
    topic = b"\x00\x03a/b"
    mid = struct.pack("!H", number) if qos else b""
    body = topic + mid + b"\x00" + f"{number} ".encode().ljust(size, b"x")
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return bytes([0x30 | qos << 1 | retain]) + length + body


@pytest.fixture
def wire() -> Iterator[tuple[QuickPaho, socket.socket, list[Incoming]]]:
    """A client with a connection, the other end of it, and what has come in."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.__class__ = QuickPaho
    assert isinstance(client, QuickPaho)
    found: list[Incoming] = []
    client.on_incoming = found.append
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client._sock = ours
    with closing(theirs):
        yield client, theirs, found
        client.drop()


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_anywhere_changes_nothing(
    wire: tuple[QuickPaho, socket.socket, list[Incoming]], seed: int
) -> None:
    client, theirs, found = wire
    chance = random.Random(seed)
    packets = []
    for number in range(1, 60):
        size = chance.choice([5, 100, 121, 122, 123, 300, 20_000])
        packets.append(publish(number, size, chance.choice([0, 1]), chance.random() < 0.2))
        packets.append(PINGRESP if chance.random() < 0.2 else b"")
    stream = b"".join(packets)
    while stream:
        cut = chance.choice([1, 2, 3, 50, 500, 30_000])
        theirs.sendall(stream[:cut])
        stream = stream[cut:]
        assert client.loop_read() == paho.MQTT_ERR_SUCCESS
    while client._taken < len(client._read) or client._in_packet["command"]:
        client.loop_read()
    expected = [packet for packet in packets if packet and packet != PINGRESP]
    assert [int(message.payload.split()[0]) for message in found] == list(range(1, 60))
    assert [len(message.payload) for message in found] == [
        len(packet[packet.index(b"a/b") :]) - (6 if packet[0] & 2 else 4) for packet in expected
    ]
    assert [message.retained for message in found] == [bool(p[0] & 1) for p in expected]
    assert client.trouble is None


def test_the_end_of_a_connection_is_found(
    wire: tuple[QuickPaho, socket.socket, list[Incoming]],
) -> None:
    client, theirs, found = wire
    theirs.sendall(publish(1, 100) + publish(2, 100)[:50])
    assert client.loop_read() == paho.MQTT_ERR_SUCCESS
    theirs.shutdown(socket.SHUT_WR)
    assert client.loop_read() == paho.MQTT_ERR_CONN_LOST
    assert len(found) == 1


def test_what_cannot_be_acknowledged_ends_it_with_the_reason(
    wire: tuple[QuickPaho, socket.socket, list[Incoming]],
) -> None:
    client, theirs, found = wire
    broken = publish(2, 10, qos=1).replace(b"\x00\x02\x00", b"\x00\x00\x00", 1)
    theirs.sendall(publish(1, 100) + broken + publish(3, 100))
    assert client.loop_read() == paho.MQTT_ERR_PROTOCOL
    assert client.trouble is not None
    assert "packet id is 0" in client.trouble
    assert [message.mid for message in found] == [1]
