"""Player of timed messages: sends them at their moments, as a press would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from broker.codec import encode
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import Clock
from edge_agent.links.mqtt import Session
from edge_agent.shots.timed_messages import TimedMessage, topic_of


async def play(
    messages: Iterable[TimedMessage],
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
