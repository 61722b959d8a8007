"""Frames of a station from one source: readings that are close in time, and what is said again.

Each source has a clock of its own, so it has frames, and a device, of its own. Their time never
runs backwards, but for frames that are marked historical: those of a backlog, and of readings that
came after newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge_agent.config.gateway_settings import FrameSettings
from edge_agent.gateway.channels import Channel, no_value
from edge_agent.gateway.frame_tags import FrameTag, go_on, state_of
from edge_agent.gateway.held_samples import Last
from edge_agent.gateway.moments import SECOND_US, seconds_us
from edge_agent.gateway.open_frame import OpenFrame
from edge_agent.gateway.source_time import SourceTime
from edge_agent.links.tag_source import Sample

Emit = Callable[[dict[str, Any], int, bool], None]
"""Takes a frame's readings, its time, and whether it is historical."""
GUARD_US = SECOND_US
"""What is said again is said of a moment so long ago: a change may still be under way."""


class SourceFrames:
    """Frames of the tags of one source."""

    def __init__(
        self,
        source: str,
        channels: Sequence[Channel],
        settings: FrameSettings,
        emit: Emit,
        time: SourceTime,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Start anew, or go on from a state.

        Args:
            source: name of the source.
            channels: those of its tags.
            settings: which readings travel together, and how often.
            emit: takes finished frames.
            time: what is known of the source's time.
            state: of ``state()``.
        """
        state = state or {}
        self._source, self._emit, self._time = source, emit, time
        self._together_us = round(settings.together_ms * 1000)
        self._repeat_us = seconds_us(settings.repeat_s)
        self._tags: dict[str, FrameTag] = {}
        for channel in channels:
            name = channel.tag.partition(".")[2]
            self._tags.setdefault(name, FrameTag(name)).channels.append(channel)
        self._channels_count = len(channels)
        go_on(self._tags, state.get("tags", {}), time.newest_us)
        self._live = OpenFrame.of(state.get("live"))
        self._backlog = OpenFrame.of(state.get("backlog"))
        self._last_us: int = state.get("last_us", 0)
        self._is_lost: bool = state.get("is_lost", False)
        self._look_us: int = state.get("look_us", 0)
        """When to look for what must be said again; never later than the first of it is due."""
        self.repeats = 0
        """Samples that had come before, since this process began."""

    def take(self, samples: Sequence[Sample], now_us: int) -> None:
        """Take samples of this source.

        Args:
            samples: in the order of their times.
            now_us: when they arrived, by our clock.
        """
        due_us = now_us + self._together_us
        tags, fresh_us = self._tags, 0
        self._is_lost = False
        for sample in samples:
            tag = tags.get(sample.tag)
            if tag is None or sample.unknown_age:
                continue
            ts_us = round(sample.ts.timestamp() * 1e6)
            if sample.value is None:
                self._fault(tag, sample, ts_us, now_us, due_us)
                continue
            historical = sample.historical
            if ts_us <= tag.ts_us:
                if ts_us == tag.ts_us or not self._time.fills_a_gap(
                    tag.name, ts_us, historical=historical
                ):
                    self._repeated(tag, sample, ts_us, now_us)
                    continue
                historical = True
            else:
                if tag.ts_us and tag.confirmed and not historical:
                    fresh_us = ts_us
                if tag.ts_us and (tag.fault or not tag.confirmed):
                    self._time.interrupted(tag.name, tag.ts_us, ts_us)
                tag.ts_us, tag.value, tag.fault = ts_us, sample.value, ""
                tag.said_us, tag.confirmed = now_us, True
            self._readings(tag, sample, ts_us, now_us, due_us, historical)
        if fresh_us:
            self._time.compare(fresh_us - now_us, now_us)
        if not self._together_us or len(self._live) >= self._channels_count:
            self._flush()
        if self._repeat_us and not self._look_us:
            self._look_us = now_us + self._repeat_us

    def _readings(
        self, tag: FrameTag, sample: Sample, ts_us: int, now_us: int, due_us: int, historical: bool
    ) -> None:
        value = sample.value
        assert value is not None
        for channel in tag.channels:
            found = channel.reading(value)
            if type(found) is dict:
                if not historical and not tag.is_news(channel, found, now_us, self._repeat_us):
                    continue
            elif tag.bad:
                tag.bad.pop(channel.name, None)
            self._add(channel, found, ts_us, due_us, historical, sample.of_arrival)

    def _add(
        self,
        channel: Channel,
        found: Any,
        ts_us: int,
        due_us: int,
        historical: bool,
        of_arrival: bool,
    ) -> None:
        together_us = self._together_us
        if historical or ts_us < self._last_us:
            if not self._backlog.fits(channel, ts_us, together_us):
                self._flush_backlog()
            self._backlog.add(channel, found, ts_us, due_us, of_arrival)
            return
        if not self._live.fits(channel, ts_us, together_us):
            if ts_us < self._live.first_us:  # before what waits, and not yet late
                alone = OpenFrame()
                alone.add(channel, found, ts_us, due_us, of_arrival)
                self._send(alone, historical=False)
                return
            self._flush()
        self._live.add(channel, found, ts_us, due_us, of_arrival)

    def _fault(self, tag: FrameTag, sample: Sample, ts_us: int, now_us: int, due_us: int) -> None:
        """A tag without a value: told once, and again as ``repeat_s`` says."""
        if ts_us < tag.ts_us and sample.historical:
            return  # that it was bad for a while is over
        fault = sample.fault or "no value"
        known = tag.fault == fault and tag.confirmed
        tag.confirmed = True
        if known:
            return
        tag.fault, tag.said_us = fault, now_us
        ts_us = max(self._time.not_after(ts_us, now_us), tag.ts_us)
        for channel in tag.channels:
            left = no_value(channel.tag, fault)
            self._add(channel, left, ts_us, due_us, sample.historical, sample.of_arrival)

    def _repeated(self, tag: FrameTag, sample: Sample, ts_us: int, now_us: int) -> None:
        """A sample that has come before is no reading; but it says that the tag is good again."""
        self.repeats += 1
        if ts_us < tag.ts_us or sample.historical or (tag.confirmed and not tag.fault):
            return
        tag.fault, tag.confirmed = "", True
        if self._repeat_us:
            tag.said_us = now_us - self._repeat_us
            self._look_us = min(self._look_us or now_us, now_us)

    def tick(self, now_us: int) -> None:
        """Send what is due."""
        if self._backlog.due_us and self._backlog.due_us <= now_us:
            self._flush_backlog()
        if self._live.due_us and self._live.due_us <= now_us:
            self._flush()
        if self._look_us and self._look_us <= now_us:
            self._say_again(now_us)

    def lost(self, now_us: int) -> None:
        """The link is lost: tell once that nothing has a value, and say nothing again."""
        self._flush()
        if self._is_lost:
            return
        self._is_lost, self._look_us = True, 0
        words = f"the link to {self._source} is lost"
        frame = OpenFrame()
        ts_us = max(self._time.clock_us(now_us) - GUARD_US, self._last_us)
        for tag in self._tags.values():
            tag.confirmed = False
            if tag.ts_us and not tag.fault:
                for channel in tag.channels:
                    frame.add(channel, no_value(channel.tag, words), ts_us, now_us, False)
        if len(frame):
            self._send(frame, historical=False, certain=self._time.is_known)

    def _say_again(self, now_us: int) -> None:
        """Readings, and faults, that were not said for long, while the link is there."""
        frame, first_us = OpenFrame(), now_us
        ts_us = max(self._time.clock_us(now_us) - GUARD_US, self._last_us)
        soon_us = now_us - self._repeat_us + self._repeat_us // 10
        for tag in self._tags.values():
            if not tag.confirmed:
                continue
            if tag.said_us > soon_us:
                first_us = min(first_us, tag.said_us)
                continue
            tag.said_us = now_us
            for channel in tag.channels:
                found: Any
                if tag.fault:
                    found = no_value(channel.tag, tag.fault)
                elif tag.value is None:
                    continue
                else:
                    found = channel.reading(tag.value)
                    if type(found) is dict and not tag.is_news(
                        channel, found, now_us, self._repeat_us
                    ):
                        continue
                frame.add(channel, found, ts_us, now_us, False)
        self._look_us = first_us + self._repeat_us
        if len(frame):
            self._flush()
            frame.newest_us = max(frame.newest_us, self._last_us)
            self._send(frame, historical=False, certain=self._time.is_known)

    def _flush(self) -> None:
        self._flush_backlog()
        if self._live.due_us:
            frame, self._live = self._live, OpenFrame()
            self._send(frame, historical=False)

    def _flush_backlog(self) -> None:
        if self._backlog.due_us:
            frame, self._backlog = self._backlog, OpenFrame()
            self._send(frame, historical=True)

    def _send(self, frame: OpenFrame, *, historical: bool, certain: bool = True) -> None:
        if certain:  # else its time is by our clock, and the source's may be far behind
            self._last_us = max(self._last_us, frame.newest_us)
        self._emit(frame.document(), frame.newest_us, historical)

    def last(self, tag: str) -> Last:
        """Time and value of the last sample of a tag; 0 and None where there is none."""
        found = self._tags.get(tag)
        return (found.ts_us, found.value) if found else (0, None)

    def set_back(self) -> None:
        """The source's clock was set back: send what waits, and take all times anew."""
        self._flush()
        self._last_us = 0
        for tag in self._tags.values():
            tag.ts_us = min(tag.ts_us, 1)

    def next_due_us(self) -> int | None:
        """When ``tick`` has something to do."""
        due = (self._backlog.due_us, self._live.due_us, 0 if self._is_lost else self._look_us)
        return min((one for one in due if one), default=None)

    def state(self) -> dict[str, Any]:
        """State as JSON."""
        return {
            "tags": state_of(self._tags.values(), self._time.newest_us),
            "live": self._live.state(),
            "backlog": self._backlog.state(),
            "last_us": self._last_us,
            "is_lost": self._is_lost,
            "look_us": self._look_us,
        }
