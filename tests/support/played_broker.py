"""A broker played on a raw socket: it speaks MQTT 5, and whatever else a test has it send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.local_server import LocalServer

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 0xB0, 0xC0, 0xD0, 0xE0
QOS_1 = 0x02


def packet(command: int, body: bytes) -> bytes:
    """A packet with its fixed header."""
    length, left = b"", len(body)
    while True:
        left, digit = divmod(left, 128)[0], left % 128 | (0x80 if left >= 128 else 0)
        length += bytes([digit])
        if not left:
            return bytes([command]) + length + body


def text(words: str | bytes) -> bytes:
    """A text or binary data with its length in front."""
    raw = words.encode() if isinstance(words, str) else words
    return len(raw).to_bytes(2, "big") + raw


def publish(topic: str | bytes, mid: int, properties: bytes, payload: bytes) -> bytes:
    """A PUBLISH with QoS 1 and the given properties, fewer than 128 bytes."""
    body = text(topic) + mid.to_bytes(2, "big") + bytes([len(properties)]) + properties + payload
    return packet(PUBLISH | QOS_1, body)


class PlayedBroker(LocalServer):
    """Listens on 127.0.0.1. ``answers`` replaces the answer to a command, all times.

    It passes on only the statuses of an agent, so that the agent hears its own; a session is a
    connection that subscribes to anything else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        """Packet ids of the PUBACKs that came."""
        self.published: list[bytes] = []
        """Bodies of the PUBLISHes that came."""
        self.connections_count = self.sessions_count = 0
        self.subscribed = asyncio.Event()
        self.answers: dict[int, Callable[[bytes], bytes]] = {}
        self._open: set[asyncio.StreamWriter] = set()
        """Sessions."""
        self._hears: dict[asyncio.StreamWriter, set[bytes]] = {}
        """Topics by connection."""

    async def _close(self) -> None:
        self.hang_up()

    def send(self, data: bytes) -> None:
        """Send to every session."""
        for writer in self._open:
            writer.write(data)

    def hang_up(self) -> None:
        """Close all connections."""
        for writer in list(self._hears):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                command, body = await _read(reader)
                answer = self.answers.get(command & 0xF0)
                if command == DISCONNECT:
                    break
                writer.write(answer(body) if answer else self._answer(command, body, writer))
                if command == SUBSCRIBE:
                    self._subscribe(writer, _topics(body, 1))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            self._hears.pop(writer, None)
            writer.close()

    def _subscribe(self, writer: asyncio.StreamWriter, topics: list[bytes]) -> None:
        self._hears.setdefault(writer, set()).update(topics)
        if not all(topic.endswith(b"/status") for topic in topics):
            self.sessions_count += writer not in self._open
            self._open.add(writer)
            self.subscribed.set()

    def _pass_on(self, topic: bytes, rest: bytes) -> None:
        """A message for those who subscribed to its topic, with QoS 0."""
        for writer, topics in self._hears.items():
            if topic in topics:
                writer.write(packet(PUBLISH, text(topic) + rest))

    def _answer(self, command: int, body: bytes, writer: asyncio.StreamWriter) -> bytes:
        match command & 0xF0:
            case 0x10:
                self.connections_count += 1
                return packet(CONNACK, b"\0\0\0")
            case 0x80:
                return packet(SUBACK, body[:2] + b"\0" + b"\1" * len(_topics(body, 1)))
            case 0xA0:
                return packet(UNSUBACK, body[:2] + b"\0" + b"\0" * len(_topics(body, 0)))
            case 0x30:
                self.published.append(body)
                at = 2 + int.from_bytes(body[:2], "big")
                mid = body[at : at + 2] if command & QOS_1 else b""
                if body[2:at].endswith(b"/status"):
                    self._pass_on(body[2:at], body[at + len(mid) :])
                return packet(PUBACK, mid) if mid else b""
            case 0x40:
                self.acknowledged.append(int.from_bytes(body[:2], "big"))
            case 0xC0:
                return packet(PINGRESP, b"")
        return b""


def _topics(body: bytes, option_bytes: int) -> list[bytes]:
    """Topics of a SUBSCRIBE or UNSUBSCRIBE, each followed by so many bytes of options."""
    topics, at = [], 3 + body[2]
    while at < len(body):
        length = int.from_bytes(body[at : at + 2], "big")
        topics.append(body[at + 2 : at + 2 + length])
        at += 2 + length + option_bytes
    return topics


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    command = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return command, await reader.readexactly(length)
