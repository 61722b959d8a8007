"""Metrics of a gateway for Prometheus.

Labels are bounded: presses, sources and stations of the configuration, kinds of messages.
``docs/operations.md`` has the table, a test compares.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from broker.topics import PressAddress
from edge_agent import __version__
from edge_agent.errors import LinkError
from edge_agent.gateway.outbox import Entry
from edge_agent.gateway.outbox_entry import Draft

KINDS = ("telemetry", "shot")


class GatewayMetrics:
    """The metrics of one gateway, in a registry of its own; observes what becomes of messages."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.source_up = Gauge(
            "pur_gateway_source_up", "1 while a source is connected.", ["source"], registry=registry
        )
        self.samples = Counter(
            "pur_gateway_samples", "Samples read.", ["source"], registry=registry
        )
        self.tags_without_value = Gauge(
            "pur_gateway_tags_without_value",
            "Tags of a source that have no value now.",
            ["source"],
            registry=registry,
        )
        self.left_out = Gauge(
            "pur_gateway_left_out",
            "What a source counts of messages and values that it could not use, since the start.",
            ["source", "reason"],
            registry=registry,
        )
        self.broker_up = Gauge(
            "pur_gateway_broker_up", "1 while the session to the broker is open.", registry=registry
        )
        self._made = Counter(
            "pur_gateway_messages", "Messages made.", ["press", "kind"], registry=registry
        )
        self._sent = Counter(
            "pur_gateway_publishes", "Messages given to the broker.", ["press"], registry=registry
        )
        self._again = Counter(
            "pur_gateway_publishes_again", "Those sent before.", ["press"], registry=registry
        )
        self._taken = Counter(
            "pur_gateway_taken", "Messages that the broker took.", ["press"], registry=registry
        )
        self._confirmed = Counter(
            "pur_gateway_confirmed", "Messages that an agent has.", ["press"], registry=registry
        )
        self._refused = Counter(
            "pur_gateway_refused", "Messages set aside: refused.", ["press"], registry=registry
        )
        self.not_told = Gauge(
            "pur_gateway_trace",
            "How often a condition led to an event or not, since the start.",
            ["station", "event", "reason"],
            registry=registry,
        )
        self.waiting = Gauge(
            "pur_gateway_waiting", "Messages not confirmed, by kind.", ["kind"], registry=registry
        )
        self.oldest_age = Gauge(
            "pur_gateway_oldest_age_seconds", "Age of the oldest of them.", registry=registry
        )
        self.bytes = Gauge("pur_gateway_outbox_bytes", "What is in the outbox.", registry=registry)
        self.limit = Gauge("pur_gateway_outbox_limit_bytes", "outbox.limit_mb.", registry=registry)
        self.dropped = Gauge(
            "pur_gateway_dropped_readings",
            "Frames given up for want of room, since the outbox was made.",
            registry=registry,
        )
        self.expired = Gauge(
            "pur_gateway_expired",
            "Messages forgotten unconfirmed after outbox.unconfirmed_h, since it was made.",
            registry=registry,
        )
        build = Gauge(
            "pur_gateway_build_info", "Always 1.", ["version", "python"], registry=registry
        )
        build.labels(__version__, platform.python_version()).set(1)

    def presses(self, presses: Iterable[PressAddress]) -> None:
        """Let the counters of presses begin at 0."""
        for press in presses:
            for kind in KINDS:
                self._made.labels(press.press, kind)
            for counter in (self._sent, self._again, self._taken, self._confirmed, self._refused):
                counter.labels(press.press)

    def made(self, drafts: Iterable[Draft]) -> None:
        """Messages are in the outbox."""
        for draft in drafts:
            self._made.labels(draft.press.press, draft.kind).inc()

    def sent(self, entry: Entry, *, again: bool) -> None:
        """A message was given to the broker."""
        press = _press(entry)
        self._sent.labels(press).inc()
        if again:
            self._again.labels(press).inc()

    def taken(self, entry: Entry) -> None:
        """The broker took a message."""
        self._taken.labels(_press(entry)).inc()

    def refused(self, entry: Entry, problem: LinkError) -> None:
        """The broker will not take a message."""
        self._refused.labels(_press(entry)).inc()

    def confirmed(self, press: PressAddress, count: int) -> None:
        """An agent has committed messages."""
        self._confirmed.labels(press.press).inc(count)


def _press(entry: Entry) -> str:
    return entry.press.partition("/")[2]
