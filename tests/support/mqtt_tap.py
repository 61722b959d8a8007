"""A proxy before a broker that reads the packets of its clients: wills, flags, subscriptions.

A subscriber sees neither a will before somebody dies nor how a client subscribes or says goodbye;
these packets do.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from tests.support.link_proxy import LinkProxy

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14
SESSION_EXPIRY = 0x11


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a client.

    Attributes:
        kind: as MQTT numbers them: `CONNECT`, `PUBLISH`, `SUBSCRIBE`, `DISCONNECT`.
        connection: counts the connections of the tap, from 1.
        at_s: when it came, by the monotonic clock.
        version: of MQTT on this connection: 4 is 3.1.1, 5 is 5.
        client: id of the client.
        topic: of a publish or, in a connect, of the will; "" without one.
        payload: of the publish or the will.
        qos: of the publish or the will.
        retain: of the publish or the will.
        clean: of a connect: clean start.
        expiry_s: of a connect: the session expiry interval, None where it does not say one.
        filters: of a subscribe: each filter and its QoS.
        reason: of a disconnect, 0 where it does not say one.
    """

    kind: int
    connection: int
    at_s: float
    version: int
    client: str
    topic: str = ""
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    clean: bool = False
    expiry_s: int | None = None
    filters: dict[str, int] = field(default_factory=dict)
    reason: int = 0


class MqttTap(LinkProxy):
    """A ``LinkProxy`` that keeps the packets of clients in ``packets``, in order."""

    def __init__(self, port: int, round_trip_s: float = 0.0) -> None:
        super().__init__(port, round_trip_s)
        self.packets: list[Packet] = []
        self.ended_s: dict[int, float] = {}
        """When a connection was over, by the monotonic clock."""
        self._streams = 0

    def of(self, kind: int, client: str | None = None) -> list[Packet]:
        """Packets of a kind, of all clients or of one whose id holds a text."""
        return [
            one
            for one in self.packets
            if one.kind == kind and (client is None or client in one.client)
        ]

    def spans_of(self, will: str) -> list[tuple[float, float]]:
        """Begin and end of the connections whose will has a topic with a text in it [s]."""
        now = time.monotonic()
        return [
            (one.at_s, self.ended_s.get(one.connection, now))
            for one in self.of(CONNECT)
            if will in one.topic
        ]

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, both: Any
    ) -> None:
        tapped = _Tapped(reader, self)
        try:
            await super()._forward(tapped, writer, both)  # type: ignore[arg-type]
        finally:
            if tapped.connection:
                self.ended_s[tapped.connection] = time.monotonic()

    def next_stream(self) -> int:
        """Number of a new connection of a client."""
        self._streams += 1
        return self._streams


class _Tapped:
    """A reader that hands on what it reads, and takes the packets of a client out of it."""

    def __init__(self, reader: asyncio.StreamReader, tap: MqttTap) -> None:
        self._reader, self._tap = reader, tap
        self._left = bytearray()
        self._is_client: bool | None = None
        self.connection = self._version = 0
        self._client = ""

    async def read(self, limit: int) -> bytes:
        """Read as the reader does."""
        data = await self._reader.read(limit)
        if self._is_client is None and data:
            self._is_client = data[0] >> 4 == CONNECT  # a broker begins with CONNACK
            if self._is_client:
                self.connection = self._tap.next_stream()
        if self._is_client:
            self._left += data
            while (packet := self._cut()) is not None:
                self._take(*packet)
        return data

    def _cut(self) -> tuple[int, bytes] | None:
        """First byte and body of the next packet that is whole."""
        length = shift = 0
        for place in range(1, 5):
            if place >= len(self._left):
                return None
            byte = self._left[place]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                end = place + 1 + length
                if len(self._left) < end:
                    return None
                first, body = self._left[0], bytes(self._left[place + 1 : end])
                del self._left[:end]
                return first, body
        raise AssertionError("no MQTT: a length of more than four bytes")

    def _take(self, first: int, body: bytes) -> None:
        kind, read = first >> 4, _Body(body)
        found: dict[str, Any] = {}
        if kind == CONNECT:
            found = self._connect(read)
        elif kind == PUBLISH:
            found = {"topic": read.text(), "qos": first >> 1 & 3, "retain": bool(first & 1)}
            if found["qos"]:
                read.number(2)
            if self._version == 5:
                read.properties()
            found["payload"] = read.rest()
        elif kind == SUBSCRIBE:
            read.number(2)
            if self._version == 5:
                read.properties()
            filters = {}
            while read.more:
                name = read.text()
                filters[name] = read.number(1) & 3
            found = {"filters": filters}
        elif kind == DISCONNECT:
            found = {"reason": read.number(1) if read.more else 0}
        else:
            return
        self._tap.packets.append(
            Packet(
                kind=kind,
                connection=self.connection,
                at_s=time.monotonic(),
                version=self._version,
                client=self._client,
                **found,
            )
        )

    def _connect(self, read: _Body) -> dict[str, Any]:
        read.text()
        self._version, flags = read.number(1), read.number(1)
        read.number(2)
        found: dict[str, Any] = {"clean": bool(flags & 2)}
        if self._version == 5:
            found["expiry_s"] = read.properties().get(SESSION_EXPIRY)
        self._client = read.text()
        if flags & 4:
            if self._version == 5:
                read.properties()
            found |= {"topic": read.text(), "payload": read.bytes()}
            found |= {"qos": flags >> 3 & 3, "retain": bool(flags & 0x20)}
        return found


class _Body:
    """Body of a packet, read from its beginning."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "big")

    def bytes(self) -> bytes:
        size = self.number(2)
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self) -> str:
        return self.bytes().decode()

    def rest(self) -> bytes:
        return self._data[self._at :]

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.number(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return number

    def properties(self) -> dict[int, int]:
        """Properties of MQTT 5 as numbers; only the session expiry is of use here."""
        size = self.varint()
        part = self._data[self._at : self._at + size]
        self._at += size
        found, read = {}, _Body(part)
        while read.more:
            name = read.number(1)
            if name == 0x26:  # a user property
                read.bytes()
                read.bytes()
            elif name in {0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F}:
                read.bytes()
            elif name == 0x0B:
                read.varint()
            else:
                size_of = 1 if name in {0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A} else 4
                size_of = 2 if name in {0x13, 0x21, 0x22, 0x23} else size_of
                found[name] = read.number(size_of)
        return found
