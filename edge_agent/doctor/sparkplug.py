"""Sparkplug: is there what it needs, and can its brokers be reached and heard?

Nothing is published and nobody is born: only subscriptions are tried, with a random client id. The
state of the primary host is what it retains.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.host_state import decode_state
from broker.sparkplug.topics import MessageKind, SparkplugTopic, state_topic
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.doctor.checkup import Finding
from edge_agent.errors import LinkError, MissingExtra
from edge_agent.links.mqtt import Session, connect

SUBJECT = "sparkplug"


def check_sparkplug(settings: Settings) -> Iterator[Finding]:
    """Look at what edge nodes stand on; nothing where Sparkplug is off."""
    if not settings.sparkplug.enabled:
        return
    try:
        installed = find_spec("google.protobuf") is not None
    except ModuleNotFoundError:
        installed = False
    if not installed:
        missing = MissingExtra("protobuf is not installed", "sparkplug")
        yield Finding(SUBJECT, "problem", str(missing), missing.hint)

    async def gather() -> list[Finding]:
        return [
            finding
            for broker in settings.sparkplug_brokers()
            async for finding in _at_broker(settings, broker)
        ]

    yield from asyncio.run(gather())


async def _at_broker(settings: Settings, broker: BrokerSettings) -> AsyncIterator[Finding]:
    where = f"{broker.host}:{broker.port}"
    try:
        async with connect(broker, f"pur-doctor-{secrets.token_hex(8)}", keep=False) as session:
            group = settings.sparkplug.group or settings.site
            for press in settings.presses:
                await session.subscribe([str(SparkplugTopic(MessageKind.NCMD, group, press))])
            names = ", ".join(settings.presses)
            yield Finding(SUBJECT, "ok", f"{where}: commands to {names} of group {group}")
            if settings.sparkplug.primary_host is not None:
                yield await _host(session, settings.sparkplug.primary_host, where)
    except LinkError as error:
        yield Finding(SUBJECT, "problem", f"{where}: {error}", error.hint)


async def _host(session: Session, host: str, where: str) -> Finding:
    topic = state_topic(host)
    await session.subscribe([topic])
    await session.unsubscribe([topic])  # what is retained has come by then
    said = [message.payload for message in session.here(16) if message.topic == topic]
    words = f"{where}: primary host {host}"
    hint = "nothing is sent before it is online: is this its host id, and its broker?"
    if not said:
        return Finding(SUBJECT, "warning", f"{words} has never been here", hint)
    try:
        online = decode_state(said[0]).online
    except SparkplugError as error:
        return Finding(SUBJECT, "problem", f"{words}: {error.detail}", hint)
    if not online:
        return Finding(SUBJECT, "warning", f"{words} is offline", "what is said waits for it")
    return Finding(SUBJECT, "ok", f"{words} is online")
