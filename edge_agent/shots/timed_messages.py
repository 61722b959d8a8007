"""Messages with their moments, and the player that sends them as a press would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from broker.codec import encode
from broker.messages import QualityRecord, ShotEvent, TelemetryFrame
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.links.mqtt import Session


@dataclass(frozen=True)
class Timed:
    """A message of a press and when it is due."""

    ts: datetime
    message: TelemetryFrame | ShotEvent | QualityRecord


def topic_of(topics: TopicSpace, press: PressAddress, message: object) -> str:
    """Where a press sends a message of this kind."""
    if isinstance(message, TelemetryFrame):
        return topics.telemetry(press)
    return topics.shot(press) if isinstance(message, ShotEvent) else topics.quality(press)


async def play(
    messages: Iterable[Timed],
    session: Session,
    topics: TopicSpace,
    press: PressAddress,
    clock: Clock,
) -> int:
    """Publish messages when their time has come by ``clock``; returns how many.

    Raises:
        LinkError: the link broke.
    """
    count = 0
    for item in messages:
        wait = (item.ts - clock.now()).total_seconds() / clock.speed
        if wait > 0:
            await asyncio.sleep(wait)
        await session.publish(topic_of(topics, press, item.message), encode(item.message))
        count += 1
    return count
