"""Time of a source as its samples show it: gaps that a backlog may fill, its clock beside ours.

Within a tag time runs forward, so a sample that is not newer than the last one is a repeat. There
are two exceptions. A source may send what it kept during an outage after what is new: such samples
lie in a gap, where nothing was read of the source, or of the tag, and come in their order. And its
clock may be set back: then all that it sends is older for a while.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from broker.timestamps import EARLIEST, LATEST
from edge_agent.gateway.moments import SECOND_US
from edge_agent.links.tag_source import Sample

_BY_TIME = attrgetter("ts")

GAP_US = 5 * SECOND_US
"""A source that is silent for longer leaves a gap."""
GAPS_KEPT = 8
SET_BACK_US = 3 * SECOND_US
"""A source that sends nothing but older times for so long has set its clock back …"""
FAR_US = 10 * SECOND_US
"""… by more than this."""
STRETCH_US = 30 * SECOND_US
"""How long an estimate of a source's clock counts, once more as the one before."""


class SourceTime:
    """What is known of the time of a source."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.newest_us: int = state.get("newest_us", 0)
        """Time of the newest sample."""
        self._heard_us: int = state.get("heard_us", 0)
        """When it came, by our clock; 0 where it came with a backlog."""
        self._gaps: list[list[int]] = [list(gap) for gap in state.get("gaps", [])]
        self._of_tags: dict[str, list[int]] = {
            tag: list(gap) for tag, gap in state.get("of_tags", {}).items()
        }
        """Last gap of each tag that had no value while others had."""
        self._filled: dict[str, int] = dict(state.get("filled", {}))
        """How far each tag has filled them."""
        self._behind_us: int = state.get("behind_us", 0)
        """When the first sample came since which all are older; 0 while they are not."""
        self._offset: list[int] = list(state.get("offset", []))
        """Its clock less ours, at least, in this stretch and in the last one; and since when this
        one is."""

    def hear(self, times_us: Sequence[int], now_us: int) -> int:
        """Note the times of samples that have a value; see whether the clock was set back.

        Args:
            times_us: of a batch, the oldest first.
            now_us: when they came, by our clock.

        Returns:
            Microseconds by which the clock was set back; 0 if it was not.
        """
        newest_us = times_us[-1]
        by_us = self.newest_us - newest_us
        if by_us >= FAR_US:
            self._behind_us = self._behind_us or now_us
            if now_us - self._behind_us < SET_BACK_US:
                return 0
            self.newest_us, self._behind_us = newest_us, 0
            self._gaps.clear()
            self._of_tags.clear()
            self._filled.clear()
            self._offset.clear()
            return by_us
        self._behind_us = 0
        if by_us < 0:
            first_us = times_us[bisect_right(times_us, self.newest_us)]
            if self.newest_us and first_us - self.newest_us > GAP_US:
                self._gaps.append([self.newest_us, first_us])
                del self._gaps[:-GAPS_KEPT]
            self.newest_us = newest_us
        return 0

    def heard(self, ts_us: int, now_us: int) -> None:
        """Note when a sample came, as it was read.

        Args:
            ts_us: its time.
            now_us: when it came, by our clock.
        """
        if ts_us >= self.newest_us:
            self._heard_us = now_us

    def reach_us(self, now_us: int) -> int:
        """How far ahead of ours its clock was at least, from its samples so far.

        Args:
            now_us: our time when it was as they show.
        """
        if not self.newest_us:
            return -now_us
        found = [self.newest_us - (self._heard_us or now_us), self.newest_us - now_us]
        return max(*found, *self._offset[:2])

    def set_back(self, by_us: int) -> None:
        """Move what is known back: its clock was set.

        Args:
            by_us: by how much.
        """
        self.newest_us -= by_us
        self._behind_us = 0
        self._gaps.clear()
        self._of_tags.clear()
        self._filled.clear()
        self._offset.clear()

    def interrupted(self, tag: str, last_us: int, ts_us: int) -> None:
        """Note a gap of one tag, which has a value again after it had none.

        Args:
            tag: its name.
            last_us: time of its last value before.
            ts_us: time of the one that it has now.
        """
        self._of_tags[tag] = [last_us, ts_us]

    def fills_a_gap(self, tag: str, ts_us: int, *, historical: bool = False) -> bool:
        """Whether a sample that is older than the last one of its tag lies in a gap, and is new.

        Args:
            tag: its name.
            ts_us: its time.
            historical: its source says so; then a gap of the tag alone counts, too.
        """
        if ts_us <= self._filled.get(tag, 0):
            return False
        gaps = [*self._gaps, *([self._of_tags[tag]] if historical and tag in self._of_tags else [])]
        if any(low < ts_us < high for low, high in gaps):
            self._filled[tag] = ts_us
            return True
        return False

    def compare(self, offset_us: int, now_us: int) -> None:
        """Compare its clock with ours.

        Args:
            offset_us: time of a sample that has just changed, less ours.
            now_us: our time.
        """
        if not self._offset or now_us - self._offset[2] > 2 * STRETCH_US:
            self._offset = [offset_us, offset_us, now_us]
        elif now_us - self._offset[2] > STRETCH_US:
            self._offset = [offset_us, self._offset[0], now_us]
        else:
            self._offset[0] = max(self._offset[0], offset_us)

    @property
    def is_known(self) -> bool:
        """Whether its clock was compared with ours."""
        return bool(self._offset)

    def clock_us(self, now_us: int) -> int:
        """Our time as its clock shows it, or a little earlier; our time while that is not known."""
        return now_us + (max(self._offset[:2]) if self._offset else 0)

    def not_after(self, ts_us: int, now_us: int) -> int:
        """A time that may be of our clock, as a fault's is, but not after what its clock can show.

        Args:
            ts_us: the time.
            now_us: our time.
        """
        if not self.newest_us:
            return ts_us
        return min(ts_us, max(self.newest_us, self.clock_us(now_us) if self._offset else 0))

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        found: dict[str, Any] = {"newest_us": self.newest_us}
        if self._heard_us:
            found["heard_us"] = self._heard_us
        if self._gaps:
            found["gaps"] = [list(gap) for gap in self._gaps]
        if self._of_tags:
            found["of_tags"] = {tag: list(gap) for tag, gap in self._of_tags.items()}
        if self._filled:
            found["filled"] = dict(self._filled)
        if self._behind_us:
            found["behind_us"] = self._behind_us
        if self._offset:
            found["offset"] = list(self._offset)
        return found


def in_time(samples: Sequence[Sample], now: datetime) -> list[Sample]:
    """Samples, the oldest first; one whose time the wire does not take has no value instead.

    Args:
        samples: of one source.
        now: when they arrived.
    """
    ordered = sorted(samples, key=_BY_TIME)
    if not ordered or EARLIEST <= ordered[0].ts <= ordered[-1].ts <= LATEST:
        return ordered
    found = [
        one
        if EARLIEST <= one.ts <= LATEST
        else Sample(
            one.tag,
            now,
            fault=f"its time is of the year {one.ts.year}: set the machine's clock, or take the "
            "time of arrival",
            of_arrival=True,
        )
        for one in ordered
    ]
    return sorted(found, key=_BY_TIME)
