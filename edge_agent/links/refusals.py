"""Refused publishes: what the broker's answer to a publish means, and what to do about it."""

from __future__ import annotations

from paho.mqtt.properties import Properties

from edge_agent.errors import LinkError, NotAuthorized, PublishDeferred, PublishRefused

TOO_LARGE = "raise the broker's limit (Mosquitto: max_packet_size, message_size_limit)"
NEVER_ACCEPTED = {
    0x90: "the broker's rules for topics must let it pass; see topic_prefix",
    0x95: TOO_LARGE,
    0x99: "set broker.payload_format to what the broker lets pass",
    0x9A: "let the broker retain messages",
    0x9B: "let the broker take QoS 1",
}
"""Reason codes of a publish that trying again cannot change, and what to do about each."""
NO_SUBSCRIBERS = 0x10
"""The reason code of a publish that nobody subscribes to: it is lost, and that is a success."""
NOT_AUTHORIZED = 0x87
"""The reason code of a publish that the access rules forbid."""
CODE_NAMES = {
    0x80: "Unspecified error",
    0x83: "Implementation specific error",
    NOT_AUTHORIZED: "Not authorized",
    0x89: "Server busy",
    0x90: "Topic name invalid",
    0x91: "Packet identifier in use",
    0x95: "Packet too large",
    0x97: "Quota exceeded",
    0x99: "Payload format invalid",
    0x9A: "Retain not supported",
    0x9B: "QoS not supported",
}
"""Words of MQTT 5 for reason codes of a publish."""
PACKET_OVERHEAD = 9
"""Bytes of a PUBLISH beside topic, properties and payload, at most."""


def refusal(topic: str, code: int) -> LinkError:
    """Error of a publish that the broker answered with a reason code of 0x80 or more."""
    words = f"{topic}: the broker refused a publish: {CODE_NAMES.get(code, f'code 0x{code:02x}')}"
    if code == NOT_AUTHORIZED:
        return NotAuthorized(words)
    never = NEVER_ACCEPTED.get(code)
    return PublishRefused(words, hint=never) if never else PublishDeferred(words)


def packet_bytes(topic: str, payload: bytes, properties: Properties | None, limit: int) -> int:
    """Length of a PUBLISH; of a payload that is far below the limit its own will do."""
    if len(payload) < limit // 2 or properties is None:
        return len(payload)
    packed: bytes = properties.pack()  # type: ignore[no-untyped-call]
    return PACKET_OVERHEAD + len(topic.encode()) + len(packed) + len(payload)
