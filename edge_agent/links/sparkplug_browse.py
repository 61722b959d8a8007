"""Metrics of a Sparkplug edge node, for people who look for tags."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from time import monotonic

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.own_node import is_own
from broker.sparkplug.payload import Metric, Payload, decode
from broker.sparkplug.topics import NAMESPACE, MessageKind, parse_topic
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.errors import LinkError, NotAuthorized
from edge_agent.links.heard_edge_node import BD_SEQ, own_node_error
from edge_agent.links.mqtt import Session
from edge_agent.links.sparkplug_births import DOCUMENTATION, UNIT, text_of
from edge_agent.links.sparkplug_values import value_of
from edge_agent.links.tag_source import FoundTag

OTHERS = tuple(f"{NAMESPACE}/+/{kind}/+" for kind in (MessageKind.NBIRTH, MessageKind.NDATA))
"""By these it is heard which other edge nodes there are."""
NAMED_MAX = 20
FOUND_MAX = 5000
VALUE_SHOWN = 60
CONTROL = "Node Control/", "Device Control/"
SEPARATOR = "//"


async def browse_births(
    session: Session, settings: SparkplugSource, listen_s: float, quiet_s: float
) -> AsyncIterator[FoundTag]:
    """What stands in the births of an edge node and its devices.

    Args:
        session: one that has subscribed to them.
        settings: the edge node.
        listen_s: how long it is listened at most [s].
        quiet_s: without a birth for so long there are no more [s].

    Raises:
        LinkError: no birth of the edge node comes.
        SettingsError: it is one of the twin's own.
    """
    with suppress(NotAuthorized):
        await session.subscribe(OTHERS)
    births: dict[str | None, Payload] = {}
    others: set[str] = set()
    end = monotonic() + listen_s
    while (left_s := end - monotonic()) > 0.0:
        batch = []
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                batch = await session.next_batch(100)
        session.acknowledge(batch)
        for message in batch:
            with suppress(SparkplugError):
                topic = parse_topic(message.topic)
                if (topic.group, topic.edge_node) != (settings.group, settings.edge_node):
                    others.add(f"{topic.group}/{topic.edge_node}")
                elif topic.kind in {MessageKind.NBIRTH, MessageKind.DBIRTH}:
                    births[topic.device] = decode(message.payload)
                    if topic.kind is MessageKind.NBIRTH and is_own(births[None]):
                        raise own_node_error(settings)
                    if None in births:
                        end = min(end, monotonic() + quiet_s)
    if None not in births:
        raise _no_birth(settings, listen_s, sorted(others))
    found = (tag for device, birth in births.items() for tag in _found(device, birth))
    for tag, _ in zip(found, range(FOUND_MAX), strict=False):
        yield tag


def _found(device: str | None, birth: Payload) -> Iterator[FoundTag]:
    for metric in birth.metrics:
        if metric.name and metric.name != BD_SEQ and not metric.name.startswith(CONTROL):
            yield FoundTag(
                address(device, metric.name),
                metric.name,
                "" if metric.type is None else metric.type.name.replace("_ARRAY", "[]"),
                text_of(metric, UNIT),
                _shown(metric),
                text_of(metric, DOCUMENTATION),
            )


def address(device: str | None, metric: str) -> str:
    """Device and metric in one text: a device has no ``/`` in its name."""
    return f"{device or ''}{SEPARATOR}{metric}"


def _shown(metric: Metric) -> str:
    value, fault = value_of(metric)
    return (fault or str(value))[:VALUE_SHOWN]


def _no_birth(settings: SparkplugSource, listen_s: float, others: list[str]) -> LinkError:
    name = f"{settings.group}/{settings.edge_node}"
    asked = "although it was asked for one" if settings.rebirth else "and none was asked for"
    named = ", ".join(others[:NAMED_MAX]) + (" …" if len(others) > NAMED_MAX else "")
    heard = f"heard of are {named}" if others else "no other edge node is heard of"
    way_out = (
        "look at its name, and at the right of this client to read and to send NCMD"
        if settings.rebirth
        else "allow `rebirth: true`, or let it start while this listens"
    )
    return LinkError(
        f"no birth of edge node {name} within {listen_s:g} s, {asked}; {heard}", hint=way_out
    )
