"""PUBLISH packets, read as MQTT 5.0 section 3.3 and MQTT 3.1.1 section 3.3 lay them out.

paho reads them, too, but makes tables of properties anew for each, and refuses U+FEFF in a text,
which the standard allows. What the standard forbids is refused here with the reason: it becomes a
dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTENT_TYPE, SUBSCRIPTION_IDENTIFIER, USER_PROPERTY = 3, 11, 38
PAYLOAD_FORMAT, TOPIC_ALIAS = 1, 35
_BYTES = {PAYLOAD_FORMAT: 1, 2: 4, TOPIC_ALIAS: 2}
"""Length of the properties that are numbers; 2 is the expiry."""
RESPONSE_TOPIC = 8
_TEXTS = {CONTENT_TYPE: 1, RESPONSE_TOPIC: 1, USER_PROPERTY: 2}
"""How many texts a property is."""
_KEPT = {CONTENT_TYPE: "content_type", RESPONSE_TOPIC: "response_topic"}
"""Texts that are kept, by their name in the message."""
CORRELATION_DATA = 9
_MANY_TIMES = {SUBSCRIPTION_IDENTIFIER, USER_PROPERTY}
_SHOWN = 100
"""Bytes of a topic that a reason quotes."""


class UnreadablePacket(ValueError):
    """The bytes are no PUBLISH of this version of MQTT."""


@dataclass(slots=True)  # frozen would cost a third of reading it
class Incoming:
    """A message that is not acknowledged yet, or a packet that is none."""

    topic: str
    payload: bytes
    content_type: str | None
    mid: int
    """Packet identifier; 0 with QoS 0."""
    qos: int
    unreadable: str | None = None
    """Why the packet cannot be read: then ``payload`` is all of it, and ``topic`` is empty."""
    retained: bool = False
    """The broker kept it for whoever subscribes: nobody sends it now."""
    repeated: bool = False
    """The broker sent it before, and did not hear that it was safe (DUP)."""
    response_topic: str | None = None
    """Where the sender wants its answer (MQTT 5)."""
    correlation: bytes | None = None
    """Goes back with the answer as it came (MQTT 5)."""
    subscriptions: tuple[int, ...] = ()
    """Numbers of the subscriptions for which it came, of those that have one (MQTT 5)."""
    arrived_s: float = 0.0
    """When it came in, by the monotonic clock [s]."""


def read_publish(packet: bytes, qos: int, version_5: bool) -> Incoming:
    """Read what follows the fixed header of a PUBLISH.

    Raises:
        UnreadablePacket: what is wrong with it; nothing else is raised, whatever the bytes are.
    """
    end = 2 + int.from_bytes(packet[:2], "big")
    try:
        topic = packet[2:end].decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadablePacket(f"the topic {packet[2:end][:_SHOWN]!r} is not UTF-8") from None
    mid = 0
    if qos:
        mid = int.from_bytes(packet[end : end + 2], "big")
        end += 2
    if end > len(packet):
        raise UnreadablePacket(f"{len(packet)} bytes, at least {end} expected")
    if qos and not mid:
        raise UnreadablePacket("the packet id is 0")
    message = Incoming(topic, b"", None, mid, qos)
    if version_5:
        if packet[end : end + 1] == b"\0":  # the usual case: no property at all
            end += 1
        else:
            end = _read_properties(packet, end, message)
    if not topic or "\0" in topic or "+" in topic or "#" in topic:
        raise UnreadablePacket(_why_no_topic(topic))
    message.payload = packet[end:]
    return message


def remaining_length(read: bytes, at: int) -> tuple[int | None, int]:
    """Length in a fixed header, and where it ends; None where it is not whole, or no length.

    Args:
        read: what was read.
        at: where the length begins.
    """
    try:
        return _variable_integer(read, at, len(read))
    except UnreadablePacket:
        return None, at


def packet_id(packet: bytes) -> int:
    """The packet identifier of a PUBLISH with QoS 1 that cannot be read otherwise; 0: it has none.

    Args:
        packet: what follows the fixed header.
    """
    at = 2 + int.from_bytes(packet[:2], "big")
    return int.from_bytes(packet[at : at + 2], "big") if at + 2 <= len(packet) else 0


def _why_no_topic(topic: str) -> str:
    if not topic:
        return "an empty topic: topic aliases were not offered"
    return f"the topic {topic[:_SHOWN]!r} holds U+0000 or a wildcard"


def _read_properties(packet: bytes, at: int, message: Incoming) -> int:
    """Put into the message what is used of the properties; gives where the payload begins."""
    length, at = _variable_integer(packet, at, len(packet))
    end = at + length
    if end > len(packet):
        raise UnreadablePacket(f"properties of {length} bytes reach beyond the end of the packet")
    seen = set()
    while at < end:
        kind = packet[at]
        at += 1
        if kind in seen and kind not in _MANY_TIMES:
            raise UnreadablePacket(f"property {kind} is there twice")
        seen.add(kind)
        if kind in _TEXTS:
            for _ in range(_TEXTS[kind]):
                text, at = _text(packet, at, end, kind)
            if kind in _KEPT:
                setattr(message, _KEPT[kind], text)
        elif kind in _BYTES:
            at = _number(packet, at, kind)
        elif kind == CORRELATION_DATA:
            start = at + 2
            at = start + int.from_bytes(packet[at:start], "big")
            message.correlation = packet[start:at]
        elif kind == SUBSCRIPTION_IDENTIFIER:
            number, at = _variable_integer(packet, at, end)
            if not number:
                raise UnreadablePacket("property 11, a subscription identifier, is 0")
            message.subscriptions += (number,)
        else:
            raise UnreadablePacket(f"property {kind} does not belong to a PUBLISH")
        if at > end:
            raise UnreadablePacket(f"property {kind} reaches beyond the end of the properties")
    return end


def _variable_integer(packet: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for byte in packet[at : min(at + 4, end)]:
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
    raise UnreadablePacket("a length or number in the properties has no end")


def _text(packet: bytes, at: int, end: int, kind: int) -> tuple[str, int]:
    start = at + 2
    stop = start + int.from_bytes(packet[at:start], "big")
    if stop > end:
        raise UnreadablePacket(f"property {kind} reaches beyond the end of the properties")
    try:
        text = packet[start:stop].decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadablePacket(f"property {kind} is not UTF-8") from None
    if "\0" in text:
        raise UnreadablePacket(f"property {kind} holds U+0000")
    return text, stop


def _number(packet: bytes, at: int, kind: int) -> int:
    stop = at + _BYTES[kind]
    number = int.from_bytes(packet[at:stop], "big")
    if (kind == PAYLOAD_FORMAT and number > 1) or (kind == TOPIC_ALIAS and not number):
        raise UnreadablePacket(f"property {kind} is {number}, which it may not be")
    return stop
