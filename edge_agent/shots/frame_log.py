"""Recent frames of presses, packed, so that late truth can correct what was made of them.

A frame may come before its shot is known, twice, or out of order; an end may come after the frames
that follow it. What a shot says of its readings is then computed anew from these records. They are
in memory only: a shot that was followed before the agent started counts on with what it has.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from datetime import datetime, timedelta
from math import isfinite, isinf

import numpy as np
from numpy.typing import NDArray

from broker.messages import TelemetryFrame
from broker.topics import PressAddress
from edge_agent.shots.cure_readings import time_of, us
from edge_agent.shots.readings import INPUT_SIGNALS
from edge_agent.shots.shot import Reading
from twin_core.arrays import Array

CHANNELS = (*INPUT_SIGNALS, "T_core_C", "p_cavity_bar")
"""Channels that predictions and key figures are made of."""
LANE_FRAMES_MAX = 8192
"""Of a mold: an hour at two a second, a quarter of an hour at ten."""
FRAMES_MAX = 400_000
"""Of all molds of an agent, 36 MB; the mold that was silent longest gives way."""
_DROPPED_AT_ONCE = 1024
"""Frames of a full lane that are dropped in one go."""
_WIDTH = len(CHANNELS)
_NEAR = 64
"""Frames before a pour that mostly have its inputs: they are looked at one by one."""


class Lane:
    """Frames of one mold, or those of a press that name no mold, in order of time."""

    def __init__(self) -> None:
        self.at_us = array("q")
        self._content = array("q")
        self._shot = array("q")
        self._values = array("d")
        """Frame by frame."""
        self._newest_us = [-(2**62)] * len(CHANNELS)
        """Of the last possible reading by channel."""
        self.names_shots = False
        """Did a frame ever name its shot?"""
        self.complete_from_us = -(2**62)
        """Older frames may have been dropped."""

    def __len__(self) -> int:
        return len(self.at_us)

    def add(self, at_us: int, content: int, shot: int, values: list[float]) -> bool:
        """Add a frame; false when it is there."""
        place = len(self.at_us)
        if place and at_us <= self.at_us[-1]:
            last = bisect_right(self.at_us, at_us)
            first = bisect_left(self.at_us, at_us, hi=last)
            place = bisect_left(self._content, content, first, last)  # of one moment: by content
            if place < last and self._content[place] == content:
                return False
        self.at_us.insert(place, at_us)
        self._content.insert(place, content)
        self._shot.insert(place, shot)
        self.names_shots |= shot != 0
        self._values[place * _WIDTH : place * _WIDTH] = array("d", values)
        newest_us = self._newest_us
        for channel, value in enumerate(values):
            if isfinite(value) and at_us > newest_us[channel]:
                newest_us[channel] = at_us
        return True

    def drop_oldest(self, count: int) -> None:
        """Forget so many frames."""
        self.complete_from_us = self.at_us[count - 1] + 1
        for numbers in (self.at_us, self._content, self._shot):
            del numbers[:count]
        del self._values[: count * _WIDTH]

    def places(self, first_us: int, last_us: int) -> slice:
        """Places of the frames of a time, both ends included [µs]."""
        return slice(bisect_left(self.at_us, first_us), bisect_right(self.at_us, last_us))

    def times(self, places: slice) -> NDArray[np.int64]:
        """Times [µs]."""
        return np.array(self.at_us[places])

    def shots(self, places: slice) -> NDArray[np.int64]:
        """Numbers of the shots that the frames name; 0 for none."""
        return np.array(self._shot[places])

    def values(self, places: slice) -> Array:
        """Values (frames x channels); NaN: no reading, inf: impossible."""
        return self._part(places.start, places.stop)

    def last_before(
        self, channel: int, at_us: int, oldest_us: int
    ) -> tuple[int, float, bool] | None:
        """Last possible reading at or before a moment: time [µs], value, and were later ones not.

        Args:
            channel: place in ``CHANNELS``.
            at_us: the moment [µs].
            oldest_us: an older reading does not count [µs].
        """
        if self._newest_us[channel] < oldest_us:
            return None
        end = bisect_right(self.at_us, at_us)
        begin = bisect_left(self.at_us, oldest_us, hi=end)
        impossible, near = False, max(begin, end - _NEAR)
        for place in range(end - 1, near - 1, -1):
            value = self._values[place * _WIDTH + channel]
            if isfinite(value):
                return self.at_us[place], value, impossible
            impossible |= isinf(value)
        older = self._part(begin, near)[:, channel]
        found = np.flatnonzero(np.isfinite(older))
        if not len(found):
            return None
        last = int(found[-1])
        impossible |= bool(np.isinf(older[last + 1 :]).any())
        return self.at_us[begin + last], float(older[last]), impossible

    def _part(self, begin: int, end: int) -> Array:
        return np.array(self._values[begin * _WIDTH : end * _WIDTH]).reshape(-1, _WIDTH)


class FrameLog:
    """Lanes of all presses."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[tuple[PressAddress, str | None], Lane] = OrderedDict()
        self._count = 0

    def add(self, press: PressAddress, frame: TelemetryFrame, values: list[float]) -> bool:
        """Add a frame; false when it is there.

        Args:
            press: press that sent it.
            frame: the frame.
            values: those of ``CHANNELS``; NaN where it has none, infinity where it is impossible.
        """
        key = press, frame.mold_id
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane()
        self._lanes.move_to_end(key)
        shot = number_of(frame.shot_id)
        new = lane.add(us(frame.ts), content_of(frame), shot, values)
        if new:
            self._count += 1
            if len(lane) > LANE_FRAMES_MAX:
                lane.drop_oldest(_DROPPED_AT_ONCE)
                self._count -= _DROPPED_AT_ONCE
            while self._count > FRAMES_MAX:
                _, gone = self._lanes.popitem(last=False)
                self._count -= len(gone)
        return new

    def last_before(
        self,
        press: PressAddress,
        mold_id: str | None,
        name: str,
        *,
        at: datetime,
        age_max: timedelta,
    ) -> Reading | None:
        """Last possible reading of a channel at or before a moment; None where all are too old.

        Args:
            press: the press.
            mold_id: mold that the frames name; None for those that name none.
            name: of ``CHANNELS``.
            at: the moment.
            age_max: an older reading does not count.
        """
        lane = self.lane(press, mold_id)
        last = lane and lane.last_before(CHANNELS.index(name), us(at), us(at - age_max))
        if not last:
            return None
        at_us, value, impossible_later = last
        return Reading(ts=time_of(at_us), value=value, stands_in=impossible_later)

    def lane(self, press: PressAddress, mold_id: str | None) -> Lane | None:
        """Frames of a mold, or those that name none."""
        return self._lanes.get((press, mold_id))


def number_of(shot_id: str | None) -> int:
    """Number that stands for a shot id in the lanes of this process; 0 for none."""
    return 0 if shot_id is None else hash(shot_id) | 1


def content_of(frame: TelemetryFrame) -> int:
    """Hash of device, number and content, for this process only: equal frames are repeats."""
    parts = (frame.device_id, frame.seq, frame.shot_id, frame.simulated)
    readings = frozenset(frame.sensors.items())
    if frame.metrics or frame.status:
        more = frozenset(frame.metrics.items()), frozenset(frame.status.items())
        return hash((*parts, readings, *more))
    return hash((*parts, readings))
