"""Tags of a source on a server: their nodes, and their items in a subscription."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua_node_ids import NodeIdError, index_of, parse_node
from edge_agent.links.opcua_session import CALL_MAX, OpcUaSession
from edge_agent.links.opcua_values import status_words

NOTIFICATIONS_MAX = 5000
"""Values in one message of the server."""
KEEP_ALIVE_S = 2.0
"""The server says something at least so often."""
_HISTORY_READ = 4
"""Bit of an access level."""
_NO_DEADBAND = {
    ua.StatusCodes.BadMonitoredItemFilterUnsupported,
    ua.StatusCodes.BadFilterNotAllowed,
    ua.StatusCodes.BadDeadbandFilterInvalid,
    ua.StatusCodes.BadMonitoredItemFilterInvalid,
}
_TOO_MANY_OPERATIONS = ua.StatusCodes.BadTooManyOperations
_NO_ROOM = {ua.StatusCodes.BadTooManyMonitoredItems, ua.StatusCodes.BadOutOfMemory}


@dataclass(slots=True)
class Nodes:
    """Nodes of the tags."""

    by_tag: dict[str, ua.NodeId] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    """Why a tag has none."""
    historized: set[str] = field(default_factory=set)
    """Tags whose history may be read."""
    namespaces: dict[int, str] = field(default_factory=dict)
    """URIs of the namespaces that tags name by their index."""


@dataclass(slots=True)
class Created:
    """Items that were made."""

    faults: dict[str, str] = field(default_factory=dict)
    """Why a tag has none."""
    own_deadband: list[str] = field(default_factory=list)
    """Tags whose deadband the server does not know."""
    slower: dict[str, float] = field(default_factory=dict)
    """Tags at which the server looks less often than asked, and how often [ms]."""
    shorter: dict[str, int] = field(default_factory=dict)
    """Tags with a shorter queue than asked."""


def find_nodes(settings: OpcUaSource, namespaces: Sequence[str], known: Mapping[int, str]) -> Nodes:
    """Nodes of the tags among the namespaces of the server.

    Args:
        settings: the source.
        namespaces: URIs on the server, by index.
        known: URIs that the indices in the mapping had when it was first used. A server that
            numbers its namespaces anew would else give other variables for the same text.
    """
    nodes = Nodes()
    for tag, one in settings.tags.items():
        try:
            address = parse_node(one.node)
        except NodeIdError as error:
            nodes.faults[tag] = str(error)
            continue
        index: int | None
        if isinstance(address.namespace, str):
            index = index_of(address.namespace, namespaces)
            wanted = address.namespace
        else:
            index = address.namespace
            here = namespaces[index] if index < len(namespaces) else ""
            wanted = known.get(index) or here  # "": the server did not have it so far
            nodes.namespaces[index] = wanted
            if index and wanted != here:
                index = index_of(wanted, namespaces)
        if index is None:
            nodes.faults[tag] = (
                f"{one.node[:200]}: the server has no namespace {wanted!r}; it has "
                + ", ".join(namespaces[1:])[:500]
            )
            continue
        nodes.by_tag[tag] = ua.NodeId(address.identifier, index)
    return nodes


async def examine(session: OpcUaSession, nodes: Nodes, tags: Iterable[str]) -> None:
    """Look at nodes before they are subscribed: arrays are none of ours, and who has a history."""
    tags = [tag for tag in tags if tag in nodes.by_tag]
    ids = [nodes.by_tag[tag] for tag in tags]
    ranks = await session.read(ids, ua.AttributeIds.ValueRank)
    levels = await session.read(ids, ua.AttributeIds.UserAccessLevel)
    for tag, rank, level in zip(tags, ranks, levels, strict=True):
        text = nodes.by_tag[tag].to_string()
        if rank.StatusCode is not None and rank.StatusCode.value & 0x8000_0000:
            nodes.faults[tag] = f"{status_words(rank.StatusCode.value)}: {text[:200]}"
            continue
        found = rank.Value.Value if rank.Value is not None else None
        if isinstance(found, int) and found >= 0:
            nodes.faults[tag] = f"{text[:200]} is an array: name a variable of one value"
            continue
        nodes.faults.pop(tag, None)
        found = level.Value.Value if level.Value is not None else None
        if isinstance(found, int) and found & _HISTORY_READ:
            nodes.historized.add(tag)


async def create_subscription(
    session: OpcUaSession, settings: OpcUaSource
) -> tuple[int, float, float]:
    """A new subscription.

    Returns:
        Its id, how often it sends [ms], and the longest time without a word of it [s].
    """
    period_ms = settings.subscription_ms
    count = max(1, round(KEEP_ALIVE_S * 1000 / period_ms))
    request = ua.CreateSubscriptionRequest()
    parameters = request.Parameters
    parameters.RequestedPublishingInterval = period_ms
    parameters.RequestedMaxKeepAliveCount = count
    parameters.RequestedLifetimeCount = max(3 * count, round(settings.keep_s * 1000 / period_ms))
    parameters.MaxNotificationsPerPublish = NOTIFICATIONS_MAX
    parameters.PublishingEnabled = True
    data = Buffer(await session.raw(request))
    made = struct_from_binary(ua.CreateSubscriptionResponse, data).Parameters
    interval_ms = made.RevisedPublishingInterval
    return made.SubscriptionId, interval_ms, interval_ms * made.RevisedMaxKeepAliveCount / 1000


async def create_items(
    session: OpcUaSession,
    settings: OpcUaSource,
    subscription: int,
    nodes: Nodes,
    tags: Iterable[str],
) -> Created:
    """Items of tags in a subscription; one that cannot be made costs its tag."""
    created = Created()
    handles = {tag: handle for handle, tag in handles_of(settings).items()}
    wanted = [(tag, settings.tags[tag].deadband > 0) for tag in tags if tag in nodes.by_tag]
    step = session.facts.limits.get("items", CALL_MAX)
    while wanted:
        part, wanted = wanted[:step], wanted[step:]
        request = ua.CreateMonitoredItemsParameters()
        request.SubscriptionId = subscription
        request.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.ItemsToCreate = [
            _item(settings, tag, nodes.by_tag[tag], handles[tag], filtered)
            for tag, filtered in part
        ]
        try:
            results = await session.client.uaclient.create_monitored_items(request)
        except ua.UaStatusCodeError as error:
            if error.code == _TOO_MANY_OPERATIONS and step > 1:
                step, wanted = max(1, step // 4), part + wanted
                continue
            if error.code not in _NO_ROOM:
                raise
            words = status_words(error.code)
            created.faults |= dict.fromkeys((tag for tag, _ in part + wanted), words)
            break
        for (tag, filtered), result in zip(part, results, strict=True):
            code = result.StatusCode.value
            if filtered and code in _NO_DEADBAND:
                wanted.append((tag, False))
                created.own_deadband.append(tag)
            elif code & 0x8000_0000:
                text = nodes.by_tag[tag].to_string()
                created.faults[tag] = f"{status_words(code)}: {text[:200]}"
            else:
                _compare(created, settings, tag, result)
    return created


async def is_alive(session: OpcUaSession, subscription: int) -> bool:
    """True if the session has this subscription."""
    request = ua.SetPublishingModeParameters()
    request.SubscriptionIds = [subscription]
    request.PublishingEnabled = True
    try:
        results = await session.client.uaclient.set_publishing_mode(request)
    except ua.UaStatusCodeError:
        return False
    return bool(results) and results[0].is_good()


async def transfer(session: OpcUaSession, subscription: int) -> bool:
    """Move a subscription of an earlier session to this one; False if the server does not."""
    request = ua.TransferSubscriptionsParameters()
    request.SubscriptionIds = [subscription]
    request.SendInitialValues = False
    try:
        results = await session.client.uaclient.transfer_subscriptions(request)
    except ua.UaStatusCodeError:
        return False
    return bool(results) and results[0].StatusCode.is_good()


def handles_of(settings: OpcUaSource) -> dict[int, str]:
    """Tags by the handles of their items, which stay the same when other tags come and go."""
    handles: dict[int, str] = {}
    for tag, one in settings.tags.items():
        handle = zlib.crc32(f"{tag} {one.node}".encode())
        while handle == 0 or handle in handles:
            handle = (handle + 1) & 0xFFFF_FFFF
        handles[handle] = tag
    return handles


def _item(
    settings: OpcUaSource, tag: str, node: ua.NodeId, handle: int, filtered: bool
) -> ua.MonitoredItemCreateRequest:
    one = settings.tags[tag]
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor.NodeId = node
    item.ItemToMonitor.AttributeId = ua.AttributeIds.Value
    item.MonitoringMode = ua.MonitoringMode.Reporting
    item.RequestedParameters.ClientHandle = handle
    item.RequestedParameters.SamplingInterval = one.sampling_ms or settings.subscription_ms
    item.RequestedParameters.QueueSize = one.queue
    item.RequestedParameters.DiscardOldest = True
    if filtered:
        item.RequestedParameters.Filter = ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=ua.DeadbandType.Absolute,
            DeadbandValue=one.deadband,
        )
    return item


def _compare(
    created: Created, settings: OpcUaSource, tag: str, result: ua.MonitoredItemCreateResult
) -> None:
    one = settings.tags[tag]
    if result.RevisedSamplingInterval > 1.01 * (one.sampling_ms or settings.subscription_ms):
        created.slower[tag] = result.RevisedSamplingInterval
    if result.RevisedQueueSize < one.queue:
        created.shorter[tag] = result.RevisedQueueSize
