"""The number of a node's connect (`bdSeq`): on disk, and in a group also retained for the others.

A will of the agent before that comes late must not end the session of the one that follows: so the
number goes on from agent to agent.
"""

from __future__ import annotations

import json

from broker.sparkplug.node_session import BD_SEQ_COUNT, next_bd_seq
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError
from edge_agent.links.mqtt import connect
from edge_agent.logs import get_logger
from edge_agent.pipeline.edge_node import NODE_SCOPE, EdgeNode
from edge_agent.presses.session_ids import SessionIds
from edge_agent.spool.changes import Changes
from edge_agent.spool.thread import SpoolThread


async def take_number(
    node: EdgeNode, settings: Settings, ids: SessionIds, spool: SpoolThread, clock: Clock
) -> int:
    """The number of the next connect, kept before it is used.

    Raises:
        LinkError: in a group, the broker of the group cannot be reached.
    """
    if settings.share.group is None:
        number = next_bd_seq(node.bd_seq)
    else:
        number = await _next_of_group(node, settings, ids)
    node.bd_seq = number
    state = {(NODE_SCOPE, str(node.press)): {"bd_seq": number}}
    try:
        await spool.commit(Changes(state=dict(state)), clock.now())
    except StoreError as error:  # the disk refuses: hosts go by the number of this session
        get_logger().warning("spool_write_failed", stage="publish", error=str(error))
    return number


async def _next_of_group(node: EdgeNode, settings: Settings, ids: SessionIds) -> int:
    topic = settings.topics.connect_number(node.press)
    async with connect(settings.broker, ids.node_reader(node.press)) as session:
        await session.subscribe([topic])
        await session.unsubscribe([topic])  # what is retained has come by then
        kept = session.here(16)
        session.acknowledge(kept)
        numbers = [_number_in(message.payload) for message in kept if message.topic == topic]
        before = numbers[0] if numbers and numbers[0] is not None else node.bd_seq
        number = next_bd_seq(before)
        await session.publish(topic, json.dumps({"bd_seq": number}).encode(), retain=True)
    return number


def _number_in(payload: bytes) -> int | None:
    """The number in a retained message; None where somebody else has written there."""
    try:
        number = json.loads(payload)["bd_seq"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return number if type(number) is int and 0 <= number < BD_SEQ_COUNT else None
