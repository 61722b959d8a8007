"""paho's client, quicker where it works for every message that arrives.

paho makes tables of MQTT 5's properties anew for each packet, asks the system for a byte at a time,
and needs three objects and two locks a message; that was half of the agent's work (measured in
``tests/benchmarks/test_receive.py``). Here a packet becomes an ``Incoming`` at once, one read takes
many packets, and one write acknowledges many. Whatever is not a PUBLISH stays paho's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from paho.mqtt.client import MQTT_ERR_SUCCESS, PUBACK, Client, MQTTv5
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

READ_BYTES = 65_536
_PUBACK = struct.Struct("!BBH")
_TABLES = vars(Properties(PacketTypes.PUBLISH))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that is not acknowledged yet."""

    topic: str
    payload: bytes
    content_type: str | None
    mid: int
    qos: int


class _PublishProperties(Properties):
    """Properties of a received PUBLISH, with the tables of one that was made before."""

    def __init__(self) -> None:
        self.__dict__.update(_TABLES)

    def clear(self) -> None:
        """Nothing to forget: each is used once."""


class QuickPaho(Client):
    """A client that was made by paho becomes this one by its ``__class__``."""

    on_incoming: Callable[[Incoming], None]
    """Takes every message."""
    _read, _taken = b"", 0

    def acknowledge(self, mids: Iterable[int]) -> None:
        """PUBACK for each id, in one write."""
        packets = b"".join(_PUBACK.pack(PUBACK, 2, mid) for mid in mids)
        if packets:
            self._packet_queue(PUBACK, packets, 0, 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """As paho's, until what was read is used up: the event loop tells only of the socket."""
        while True:
            code = super().loop_read(max_packets)
            if code != MQTT_ERR_SUCCESS or self._taken == len(self._read):
                return code

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._taken == len(self._read):
            self._read, self._taken = super()._sock_recv(READ_BYTES), 0
        taken = self._read[self._taken : self._taken + bufsize]
        self._taken += len(taken)
        return taken

    def _handle_publish(self) -> MQTTErrorCode:
        qos = self._in_packet["command"] >> 1 & 3
        if qos > 1:  # nobody sends it: we subscribe with QoS 1
            return super()._handle_publish()
        self.on_incoming(_parse(bytes(self._in_packet["packet"]), qos, self._protocol == MQTTv5))
        return MQTT_ERR_SUCCESS


def _parse(packet: bytes, qos: int, version_5: bool) -> Incoming:
    """What follows the fixed header of a PUBLISH (MQTT 5.0, section 3.3)."""
    end = 2 + int.from_bytes(packet[:2], "big")
    topic = packet[2:end].decode("utf-8", errors="replace")
    mid = 0
    if qos:
        mid = int.from_bytes(packet[end : end + 2], "big")
        end += 2
    if end > len(packet):
        raise MalformedPacket(f"PUBLISH of {len(packet)} bytes, at least {end} expected")
    content_type = None
    if version_5:
        if packet[end : end + 1] == b"\0":  # the usual case: no property at all
            end += 1
        else:
            properties = _PublishProperties()
            end += properties.unpack(packet[end:])[1]  # type: ignore[no-untyped-call]
            content_type = getattr(properties, "ContentType", None)
    return Incoming(topic, packet[end:], content_type, mid, qos)
