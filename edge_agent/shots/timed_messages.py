"""Messages of a press with the moments at which they are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.messages import PressEvent, QualityRecord, ShotEvent, TelemetryFrame
from broker.topics import PressAddress, TopicSpace


@dataclass(frozen=True)
class TimedMessage:
    """A message of a press and when it is due."""

    ts: datetime
    message: TelemetryFrame | ShotEvent | QualityRecord | PressEvent


def topic_of(topics: TopicSpace, press: PressAddress, message: object) -> str:
    """Topic to which a press sends a message of this kind."""
    if isinstance(message, TelemetryFrame):
        return topics.telemetry(press)
    if isinstance(message, PressEvent):
        return topics.event(press)
    return topics.shot(press) if isinstance(message, ShotEvent) else topics.quality(press)
