"""Samples from the notifications of an OPC UA server, and the time of each tag's last value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua_decoding import DataValue
from edge_agent.links.opcua_items import handles_of
from edge_agent.links.opcua_position import Place
from edge_agent.links.opcua_values import has_overflowed, own_time, sample_of, ticks_of, time_of
from edge_agent.links.tag_source import Sample, Value

TaggedValue = tuple[str, DataValue]


class SampleMaker:
    """Makes samples; what it made last stands in ``place``."""

    def __init__(self, settings: OpcUaSource, place: Place, clock: Clock) -> None:
        self._settings, self._place, self._clock = settings, place, clock
        self._tags = handles_of(settings)
        self._sent: dict[str, Value] = {}
        """Last values of tags whose deadband is ours."""

    def tagged(self, items: Iterable[tuple[int, DataValue]]) -> list[TaggedValue]:
        """Values with their tags; those of items of an earlier mapping have none."""
        tags = self._tags
        return [(tags[handle], value) for handle, value in items if handle in tags]

    def overflowed(self, values: Sequence[TaggedValue]) -> dict[str, int]:
        """Tags whose queue on the server was too short, and the time of the next value kept."""
        return {
            tag: own_time(value)
            for tag, value in values
            if value.status and has_overflowed(value.status)
        }

    def samples(
        self, values: Sequence[TaggedValue], connected: int | None = None, *, past: bool = False
    ) -> list[Sample]:
        """Samples of values, in their order.

        Args:
            values: as they came.
            connected: time at which the link was had, by the server [100 ns since 1601]: what it
                noted before is historical; None: nothing is.
            past: all is historical: it was read from a history.
        """
        last, own = self._place.last, self._place.own_deadband
        if self._settings.clock == "source" and connected is None and not past and not own:
            return self._quick(values)
        arrived, shift = self._arrival(values, live=connected is None and not past)
        samples = []
        for number, (tag, value) in enumerate(values):
            ticks = value.source_time or value.server_time
            old = past or (
                connected is not None
                and (value.server_time or value.source_time) < connected
                and ticks != last.get(tag)  # said again: it stands now
            )
            moment = time_of(ticks + shift) if ticks and shift is not None else None
            moment = moment or arrived + timedelta(microseconds=number)
            sample = sample_of(tag, value, self._settings.clock, moment, historical=old)
            if ticks:
                last[tag] = ticks
            if tag not in own or self._exceeds(tag, sample):
                samples.append(sample)
        return samples

    def _quick(self, values: Sequence[TaggedValue]) -> list[Sample]:
        """Samples of what happens, by the source's clock: most of what a gateway ever does."""
        last = self._place.last
        arrived = self._clock.now()
        samples = []
        for number, (tag, value) in enumerate(values):
            plain, status, ticks, _ = value
            if plain.__class__ is float and not status and isfinite(plain) and ticks:
                ts = time_of(ticks)
                if ts is not None:
                    samples.append(Sample(tag, ts, plain))
                    last[tag] = ticks
                    continue
            moment = arrived + timedelta(microseconds=number)
            samples.append(sample_of(tag, value, "source", moment))
            if own := ticks or value.server_time:
                last[tag] = own
        return samples

    def _arrival(self, values: Sequence[TaggedValue], *, live: bool) -> tuple[datetime, int | None]:
        """Now, and what makes a time of the machine to one of arrival [100 ns].

        Values of one message have one time of arrival: how far they are apart only the machine
        knows. The newest one has just arrived; of a backlog that is not so, and what was measured
        last holds.
        """
        arrived = self._clock.now()
        if self._settings.clock != "arrival":
            return arrived, None
        newest = max((own_time(value) for _, value in values), default=0)
        if live and newest:
            self._place.offset = ticks_of(arrived) - newest
        return arrived, self._place.offset or 0

    def _exceeds(self, tag: str, sample: Sample) -> bool:
        """Is the change of a tag more than its deadband?"""
        before, value = self._sent.get(tag), sample.value
        if (
            isinstance(before, int | float)
            and isinstance(value, int | float)
            and abs(value - before) <= self._settings.tags[tag].deadband
        ):
            return False
        if value is None:
            self._sent.pop(tag, None)
        else:
            self._sent[tag] = value
        return True


def by_time(values: Sequence[TaggedValue]) -> list[TaggedValue]:
    """Values of several tags in the order of their times; those of one tag keep theirs."""
    return sorted(values, key=lambda item: own_time(item[1]))


def first_times(values: Iterable[TaggedValue]) -> Mapping[str, int]:
    """Time of the first value of each tag; 0 where it has none [100 ns since 1601]."""
    first: dict[str, int] = {}
    for tag, value in values:
        first.setdefault(tag, own_time(value))
    return first
