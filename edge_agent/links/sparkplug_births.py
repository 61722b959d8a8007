"""Birth of a Sparkplug edge node or device: which metrics there are, and what an alias means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric

UNIT, DOCUMENTATION = "engUnit", "documentation"
"""Properties by which Ignition and others give unit and description; Sparkplug itself has none."""
TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class BornMetric:
    """A metric as its birth describes it."""

    name: str
    alias: int | None
    type: DataType | None
    unit: str = ""


class Birth:
    """Metrics of one NBIRTH or DBIRTH."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        """Note the metrics that have a name; of two with one name the first counts."""
        self.metrics: dict[str, BornMetric] = {}
        self._names: dict[int, str | None] = {}
        """Name by alias; None where several metrics have it."""
        for one in metrics:
            if one.name is None or one.name in self.metrics:
                continue
            unit = text_of(one, UNIT)
            self.metrics[one.name] = BornMetric(one.name, one.alias, one.type, unit)
            if one.alias is not None:
                self._names[one.alias] = None if one.alias in self._names else one.name

    def name_of(self, metric: Metric) -> str | None:
        """Name of a metric of data; None where its alias is not known, or is that of several."""
        if metric.name is not None:
            return metric.name
        return None if metric.alias is None else self._names.get(metric.alias)

    def means_the_same(self, other: Birth) -> bool:
        """Has each name the same alias and type in both?"""
        return _meaning(self.metrics) == _meaning(other.metrics)


def _meaning(metrics: Mapping[str, BornMetric]) -> dict[str, tuple[int | None, DataType | None]]:
    return {name: (one.alias, one.type) for name, one in metrics.items()}


def text_of(metric: Metric, name: str) -> str:
    """A property that is a text; empty where there is none."""
    found = metric.properties.get(name)
    value = None if found is None else found.value
    return value[:TEXT_MAX] if isinstance(value, str) else ""
