"""The head of the audit log on MQTT, retained: a witness outside this machine.

A head that is there is never replaced by one of a log that does not contain it: that log was
exchanged for an older one, and the head is what shows it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from broker.codec import decode, encode
from broker.errors import PayloadError
from broker.messages import WebAudit
from broker.topics import PressAddress
from edge_agent.config.settings import Settings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.logs import get_logger
from edge_agent.web.access.audit import Head
from twin_core.errors import InputError

if TYPE_CHECKING:
    from edge_agent.web.access.control import Access

LOOK_S = 1.0
"""How often the log is looked at, so how often at most a head is published."""
RETRY_S = 5.0


def topic_of(settings: Settings) -> str:
    """Topic of the head of this server's log."""
    return settings.topics.web_audit(PressAddress(settings.site, settings.web.id))


async def publish_heads(settings: Settings, access: Access) -> None:
    """Keep the retained head in step with the log, until cancelled."""
    told = ""
    while True:
        try:
            async with connect(settings.broker, passing_id("web-audit")) as session:
                witness = await _retained(session, settings)
                if witness is not None and not await asyncio.to_thread(_contains, access, witness):
                    if told != "contradicted":
                        get_logger().error(
                            "web_audit_contradicted",
                            topic=topic_of(settings),
                            detail=f"published {witness.seq}:{witness.mac}",
                            hint="pur-mold-twin web audit verify --broker says more; the head on "
                            "the broker stays until the right file is back, or somebody removes it",
                        )
                    told = "contradicted"
                else:
                    await _follow(session, settings, access, witness)
        except LinkError as error:
            if told != str(error):
                get_logger().warning("web_audit_unpublished", error=str(error), hint=error.hint)
            told = str(error)
        await asyncio.sleep(RETRY_S)


async def _follow(session: Session, settings: Settings, access: Access, known: Head | None) -> None:
    while True:
        head = await asyncio.to_thread(access.audit.head)
        if head != known and head.seq:
            entry = access.audit.newest(1, before=head.seq + 1)[0]
            message = WebAudit(
                ts=datetime.fromisoformat(entry.ts),
                site=settings.site,
                web_id=settings.web.id,
                entries_count=head.seq,
                head_hmac=head.mac,
            )
            await session.publish(topic_of(settings), encode(message), retain=True)
            known = head
        await asyncio.sleep(LOOK_S)


def published_head(settings: Settings) -> Head:
    """The head that is retained on MQTT.

    Raises:
        LinkError: the broker cannot be reached.
        InputError: nothing is retained there.
    """

    async def read() -> Head | None:
        async with connect(settings.broker, passing_id("web-audit")) as session:
            return await _retained(session, settings)

    head = asyncio.run(read())
    if head is None:
        raise InputError(
            f"{topic_of(settings)}: no head is retained there",
            hint="a running server publishes it; web.id and site must be those of that server",
        )
    return head


async def _retained(session: Session, settings: Settings) -> Head | None:
    """The retained head; None where there is none that can be read."""
    topic = topic_of(settings)
    await session.subscribe([topic])
    await session.unsubscribe([topic])  # then all that was retained has come in
    batch = session.here(10)
    session.acknowledge(batch)
    for message in batch:
        try:
            found = decode(WebAudit, message.payload, message.content_type)
        except PayloadError:
            continue
        return Head(found.entries_count, found.head_hmac)
    return None


def _contains(access: Access, head: Head) -> bool:
    found = access.audit.newest(1, before=head.seq + 1)
    return bool(found) and (found[0].seq, found[0].mac) == (head.seq, head.mac)
