"""Readings of a shot: peaks, latest values and counts, added in order or computed anew.

Impossible readings are missing readings. Peaks count from the pour to the end; a probe that still
holds the heat of the part before counts from when it has cooled or the foam heats it again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.data_quality import IMPOSSIBLE
from broker.messages import TelemetryFrame
from edge_agent.shots.cure_readings import CureReadings, time_of, us
from edge_agent.shots.frame_log import CHANNELS, FrameLog, number_of
from edge_agent.shots.shot import Reading, Shot
from twin_core.arrays import Array
from twin_core.hot_probe import HEATS_K, SEEN_S, T_HOT_C
from twin_core.plausible_ranges import SERIES

PROBE_HOT = "probe-still-hot"
_NO_TIME_US = 2**62
_OF_A_PART = [CHANNELS.index(name) for name in SERIES]


def logged(frame: TelemetryFrame) -> list[float]:
    """Values of ``CHANNELS`` for the log: NaN for none, infinity for an impossible one."""
    values = [frame.sensors.get(name, math.nan) for name in CHANNELS]
    for name, left in frame.left_out.items():
        if left.reason == IMPOSSIBLE and name in CHANNELS:
            values[CHANNELS.index(name)] = math.inf
    return values


def is_of_a_part(frame: TelemetryFrame) -> bool:
    """Whether a frame has readings of a part, possible or not."""
    if not frame.sensors.keys().isdisjoint(SERIES):
        return True
    return any(n in SERIES and left.reason == IMPOSSIBLE for n, left in frame.left_out.items())


def follows(shot: Shot, frame: TelemetryFrame) -> bool:
    """Whether a frame is later than all those of the shot."""
    return us(frame.ts) > shot.newest_us


def add(shot: Shot, frame: TelemetryFrame, *, in_log: bool) -> None:
    """Add a new frame to its shot.

    Args:
        shot: the shot.
        frame: it follows all before it, if those are in the log.
        in_log: all frames of the shot are in the log; else a frame between those of its device that
            were counted is taken for a repeat.
    """
    keep_latest(shot, frame)
    at_us = us(frame.ts)
    first, last = shot.heard_us.get(frame.device_id, (at_us, at_us))
    is_repeat = not in_log and frame.device_id in shot.heard_us and first <= at_us <= last
    shot.heard_us[frame.device_id] = min(first, at_us), max(last, at_us)
    if not is_repeat:
        shot.frames_count += 1
        for name, left in frame.left_out.items():
            leave_out(shot, name, left.reason)
    _take(shot, at_us, frame.sensors)


def count_beyond_the_log(shot: Shot, frame: TelemetryFrame) -> None:
    """Count what a new frame of a shot has left out, and what the log does not know of."""
    at_us = us(frame.ts)
    first, last = shot.heard_us.get(frame.device_id, (at_us, at_us))
    shot.heard_us[frame.device_id] = min(first, at_us), max(last, at_us)
    for name, left in frame.left_out.items():
        if name not in CHANNELS or left.reason != IMPOSSIBLE:
            leave_out(shot, name, left.reason)


def keep_latest(shot: Shot, frame: TelemetryFrame) -> None:
    """Keep the latest reading of every sensor; of two at one moment the larger one."""
    ts, latest = frame.ts, shot.latest
    for name, value in frame.sensors.items():
        known = latest.get(name)
        if known is None or known.ts < ts or (known.ts == ts and known.value < value):
            latest[name] = Reading(ts, value)


@dataclass(frozen=True)
class Around:
    """Shots that readings may belong to instead, each list with the shot itself."""

    of_id: list[Shot]
    of_mold: list[Shot]
    """Readings belong to the newest that has begun."""
    of_press: list[Shot]
    """Empty unless readings of a part come without a name: they are of the shot that is alone."""


def compute(shot: Shot, around: Around, log: FrameLog) -> None:
    """Compute peaks and counts of a shot anew from the log; other latest readings are kept."""
    shot.T_core_max_C = shot.p_cavity_max_bar = None
    shot.frames_count, shot.cure, shot.probe = 0, CureReadings(), "unknown"
    shot.newest_us = -_NO_TIME_US
    shot.readings_left_out = _beyond_the_log(shot)
    shot.latest = {name: read for name, read in shot.latest.items() if name not in CHANNELS}
    latest = dict[str, tuple[int, float]]()
    for at_us, values in _records(shot, around, log):
        possible = {}
        for name, value in zip(CHANNELS, values, strict=True):
            if math.isinf(value):
                leave_out(shot, name, IMPOSSIBLE)
            elif math.isfinite(value):
                possible[name] = value
        shot.frames_count += 1
        _take(shot, at_us, possible)
        for name, value in possible.items():
            latest[name] = max((at_us, value), latest.get(name, (at_us, value)))
    for name, (at_us, value) in latest.items():
        shot.latest[name] = Reading(ts=time_of(at_us), value=value)


def _beyond_the_log(shot: Shot) -> dict[str, dict[str, int]]:
    """Counts of readings left out that the log cannot give again."""
    found = {}
    for name, reasons in shot.readings_left_out.items():
        logged = (IMPOSSIBLE, PROBE_HOT) if name in CHANNELS else ()
        rest = {reason: count for reason, count in reasons.items() if reason not in logged}
        if rest:
            found[name] = rest
    return found


def _records(shot: Shot, around: Around, log: FrameLog) -> list[tuple[int, list[float]]]:
    """Frames of a shot in order of time: those that name it, and those of its mold in its time."""
    begun, closed, number = shot.begun_at, shot.closed_at, number_of(shot.shot_id)
    first = -_NO_TIME_US if begun is None else us(begun)
    last = _NO_TIME_US if closed is None else us(closed)
    of_mold = [o.begun_at for o in around.of_mold if o is not shot and o.begun_at is not None]
    following = [at for at in of_mold if begun is None or at > begun]
    if following:
        last = min(last, us(min(following)) - 1)
    found = list[tuple[int, list[float]]]()
    for mold_id in {None, shot.mold_id, *(event.mold_id for event in shot.events)}:
        lane = log.lane(shot.address, mold_id)
        if lane is None:
            continue
        others = [o for o in around.of_id if o is not shot and o.accepts(mold_id)]
        begins = [(us(o.begun_at), o.mold_id) for o in others if o.begun_at is not None]
        mine_begins = first, shot.mold_id
        named_from = first if any(other < mine_begins for other in begins) else -_NO_TIME_US
        later = [other[0] for other in begins if other > mine_begins]
        named_to = min(later, default=_NO_TIME_US) - 1
        if begun is None and begins:
            continue
        from_us, to_us = first, last
        if lane.names_shots:
            from_us, to_us = min(first, named_from), max(last, named_to)
        places = lane.places(from_us, to_us)
        if places.start >= places.stop:
            continue
        times, names, values = lane.times(places), lane.shots(places), lane.values(places)
        mine = (names == number) & (times >= named_from) & (times <= named_to)
        if mold_id is None:
            mine &= ~_of_several_molds(around.of_id, times)
        if begun is not None and (mold_id == shot.mold_id or (mold_id is None and around.of_press)):
            in_time = (names == 0) & (times >= first) & (times <= last)
            mine |= (
                in_time
                if mold_id is not None
                else in_time & _alone(shot, around.of_press, times, values)
            )
        found += zip(times[mine].tolist(), values[mine].tolist(), strict=True)
    found.sort(key=lambda record: record[0])
    return found


def _of_several_molds(of_id: list[Shot], times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """At which of these times shots of one id cure in several molds."""
    found: dict[str, NDArray[np.bool_]] = {}
    for shot in of_id:
        if shot.begun_at is not None:
            end = _NO_TIME_US if shot.closed_at is None else us(shot.closed_at)
            cures = (times >= us(shot.begun_at)) & (times <= end)
            found[shot.mold_id] = found.get(shot.mold_id, np.zeros(len(times), bool)) | cures
    return np.asarray(sum(cures.astype(int) for cures in found.values()) > 1)


def _alone(
    shot: Shot, of_press: list[Shot], times: NDArray[np.int64], values: Array
) -> NDArray[np.bool_]:
    """Which frames have readings of a part while no other shot of the press cures."""
    found: NDArray[np.bool_] = np.asarray(~np.isnan(values[:, _OF_A_PART]).all(axis=1))
    for other in of_press:
        if other is not shot and other.begun_at is not None:
            end = _NO_TIME_US if other.closed_at is None else us(other.closed_at)
            found &= (times < us(other.begun_at)) | (times > end)
    return found


def _take(shot: Shot, at_us: int, possible: Mapping[str, float]) -> None:
    shot.newest_us = max(shot.newest_us, at_us)
    poured = None if shot.poured_at is None else us(shot.poured_at)
    closed = _NO_TIME_US if shot.closed_at is None else us(shot.closed_at)
    cures = poured is not None and poured <= at_us <= closed
    core = possible.get("T_core_C")
    if core is not None and poured is not None and cures and _is_hot(shot, core, at_us - poured):
        possible = {name: value for name, value in possible.items() if name != "T_core_C"}
        leave_out(shot, "T_core_C", PROBE_HOT)
        core = None
    if cures:
        shot.T_core_max_C = _larger(shot.T_core_max_C, core)
        shot.p_cavity_max_bar = _larger(shot.p_cavity_max_bar, possible.get("p_cavity_bar"))
    for name, value in possible.items():
        shot.cure.read(name, at_us, value, poured)


def _is_hot(shot: Shot, core_C: float, since_us: int) -> bool:
    """One reading after the other: as ``twin_core.hot_probe.still_hot``."""
    if shot.probe == "good":
        return False
    if shot.probe == "hot":
        rises = core_C > shot.probe_C + HEATS_K
        shot.probe_C = min(core_C, shot.probe_C)
        if rises or core_C <= T_HOT_C:
            shot.probe = "good"
            return False
        return True
    hot = core_C > T_HOT_C and since_us <= 1e6 * SEEN_S
    shot.probe, shot.probe_C = ("hot" if hot else "good"), core_C
    return shot.probe == "hot"


def leave_out(shot: Shot, name: str, reason: str) -> None:
    """Count a reading that was not used."""
    of_channel = shot.readings_left_out.setdefault(name, {})
    of_channel[reason] = of_channel.get(reason, 0) + 1


def _larger(known: float | None, value: float | None) -> float | None:
    return known if value is None or (known is not None and known >= value) else value
