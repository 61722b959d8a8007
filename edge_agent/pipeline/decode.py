"""decode: payload -> message, or a dead letter with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.codec import decode as decode_payload
from broker.dead_letter_reasons import CLOCK_SKEW, INTERNAL_ERROR, NOT_INBOUND, UNREADABLE
from broker.errors import PayloadError
from broker.messages import (
    DeadLetter,
    Message,
    Order,
    PressEvent,
    QualityRecord,
    ShotEvent,
    TelemetryFrame,
)
from broker.topics import INBOUND_CHANNELS, PressAddress, TopicSpace
from edge_agent.links.publish_packet import Incoming

FromPress = TelemetryFrame | ShotEvent | QualityRecord | PressEvent | Order


@dataclass(frozen=True)
class Decoded:
    """A message and the press it came from."""

    press: PressAddress
    message: FromPress


def decode(
    incoming: Incoming,
    topics: TopicSpace,
    fallback: PressAddress,
    now: datetime,
    future_skew_max_s: float,
) -> Decoded | DeadLetter:
    """Read a message. Never raises: what is wrong becomes a dead letter.

    Args:
        fallback: the press a dead letter is filed under when the topic names none.
        now: the agent's time, against which the future is refused.
    """
    press = fallback
    try:
        if incoming.unreadable is not None:
            packet = replace(incoming, topic=topics.everything(press))  # it has none
            return _dead(packet, press, now, UNREADABLE, incoming.unreadable)
        address = topics.parse(incoming.topic)
        press = address.press
        if address.channel not in INBOUND_CHANNELS:
            return _dead(incoming, press, now, NOT_INBOUND, "only the twin publishes here")
        message: Message = decode_payload(address.channel, incoming.payload, incoming.content_type)
    except PayloadError as error:
        return _dead(incoming, press, now, error.code, error.detail)
    except Exception as error:  # one message must not stop the others, nor come back for ever
        return _dead(incoming, press, now, INTERNAL_ERROR, f"please report it: {error!r}")
    assert isinstance(message, FromPress)
    ahead = message.ts - now
    if ahead > timedelta(seconds=future_skew_max_s):
        words = (
            f"ts: {message.ts.isoformat()} is {ahead.total_seconds():.0f} s ahead of the agent, "
            f"at most {future_skew_max_s:.0f} s are accepted: set the sender's clock"
        )
        return _dead(incoming, press, now, CLOCK_SKEW, words)
    return Decoded(press, message)


def _dead(
    incoming: Incoming, press: PressAddress, now: datetime, reason: str, detail: str
) -> DeadLetter:
    return DeadLetter.of(
        incoming.payload,
        reason=reason,
        detail=detail,
        press=press,
        topic=incoming.topic,
        ts=now,
    )
