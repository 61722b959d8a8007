"""Metrics of an edge node and its devices: aliases that stay, and the value that each has now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from broker.sparkplug.data_types import DataType
from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.metric_specs import (
    LIVE,
    LIVE_METRICS,
    LIVE_STATUS,
    OF_MOLDS,
    OF_NODES,
    REBIRTH,
    MetricSpec,
    spec_of,
)
from broker.sparkplug.mold_metrics import Reading
from broker.sparkplug.payload import BAD, GOOD, QUALITY, STALE, Metric, Property
from broker.sparkplug.values import Value, to_wire

BD_SEQ_ALIAS = 1
"""Of the number of the connect, which is no metric of the book."""
METRICS_MAX, DEVICE_METRICS_MAX = 20_000, 5_000
"""Of a node with its devices, and of one of them. What would be more is left out, and counted: the
birth of a device is one message, and a broker takes no larger ones than its limit."""
_RAW = (LIVE, LIVE_METRICS)
_LIVE = (*_RAW, LIVE_STATUS)
_NONE_OPEN = ("Alerts/open_count", "Alerts/critical_count")
"""Known before anything is said: nobody raised an alert yet."""
QUALITIES = {quality: {QUALITY: Property(DataType.INT32, quality)} for quality in (0, 192, 500)}


@dataclass(slots=True)
class Kept:
    """A metric with its value."""

    spec: MetricSpec
    alias: int
    value: Value | None = None
    quality: int = STALE
    at_ms: int = 0
    """When it had this value first; 0: nothing is known yet."""
    heard_ms: int = 0
    """When it was heard last, by the clock of the twin."""


@dataclass
class Device:
    """The node itself, or a device of it."""

    metrics: dict[str, Kept] = field(default_factory=dict)
    changed: bool = False
    """There are metrics that are not on disk."""
    said: bool = False
    """There are values that are not on disk, beside readings of the press."""
    heard_ms: int = 0
    """When something was heard of it last; 0: it is not known."""


class MetricBook:
    """Metrics by device; None is the node itself."""

    def __init__(
        self,
        kept: Mapping[str, Mapping[str, object]] | None = None,
        values: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Go on with what is on disk; what cannot be used of it is left out.

        Args:
            kept: alias by name, by device; the empty name is the node itself.
            values: as ``values`` gives them, by name, by device.
        """
        self.devices: dict[str | None, Device] = {None: Device()}
        self.metrics_count = 0
        """Metrics that were ever added: another one than at the last birth makes one necessary."""
        self.left_out_count = 0
        """Values that have no metric: too many names, or one that differs in case alone."""
        self._aliases = {BD_SEQ_ALIAS}
        self._lower: set[tuple[str | None, str]] = set()
        self._next = BD_SEQ_ALIAS + 1
        for device, aliases in (kept or {}).items():
            for name, alias in aliases.items():
                spec = spec_of(name)
                if spec is not None and type(alias) is int and alias not in self._aliases:
                    self._put(device or None, spec, alias)
        for spec in OF_NODES:
            kept_one = self._add(None, spec)
            if kept_one is not None and spec.name == REBIRTH:
                kept_one.value, kept_one.quality = False, GOOD
        for name in [one for one in self.devices if one is not None]:
            for spec in OF_MOLDS:  # some are new in this version
                self._add(name, spec)

        for device, said in (values or {}).items():
            for name, one in said.items():
                self._restore(device or None, name, one)

    def values(self, device: str | None) -> dict[str, list[Value | None]]:
        """Value, quality and time of what is known beside readings, as it goes to the disk."""
        metrics = self.devices[device].metrics.values()
        return {
            one.spec.name: [one.value, one.quality, one.at_ms]
            for one in metrics
            if one.at_ms and _is_said(one.spec.name)
        }

    def kept(self, device: str | None) -> dict[str, int]:
        """Alias by name of a device, as it goes to the disk."""
        return {name: one.alias for name, one in self.devices[device].metrics.items()}

    def take(
        self, device: str | None, readings: Iterable[Reading], at_ms: int, now_ms: int
    ) -> tuple[list[tuple[Kept, Reading]], bool]:
        """Take note of readings: those that are not what they were, and whether they come late.

        Late are those that are older than what is known: all of them are given, and change nothing.

        Args:
            device: the device, None for the node.
            readings: by name.
            at_ms: time of the readings.
            now_ms: time of the twin.
        """
        known = self._device(device)
        if known is None:
            self.left_out_count += 1
            return [], False
        known.heard_ms = now_ms
        found, late = [], False
        for said in readings:
            reading = _graded(said)
            kept = known.metrics.get(reading.name) or self._new(device, reading.name)
            if kept is None:
                self.left_out_count += 1
                continue
            found.append((kept, reading))
            late |= at_ms < kept.at_ms
        if late:
            return [(kept, _writable(kept.spec, reading)) for kept, reading in found], True
        changed = []
        for kept, reading in found:
            kept.heard_ms = now_ms
            if (
                not kept.at_ms
                or kept.quality != reading.quality
                or kept.value != reading.value
                or type(kept.value) is not type(reading.value)
            ):
                clean = _writable(kept.spec, reading)
                kept.value, kept.quality, kept.at_ms = clean.value, clean.quality, at_ms
                changed.append((kept, clean))
                known.said = known.said or _is_said(kept.spec.name)
        return changed, False

    def grow_stale(self, now_ms: int, after_ms: int) -> dict[str | None, list[Kept]]:
        """Mark readings that the press sends no more as stale; gives those that were good."""
        found: dict[str | None, list[Kept]] = {}
        for device, known in self.devices.items():
            for kept in known.metrics.values():
                silent = kept.heard_ms and now_ms - kept.heard_ms > after_ms
                if silent and kept.quality == GOOD and kept.spec.name.startswith(_RAW):
                    kept.quality, kept.at_ms = STALE, max(now_ms, kept.at_ms)
                    found.setdefault(device, []).append(kept)
        return found

    def birth_metrics(self, device: str | None, now_ms: int) -> Iterator[Metric]:
        """Every metric of a device with all that is known of it, in the order of their times.

        The metric that asks for a rebirth has no alias: Sparkplug forbids it.
        """
        metrics = self.devices[device].metrics.values()
        for kept in sorted(metrics, key=lambda one: one.at_ms or now_ms):
            yield Metric(
                name=kept.spec.name,
                alias=None if kept.spec.name == REBIRTH else kept.alias,
                type=kept.spec.type,
                value=kept.value,
                timestamp_ms=kept.at_ms or now_ms,
                properties=_properties(kept),
            )

    def find(self, device: str | None, name: str | None, alias: int | None) -> Kept | None:
        """The metric that a command means; None for one that there is not."""
        known = self.devices.get(device)
        if known is None:
            return None
        if name:
            return known.metrics.get(name)
        return next((one for one in known.metrics.values() if one.alias == alias), None)

    def forget(self, device: str) -> None:
        """Forget a device; its aliases are not used again while this process lives."""
        known = self.devices.pop(device, None)
        for name in known.metrics if known is not None else ():
            self._lower.discard((device, name.lower()))

    def _restore(self, device: str | None, name: str, said: object) -> None:
        known = self.devices.get(device)
        if known is None or name not in known.metrics:
            return
        kept = known.metrics[name]
        if not isinstance(said, list) or len(said) != 3 or not _is_said(name):
            return
        value, quality, at_ms = said
        reading = _writable(kept.spec, Reading(name, value))
        if type(at_ms) is int and at_ms > 0 and quality in QUALITIES and reading.quality == GOOD:
            graded = _graded(Reading(name, reading.value, quality))
            kept.value, kept.quality, kept.at_ms = graded.value, graded.quality, at_ms
            known.heard_ms = max(known.heard_ms, at_ms)

    def _device(self, device: str | None) -> Device | None:
        known = self.devices.get(device)
        if known is None or not known.metrics:
            if len(self._aliases) + len(OF_MOLDS) > METRICS_MAX:
                return None
            for spec in OF_MOLDS:
                self._add(device, spec)
            known = self.devices[device]
        return known

    def _new(self, device: str | None, name: str) -> Kept | None:
        spec = spec_of(name)
        known = self.devices.get(device)
        full = known is not None and len(known.metrics) >= DEVICE_METRICS_MAX
        if spec is None or full or len(self._aliases) >= METRICS_MAX:
            return None
        return self._add(device, spec)

    def _add(self, device: str | None, spec: MetricSpec) -> Kept | None:
        known = self.devices.get(device)
        if known is not None and spec.name in known.metrics:
            return known.metrics[spec.name]
        if (device, spec.name.lower()) in self._lower:
            return None
        while self._next in self._aliases:
            self._next += 1
        kept = self._put(device, spec, self._next)
        self.devices[device].changed = True
        return kept

    def _put(self, device: str | None, spec: MetricSpec, alias: int) -> Kept:
        known = self.devices.setdefault(device, Device())
        kept = known.metrics[spec.name] = Kept(spec, alias)
        if spec.name in _NONE_OPEN:
            kept.value, kept.quality = 0, GOOD
        self.metrics_count += 1
        self._aliases.add(alias)
        self._lower.add((device, spec.name.lower()))
        return kept


def _is_said(name: str) -> bool:
    """Is it the twin's word, not a reading of the press nor a figure of this moment?"""
    return not name.startswith((*_LIVE, "Buffer/", "Properties/", "Node Control/"))


def _graded(reading: Reading) -> Reading:
    """The reading; one without a value is not good: it is not known."""
    if reading.value is None and reading.quality == GOOD:
        return Reading(reading.name, None, STALE)
    return reading


def _writable(spec: MetricSpec, reading: Reading) -> Reading:
    """The reading, without a value that its type cannot hold: that is bad."""
    if reading.value is None or (type(reading.value) is float and spec.type is DataType.DOUBLE):
        return reading
    try:
        to_wire(reading.value, spec.type)
    except (SparkplugError, TypeError):
        return Reading(reading.name, None, BAD)
    return reading


def _properties(kept: Kept) -> dict[str, Property]:
    spec, found = kept.spec, dict(QUALITIES[kept.quality])
    if spec.unit:
        found["engUnit"] = Property(DataType.STRING, spec.unit)
    if spec.low is not None:
        found["engLow"] = Property(DataType.DOUBLE, spec.low)
    if spec.high is not None:
        found["engHigh"] = Property(DataType.DOUBLE, spec.high)
    if spec.words:
        found["Documentation"] = Property(DataType.STRING, spec.words)
    found["readOnly"] = Property(DataType.BOOLEAN, not spec.writable)
    return found
