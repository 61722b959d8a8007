"""Figures of the edge nodes for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from edge_agent.pipeline.edge_nodes import EdgeNodes


class NodeCollector(Collector):
    """Reads the nodes when somebody asks."""

    def __init__(self, nodes: EdgeNodes | None) -> None:
        """Read these nodes; None where Sparkplug is off."""
        self._nodes = nodes

    def collect(self) -> Iterator[Metric]:
        """Give the figures of every press."""
        waiting = GaugeMetricFamily(
            "pur_sparkplug_waiting", "Messages in the buffer.", labels=["press"]
        )
        size = GaugeMetricFamily("pur_sparkplug_buffer_bytes", "Size of these.", labels=["press"])
        sent = CounterMetricFamily(
            "pur_sparkplug_sent", "Messages that the broker has worked on.", labels=["press"]
        )
        dropped = CounterMetricFamily(
            "pur_sparkplug_dropped", "Messages given up for lack of room.", labels=["press"]
        )
        left_out = CounterMetricFamily(
            "pur_sparkplug_left_out",
            "Values without a metric: too many names, two that differ in case alone, no room.",
            labels=["press"],
        )
        for node in [] if self._nodes is None else list(self._nodes.all()):
            press = [node.press.press]
            waiting.add_metric(press, node.waiting_count)
            size.add_metric(press, node.waiting_bytes)
            sent.add_metric(press, node.sent_count)
            dropped.add_metric(press, node.dropped_count)
            left_out.add_metric(press, node.book.left_out_count)
        yield from (waiting, size, sent, dropped, left_out)
