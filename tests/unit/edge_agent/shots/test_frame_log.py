"""The log of recent frames, beside a plain list of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.shots.frame_log import CHANNELS, Lane

Frame = tuple[int, int, int, list[float]]
"""Time [µs], content, shot, values."""
TIMES = st.integers(0, 40)
VALUES = st.lists(
    st.sampled_from([math.nan, math.inf, 1.0, 2.5, -3.0]),
    min_size=len(CHANNELS),
    max_size=len(CHANNELS),
)
FRAMES = st.lists(st.tuples(TIMES, st.integers(0, 2), st.integers(0, 1), VALUES), max_size=150)


@dataclass
class Plain:
    """What a lane is to do."""

    frames: list[Frame] = field(default_factory=list)

    def add(self, frame: Frame) -> bool:
        if any(known[:2] == frame[:2] for known in self.frames):
            return False
        self.frames.append(frame)
        self.frames.sort(key=lambda known: known[:2])
        return True

    def last_before(
        self, channel: int, at_us: int, oldest_us: int
    ) -> tuple[int, float, bool] | None:
        impossible = False
        for time, _, _, values in reversed(self.frames):
            if not oldest_us <= time <= at_us:
                continue
            if math.isfinite(values[channel]):
                return time, values[channel], impossible
            impossible |= math.isinf(values[channel])
        return None


@given(FRAMES, st.integers(0, 20), TIMES, TIMES)
def test_a_lane_is_a_sorted_list_of_frames(
    frames: list[Frame], dropped: int, one: int, other: int
) -> None:
    lane, plain = Lane(), Plain()
    named = False
    for frame in frames:
        new = plain.add(frame)
        named |= new and frame[2] != 0
        assert lane.add(*frame) == new
    if len(lane) > dropped > 0:
        lane.drop_oldest(dropped)
        del plain.frames[:dropped]
    first, last = sorted((one, other))
    places = lane.places(first, last)
    within = [frame for frame in plain.frames if first <= frame[0] <= last]
    assert lane.times(places).tolist() == [time for time, *_ in within]
    assert lane.shots(places).tolist() == [shot for _, _, shot, _ in within]
    assert str(lane.values(places).tolist()) == str([values for *_, values in within])
    assert lane.names_shots == named
    for channel in range(len(CHANNELS)):
        expected = plain.last_before(channel, last, first)
        assert lane.last_before(channel, last, first) == expected
