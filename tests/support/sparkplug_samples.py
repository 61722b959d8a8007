"""Values that a host has heard, by metric and time: what is missing, and what came twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.sparkplug.payload import Metric
from broker.sparkplug.values import Value


class Key(NamedTuple):
    """A metric of a device; the device is "" for those of the node."""

    node: str
    device: str
    name: str


class Repeat(NamedTuple):
    """A value that came again.

    Attributes:
        key: its metric.
        at_ms: its time.
        first_s: when it was heard first, by the monotonic clock.
        historical: it was marked so when it came again.
    """

    key: Key
    at_ms: int
    first_s: float
    historical: bool


@dataclass
class Samples:
    """Every value that was heard.

    A birth gives the present values with the times they had already: they are no doubles, and they
    fill a gap.
    """

    values: dict[Key, dict[int, Value | None]] = field(default_factory=dict)
    """By time [ms]; the last one heard of a time."""
    heard: Counter[tuple[Key, int]] = field(default_factory=Counter)
    """How often data gave a metric at a time."""
    historical: int = 0
    repeats: list[Repeat] = field(default_factory=list)
    """What data gave again, with the same time."""
    contradictions: list[str] = field(default_factory=list)
    """Two values of one metric at one time."""
    _first_s: dict[tuple[Key, int], float] = field(default_factory=dict)

    def at_birth(self, node: str, device: str, name: str, metric: Metric) -> None:
        """Take a value of a birth."""
        if metric.timestamp_ms is not None:
            times = self.values.setdefault(Key(node, device, name), {})
            times.setdefault(metric.timestamp_ms, metric.value)

    def of_data(self, node: str, device: str, name: str, metric: Metric) -> None:
        """Take a value of a message of data."""
        if metric.timestamp_ms is None:
            return
        key, at = Key(node, device, name), metric.timestamp_ms
        times = self.values.setdefault(key, {})
        if self.heard[key, at] and times[at] != metric.value:
            words = f"{key} at {at}: {times[at]!r} and {metric.value!r}"
            self.contradictions.append(words)
        if self.heard[key, at]:
            first_s = self._first_s[key, at]
            self.repeats.append(Repeat(key, at, first_s, metric.historical))
        else:
            self._first_s[key, at] = time.monotonic()
        times[at] = metric.value
        self.heard[key, at] += 1
        self.historical += metric.historical

    def doubles(self) -> list[tuple[Key, int]]:
        """What data gave more than once."""
        return [one for one, count in self.heard.items() if count > 1]

    def missing(self, key: Key, values: Iterable[Value]) -> list[Value]:
        """Those of some values of a metric that were never heard, at whatever time."""
        heard = set(self.values.get(key, {}).values())
        return [one for one in values if one not in heard]
