"""Sparkplug, loaded only where it is on: it needs protobuf, the extra ``sparkplug``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import MissingExtra
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.node_metrics import NodeCollector
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.presses.identity import Identity
from edge_agent.presses.presence import Presence
from edge_agent.spool.thread import SpoolThread

if TYPE_CHECKING:
    from edge_agent.pipeline.edge_nodes import EdgeNodes
    from edge_agent.presses.node_sessions import NodeSessions


def edge_nodes(
    settings: Settings, spool: SpoolThread, clock: Clock, metrics: Metrics
) -> EdgeNodes | None:
    """The edge nodes of an agent; None where Sparkplug is off.

    Raises:
        MissingExtra: protobuf is not installed.
    """
    if not settings.sparkplug.enabled:
        metrics.registry.register(NodeCollector(None))
        return None
    try:
        from edge_agent.pipeline.edge_nodes import EdgeNodes
    except ImportError as error:
        if not (error.name or "").startswith("google"):
            raise
        words = "sparkplug.enabled: Sparkplug needs protobuf, which is not installed"
        raise MissingExtra(words, "sparkplug") from None
    nodes = EdgeNodes(settings, spool, clock)
    metrics.registry.register(NodeCollector(nodes))
    return nodes


def node_sessions(
    settings: Settings,
    identity: Identity,
    presence: Presence,
    nodes: EdgeNodes | None,
    spool: SpoolThread,
    clock: Clock,
    pipeline: Pipeline,
    metrics: Metrics,
) -> NodeSessions | None:
    """The sessions of these nodes."""
    if nodes is None:
        return None
    from edge_agent.presses.node_sessions import NodeSessions

    return NodeSessions(settings, identity, presence, nodes, spool, clock, pipeline, metrics)
