"""Values that events, conditions and molds are read from, as long as an event may read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from edge_agent.gateway.held_samples import Last
from edge_agent.gateway.moments import seconds_text, us_of
from edge_agent.gateway.tag_values import Entry, TagValues
from edge_agent.links.tag_source import Sample, Value


class WatchedValues:
    """Values of tags, by ``plc.pour_valve``."""

    def __init__(self, tags: Iterable[str], state: Mapping[str, Any]) -> None:
        """Start anew, or go on from a state.

        Args:
            tags: as ``plc.pour_valve``.
            state: of ``state()``; empty at the beginning.
        """
        self._values = {tag: TagValues(state.get(tag, ())) for tag in sorted(tags)}
        self._by_source: dict[str, dict[str, str]] = {}
        for tag in self._values:
            source, _, name = tag.partition(".")
            self._by_source.setdefault(source, {})[name] = tag

    @property
    def tags(self) -> frozenset[str]:
        """Tags that are watched."""
        return frozenset(self._values)

    @property
    def sources(self) -> frozenset[str]:
        """Sources of them."""
        return frozenset(self._by_source)

    def changed(
        self, tags: Iterable[str], after_us: int, until_us: int
    ) -> Iterator[tuple[str, int]]:
        """Tags that have changed after a moment, and how long after it.

        Args:
            tags: those to look at.
            after_us: the moment.
            until_us: a later one, up to which is looked.
        """
        for tag in tags:
            before = self._values[tag].at(after_us)
            for entry in self._values[tag].between(after_us, until_us):
                if entry.value is not None and (before is None or entry.value != before.value):
                    yield tag, entry.ts_us - after_us
                    break

    def note(
        self, source: str, samples: Sequence[Sample], newest_us: int
    ) -> Iterator[tuple[str, int, Sample]]:
        """Note the samples of a source, and give those that are new values, with tag and time.

        Args:
            source: its name.
            samples: in the order of their times.
            newest_us: newest time of the source.
        """
        watched = self._by_source.get(source, {})
        for sample in samples:
            tag = watched.get(sample.tag)
            if tag is None:
                continue
            ts_us, values = us_of(sample.ts), self._values[tag]
            if sample.value is None:
                if not sample.historical:  # its time may be of our clock
                    last = values.last()
                    ts_us = max(newest_us, last.ts_us if last else 0)
                values.add(Entry(ts_us, None, sample.fault or "no value"))
            elif values.add(Entry(ts_us, sample.value)):
                yield tag, ts_us, sample

    def last(self, tag: str) -> Last:
        """Time and last value of a tag, as ``plc.pour_valve``; 0 and None where there is none."""
        values = self._values.get(tag)
        last = values.last_good() if values is not None else None
        return (last.ts_us, last.value) if last else (0, None)

    def value_at(self, tag: str, ts_us: int) -> tuple[Value | None, str]:
        """Value of a tag at or before a moment; or None, and why it has none.

        Args:
            tag: ``plc.mold_number``.
            ts_us: the moment, in microseconds since 1970.
        """
        values = self._values[tag]
        entry = values.at(ts_us)
        if entry is None:
            first = values.first()
            if first is None:
                return None, "has no value yet"
            return None, (
                f"has no value at or before that moment, the first is "
                f"{seconds_text(first.ts_us - ts_us)} later"
            )
        if entry.value is None:
            words = "".join(one if one.isprintable() else "?" for one in entry.fault)
            return None, f"has no value: {words}"
        return entry.value, ""

    def lost(self, source: str, newest_us: int) -> None:
        """Let the tags of a source have no value from now on.

        Args:
            source: its name.
            newest_us: its newest time.
        """
        for tag in self._by_source.get(source, {}).values():
            last = self._values[tag].last()
            if last is not None and last.value is not None:
                fault = Entry(max(newest_us, last.ts_us), None, _lost(source))
                self._values[tag].add(fault)

    def resumed(self, source: str) -> None:
        """Let the tags of a source have the values again that they had before ``lost``."""
        for tag in self._by_source.get(source, {}).values():
            self._values[tag].withdraw(_lost(source))

    def forget(self, source: str, undecided_us: int | None, keep_us: int) -> None:
        """Forget values of a source that no event can read any more.

        Args:
            source: its name.
            undecided_us: time of the oldest event that is still to be decided.
            keep_us: what is younger is kept, counted from there and from the newest value.
        """
        for tag in self._by_source.get(source, {}).values():
            values = self._values[tag]
            last = values.last()
            if last is not None and len(values) > 1:
                values.prune(min(last.ts_us, undecided_us or last.ts_us) - keep_us)

    def shift(self, source: str, by_us: int) -> None:
        """Move the times of a source back: its clock was set."""
        for tag in self._by_source.get(source, {}).values():
            self._values[tag].shift(by_us)

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return {tag: values.state() for tag, values in self._values.items() if len(values)}


def _lost(source: str) -> str:
    return f"the link to {source} is lost"
