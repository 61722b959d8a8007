"""Samples of the mapped metrics of an edge node, or of one device of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from broker.sparkplug.payload import Metric, Payload, typed
from edge_agent.config.gateway_sources import SparkplugSource
from edge_agent.links.left_out import LeftOut
from edge_agent.links.sparkplug_births import Birth, BornMetric
from edge_agent.links.sparkplug_values import time_of, value_of
from edge_agent.links.tag_source import Sample, Value
from edge_agent.logs import get_logger

MICROSECOND = timedelta(microseconds=1)


class MetricReader:
    """Reads metrics by the tags of a source that are of one device, or of the node itself."""

    def __init__(self, device: str | None, settings: SparkplugSource, counts: Counter[str]) -> None:
        """Prepare the tags; ``counts`` takes what is left out, by ``LeftOut``."""
        self._device, self._counts = device, counts
        self._is_source_clock = settings.clock == "source"
        self._tags: dict[str, list[str]] = {}
        """Tags by the name of their metric."""
        for tag, of in settings.tags.items():
            if of.device == device:
                self._tags.setdefault(of.metric, []).append(tag)
        self._faults: dict[str, str] = {}
        """Tags that have no value now."""
        self._last: dict[tuple[str, bool], tuple[int, Value | None, datetime]] = {}
        """Milliseconds, value and time of the last sample of a metric, historical ones apart."""

    def of_birth(self, birth: Birth, payload: Payload, arrived: datetime) -> list[Sample]:
        """How things stand at a birth; a mapped metric that it lacks has no value.

        Args:
            birth: as it was taken from ``payload``.
            payload: of an NBIRTH or DBIRTH.
            arrived: when it came.
        """
        samples, seen = list[Sample](), set[str]()
        for metric in payload.metrics:
            name = metric.name
            if name is None or name not in self._tags or name in seen:
                continue
            seen.add(name)
            metric = self._as_born(metric, birth.metrics[name])  # noqa: PLW2901
            samples += self._samples(name, metric, payload, arrived)
        for name in self._tags.keys() - birth.metrics.keys():
            words = f"the birth of {self._whose} has no metric {name}"
            samples += self._faulty(self._tags[name], words, arrived)
        return samples

    def of_data(
        self, birth: Birth, payload: Payload, arrived: datetime, *, late: bool = False
    ) -> tuple[list[Sample], bool]:
        """Samples of an NDATA or DDATA, and whether all of it is as its birth says.

        Args:
            birth: the last one of its node or device.
            payload: the data.
            arrived: when it came.
            late: it was held for so long that it does not say how things stand.
        """
        samples, is_known = list[Sample](), True
        for metric in payload.metrics:
            name = birth.name_of(metric)
            born = None if name is None else birth.metrics.get(name)
            if name is None or born is None:
                self._counts[LeftOut.UNKNOWN_METRIC] += 1
                is_known = False
            elif name in self._tags:
                found = self._as_born(metric, born)
                is_known = is_known and bool(metric.fault or not found.fault)
                samples += self._samples(name, found, payload, arrived, late=late)
        return samples, is_known

    def faults(self, words: str, now: datetime) -> list[Sample]:
        """Faults of all tags.

        Args:
            words: why they have no value.
            now: our time.
        """
        return self._faulty([tag for tags in self._tags.values() for tag in tags], words, now)

    def note_changes(self, before: Birth, birth: Birth) -> None:
        """Write to the log which mapped metrics have another type or unit than before."""
        for name in self._tags:
            old, new = before.metrics.get(name), birth.metrics.get(name)
            if old and new and (old.type, old.unit) != (new.type, new.unit):
                get_logger().warning(
                    "metric_changed",
                    detail=f"{self._whose}: {name}: was {_shown(old)}, is {_shown(new)}",
                    hint="see that unit and scale in the mapping are right still",
                )

    @property
    def _whose(self) -> str:
        return "the edge node" if self._device is None else f"device {self._device}"

    def _as_born(self, metric: Metric, born: BornMetric) -> Metric:
        if born.type is None:
            return replace(metric, value=None, fault="has no type in its birth")
        found = typed(metric, born.type)
        if found.fault and not metric.fault:
            self._counts[LeftOut.CHANGED_TYPE] += 1
            return replace(found, fault=f"changed its type without a birth: {found.fault}")
        return found

    def _samples(
        self,
        name: str,
        metric: Metric,
        payload: Payload,
        arrived: datetime,
        *,
        late: bool = False,
    ) -> list[Sample]:
        tags = self._tags[name]
        value, fault = value_of(metric)
        if metric.historical and not (self._is_source_clock and metric.timestamp_ms is not None):
            self._counts[LeftOut.NO_TIME] += 1
            return []
        ts, problem = self._time_of(name, metric, value, payload)
        if metric.historical:
            if value is None or ts is None:
                return []  # that it had none for a while is over
            found = [Sample(tag, ts, value, historical=True) for tag in tags]
            still = [tag for tag in tags if tag in self._faults]
            return [*found, *(self._fault(tag, self._faults[tag], arrived) for tag in still)]
        if fault or problem:
            return self._faulty(tags, fault or problem, arrived)
        for tag in tags:
            self._faults.pop(tag, None)
        of_arrival = ts is None
        return [
            Sample(tag, ts or arrived, value, of_arrival=of_arrival, historical=late)
            for tag in tags
        ]

    def _time_of(
        self, name: str, metric: Metric, value: Value | None, payload: Payload
    ) -> tuple[datetime | None, str]:
        """Time of a value, None for that of its arrival; or why it has none.

        Values of one millisecond get a microsecond more each: within a tag time runs forward.
        """
        said = payload.timestamp_ms if metric.timestamp_ms is None else metric.timestamp_ms
        if said is None or not self._is_source_clock:
            return None, ""
        ts = time_of(said)
        if ts is None:
            return None, f"its time {said} ms since 1970 is no time of a clock"
        key = name, metric.historical
        last = self._last.get(key)
        if last is not None and last[0] == said:
            is_same = last[1] == value and type(last[1]) is type(value)
            ts = last[2] if is_same else last[2] + MICROSECOND
        self._last[key] = said, value, ts
        return ts, ""

    def _faulty(self, tags: list[str], words: str, now: datetime) -> list[Sample]:
        for tag in tags:
            self._faults[tag] = words
        return [self._fault(tag, words, now) for tag in tags]

    def _fault(self, tag: str, words: str, now: datetime) -> Sample:
        return Sample(tag, now, fault=words, of_arrival=True)


def _shown(metric: BornMetric) -> str:
    kind = "of no type" if metric.type is None else metric.type.name
    return f"{kind} {metric.unit}".strip()
