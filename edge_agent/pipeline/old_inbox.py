"""The inbox of a spool that an older program made: messages that it acknowledged and left there."""

from __future__ import annotations

from collections.abc import AsyncIterator

from edge_agent.links.publish_packet import Incoming
from edge_agent.spool.thread import SpoolThread

PAGE = 256
UNREADABLE = "/#"
"""End of the topic under which packets were kept that cannot be read."""


async def pages(spool: SpoolThread) -> AsyncIterator[list[Incoming]]:
    """Messages of the inbox, oldest first, a page at a time; ``mid`` is the row of each.

    Raises:
        StoreError: the spool cannot be read.
    """
    after = 0
    while rows := await spool.inbox(after, PAGE):
        yield [_incoming(*row) for row in rows]
        after = rows[-1][0]


def _incoming(row: int, topic: str, payload: bytes, content_type: str | None) -> Incoming:
    if topic.endswith(UNREADABLE):  # its content type is the reason
        return Incoming("", payload, None, row, 0, content_type or "unreadable")
    return Incoming(topic, payload, content_type, row, 0)
