"""Variables of an OPC UA server with their types, units and values, for people."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.object_ids import ObjectIdNames

from edge_agent.links.opcua_node_ids import node_text
from edge_agent.links.opcua_session import OpcUaSession
from edge_agent.links.opcua_values import value_or_fault
from edge_agent.links.tag_source import FoundTag
from edge_agent.logs import get_logger

NODES_MAX = 100_000
"""Nodes that are looked at; a server may have millions, or a circle that never ends."""
TOGETHER = 100
"""Nodes that are asked for in one request."""
TEXT_MAX = 80
"""Longest text of a value or a description [characters]."""
_OBJECTS, _SERVER = ua.NodeId(85), ua.NodeId(2253)
"""Where a machine's tags begin, and what the server says of itself."""
_CHILDREN = ua.NodeId(ua.ObjectIds.HierarchicalReferences)
_PROPERTY = ua.NodeId(ua.ObjectIds.HasProperty)
_UNITS = ua.QualifiedName("EngineeringUnits", 0)


@dataclass(frozen=True, slots=True)
class _Node:
    id: ua.NodeId
    path: str
    """Names from the folder Objects on."""
    is_variable: bool


async def browse(session: OpcUaSession, name: str) -> AsyncIterator[FoundTag]:
    """Variables below the folder Objects, level by level.

    Raises:
        LinkError: the link is lost; errors of asyncua and of the network, too.
    """
    waiting = deque([_Node(_OBJECTS, "", is_variable=False)])
    seen = {_OBJECTS, _SERVER}
    step = min(TOGETHER, session.facts.limits["browse"])
    while waiting:
        part = [waiting.popleft() for _ in range(min(step, len(waiting)))]
        units: dict[ua.NodeId, ua.NodeId] = {}
        for parent, children in zip(part, await _children(session, part), strict=True):
            for child in children:
                if getattr(child.NodeId, "ServerIndex", 0):
                    continue  # on another server
                node = ua.NodeId(child.NodeId.Identifier, child.NodeId.NamespaceIndex)
                if child.ReferenceTypeId == _PROPERTY:
                    if child.BrowseName == _UNITS:
                        units[parent.id] = node
                elif node not in seen and len(seen) < NODES_MAX:
                    seen.add(node)
                    words = str(child.DisplayName.Text or child.BrowseName.Name)
                    path = f"{parent.path}.{words}" if parent.path else words
                    is_variable = child.NodeClass == ua.NodeClass.Variable
                    waiting.append(_Node(node, path, is_variable))
        for tag in await _described(session, [one for one in part if one.is_variable], units):
            yield tag
    if len(seen) >= NODES_MAX:
        hint = "only a part of the server is listed: its vendor's tool shows the rest"
        get_logger().warning("browse_cut", reason=name, count=NODES_MAX, hint=hint)


async def _children(
    session: OpcUaSession, nodes: Sequence[_Node]
) -> list[list[ua.ReferenceDescription]]:
    """What each node refers to downwards; nothing where it may not be asked."""
    parameters = ua.BrowseParameters()
    parameters.RequestedMaxReferencesPerNode = 0
    for node in nodes:
        wanted = ua.BrowseDescription()
        wanted.NodeId, wanted.BrowseDirection = node.id, ua.BrowseDirection.Forward
        wanted.ReferenceTypeId, wanted.IncludeSubtypes = _CHILDREN, True
        wanted.NodeClassMask = ua.NodeClass.Object | ua.NodeClass.Variable
        wanted.ResultMask = ua.BrowseResultMask.All
        parameters.NodesToBrowse.append(wanted)
    results = await session.client.uaclient.browse(parameters)
    found = [list(result.References or ()) for result in results]
    points = {at: one.ContinuationPoint for at, one in enumerate(results) if one.ContinuationPoint}
    while points:
        more = ua.BrowseNextParameters()
        more.ReleaseContinuationPoints = False
        more.ContinuationPoints = list(points.values())
        asked = list(points)
        points = {}
        for at, one in zip(asked, await session.client.uaclient.browse_next(more), strict=True):
            found[at] += one.References or ()
            if one.ContinuationPoint and len(found[at]) < NODES_MAX:
                points[at] = one.ContinuationPoint
    return found


async def _described(
    session: OpcUaSession, nodes: Sequence[_Node], units: dict[ua.NodeId, ua.NodeId]
) -> list[FoundTag]:
    if not nodes:
        return []
    ids = [node.id for node in nodes]
    values = await session.read_values(ids)
    types = await session.read(ids, ua.AttributeIds.DataType)
    ranks = await session.read(ids, ua.AttributeIds.ValueRank)
    descriptions = await session.read(ids, ua.AttributeIds.Description)
    named = await _type_names(session, [_content(one) for one in types])
    with_unit = [node.id for node in nodes if node.id in units]
    read = await session.read([units[one] for one in with_unit]) if with_unit else []
    unit_of = dict(zip(with_unit, [_unit(_content(one)) for one in read], strict=True))
    tags = []
    uris = session.facts.namespaces
    for node, value, kind, rank, about in zip(
        nodes, values, named, ranks, descriptions, strict=True
    ):
        plain, fault = value_or_fault(value)
        index = node.id.NamespaceIndex
        address = node.id.to_string()
        if index and index < len(uris):
            address = node_text(uris[index], node.id.Identifier)
        size = _content(rank)
        text = getattr(_content(about), "Text", None) or ""
        tags.append(
            FoundTag(
                address,
                node.path,
                f"{kind}[]" if isinstance(size, int) and size >= 0 else kind,
                unit_of.get(node.id, ""),
                _short(fault if plain is None else str(plain)),
                _short(text),
            )
        )
    return tags


async def _type_names(session: OpcUaSession, types: Sequence[object]) -> list[str]:
    """Names of types; those of the server itself are asked for."""
    own = [one for one in types if isinstance(one, ua.NodeId) and one.NamespaceIndex]
    own = list(dict.fromkeys(own))
    answers = await session.read(own, ua.AttributeIds.DisplayName) if own else []
    names = dict(zip(own, [getattr(_content(one), "Text", "") for one in answers], strict=True))
    found = []
    for one in types:
        if not isinstance(one, ua.NodeId):
            found.append("")
        elif one.NamespaceIndex:
            found.append(str(names[one] or one.to_string()))
        else:
            found.append(ObjectIdNames.get(one.Identifier, one.to_string()))
    return found


def _content(value: ua.DataValue) -> object:
    return value.Value.Value if value.Value is not None else None


def _unit(content: object) -> str:
    """Sign of a unit from its ``EUInformation``."""
    name = getattr(content, "DisplayName", None)
    return str(getattr(name, "Text", None) or "")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
