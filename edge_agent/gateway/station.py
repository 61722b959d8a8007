"""A station: samples of its tags become frames and events of shots. Pure: no clock, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from edge_agent.config.gateway_settings import GatewaySettings, Station, TextFrom
from edge_agent.gateway.backlogs import BEHIND_US
from edge_agent.gateway.candidates import Candidate, Due
from edge_agent.gateway.channels import channels_of
from edge_agent.gateway.frames import SourceFrames
from edge_agent.gateway.held_samples import Batches, HeldSamples, Last
from edge_agent.gateway.moments import (
    SECOND_US,
    seconds_text,
    seconds_us,
    text_of,
    time_of,
    us_of,
)
from edge_agent.gateway.outbox_entry import Draft, Kind
from edge_agent.gateway.readings_of_pour import PourReader
from edge_agent.gateway.shots_of_station import StationShots
from edge_agent.gateway.source_time import SourceTime, in_time
from edge_agent.gateway.texts import NoText, named_id
from edge_agent.gateway.trace import NOTE, Trace, TraceLine
from edge_agent.gateway.triggers import Triggers
from edge_agent.gateway.uses import tags_of_shots
from edge_agent.gateway.watched_values import WatchedValues
from edge_agent.links.tag_source import Sample

_MISSES_NOTHING = frozenset({"mqtt", "folder"})
"""Kinds of sources whose tags keep their value while we are away: the broker keeps messages for us,
and a file its lines."""
AHEAD_US = 300 * SECOND_US
"""A clock that is further ahead is told: an agent refuses such times, unless set otherwise."""


class StationTranslator:
    """Translates the samples of a station; its state is JSON, and another one goes on with it."""

    def __init__(
        self,
        name: str,
        station: Station,
        settings: GatewaySettings,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Start anew, or go on from a state.

        Args:
            name: name of the station in the configuration.
            station: its part of the settings.
            settings: settings of the gateway.
            state: of ``state()``, as it was kept; None at the beginning. What does not fit to the
                configuration any more is left out.

        Raises:
            UnknownUnit: a unit cannot be converted; ``load_gateway`` refuses such settings.
        """
        state = state or {}
        self.name = name
        self.trace = Trace(name)
        self._station, self._settings = station, settings
        self._press = settings.address(station)
        self._drafts: list[Draft] = []
        self._no_mold = ""
        """Value that names no mold, told already."""
        channels = channels_of(station)
        self._device = station.device or name
        watched = {station.mold.tag} if isinstance(station.mold, TextFrom) else set[str]()
        shots, self._settle_us = station.shots, 0
        if shots is not None:
            watched |= tags_of_shots(station)
            self._settle_us = seconds_us(shots.settle_s)
        self._values = WatchedValues(watched, state.get("values", {}))
        self._keep_us = 2 * self._settle_us + 2 * SECOND_US
        frame_sources = list(dict.fromkeys(one.tag.partition(".")[0] for one in channels))
        self._times = {
            source: SourceTime(state.get("times", {}).get(source))
            for source in sorted({*frame_sources, *self._values.sources})
        }
        self._held = {
            source: HeldSamples(time, state.get("held", {}).get(source, ()))
            for source, time in self._times.items()
        }
        self._ahead: set[str] = set()
        """Sources whose clock is ahead, as was told."""
        self._frames = {
            source: SourceFrames(
                source,
                [one for one in channels if one.tag.partition(".")[0] == source],
                settings.frames,
                partial(self._frame, source),
                self._times[source],
                state.get("frames", {}).get(source),
            )
            for source in frame_sources
        }
        self._triggers: Triggers | None = None
        self._shots: StationShots | None = None
        if shots is not None:
            value_at = self._values.value_at
            reader = PourReader(station, value_at)
            kept = state.get("shots")
            self._shots = StationShots(name, shots, self.trace, self._event, kept)
            self._triggers = Triggers(
                shots, reader, value_at, self.trace, self._counted, state.get("triggers")
            )
            self._of_one_shot = reader.tags_of_one_shot()
            self._keep_us += seconds_us(shots.read_after_s)
        self.tags: frozenset[str] = self._values.tags | {one.tag for one in channels}
        """Tags that the station needs, as ``plc.mold_temperature``."""

    def take(self, source: str, samples: Sequence[Sample], now: datetime) -> list[Draft]:
        """Messages that follow from samples; samples of tags that it does not need are passed over.

        Args:
            source: name of the source that they come from.
            samples: in the order in which they were read.
            now: when they arrived, by the gateway's clock.
        """
        now_us = us_of(now)
        if source in self._times:
            self._tick(now_us)
            ordered = in_time(samples, now)
            by_us, batches = self._held[source].take(ordered, now_us, partial(self._last, source))
            if by_us:
                self._times[source].set_back(by_us)
                self._set_back(source, by_us, us_of(ordered[-1].ts))
            self._use(source, batches, now_us)
        return self._fetch()

    def _last(self, source: str, tag: str) -> Last:
        """Time and last value of a tag of a source."""
        watched, frames = self._values.last(f"{source}.{tag}"), self._frames.get(source)
        read: Last = frames.last(tag) if frames else (0, None)
        return read if read[0] > watched[0] else watched

    def _use(self, source: str, batches: Batches, now_us: int) -> None:
        """Use samples of a source, each batch as of when it arrived."""
        for arrived_us, ordered in batches:
            self._hear(source, ordered, arrived_us)
            self._watch(source, ordered, arrived_us)
            if source in self._frames:
                self._frames[source].take(ordered, arrived_us)
        self._advance(now_us)
        for _, ordered in batches:
            self._forget(source, is_backlog=bool(ordered) and ordered[0].historical)

    def _forget(self, source: str, *, is_backlog: bool) -> None:
        """Forget values that no event can read any more.

        Args:
            source: whose values.
            is_backlog: a pour may come behind what it reads.
        """
        undecided_us = None if self._triggers is None else self._triggers.oldest_us()
        keep_us = self._keep_us + (BEHIND_US if is_backlog else 0)
        self._values.forget(source, undecided_us, keep_us)

    def _hear(self, source: str, samples: Sequence[Sample], now_us: int) -> None:
        times = [one.ts for one in samples if one.value is not None and not one.unknown_age]
        if not times:
            return
        first_us, newest_us = us_of(times[0]), us_of(times[-1])
        time = self._times[source]
        if newest_us <= time.newest_us and samples[-1].historical:
            return
        if first_us <= time.newest_us < newest_us:
            by_us = time.hear([us_of(one) for one in times], now_us)
        else:
            by_us = time.hear([first_us, newest_us], now_us)
        if by_us:
            self._set_back(source, by_us, newest_us)
        if not samples[-1].historical:
            time.heard(newest_us, now_us)
            self._compare(source, newest_us, now_us)

    def _compare(self, source: str, ts_us: int, now_us: int) -> None:
        """Tell once when a source's clock is so far ahead that the agent refuses its events."""
        ahead_us = ts_us - now_us
        if ahead_us <= AHEAD_US:
            self._ahead.discard(source)
        elif source not in self._ahead:
            self._ahead.add(source)
            self.trace.add(
                ts_us, NOTE, "", "clock-ahead",
                f"the clock of {source} is {seconds_text(ahead_us)} ahead of this machine's: the "
                "agent refuses its shots (clock-skew); set the clock, or take the time of arrival",
            )  # fmt: skip

    def _watch(self, source: str, samples: Sequence[Sample], now_us: int) -> None:
        """Note the values that events and molds are read from."""
        triggers = self._triggers
        if triggers is not None and any(not sample.historical for sample in samples):
            triggers.backlogs.is_over(source)
        for tag, ts_us, sample in self._values.note(source, samples, self._times[source].newest_us):
            if triggers is None:
                continue
            if sample.historical:
                triggers.backlogs.historical(source, ts_us, now_us)
            if tag in triggers.tags:
                triggers.put(
                    Due(
                        ts_us, 0, "value", source, now_us, tag, sample.value,
                        historical=sample.historical, of_arrival=sample.of_arrival,
                        baseline=sample.unknown_age,
                    )
                )  # fmt: skip

    def _set_back(self, source: str, by_us: int, ts_us: int) -> None:
        """The clock of a source was set back: all that is known of it moves with it."""
        self.trace.add(
            ts_us, NOTE, "", "clock-set-back",
            f"the clock of {source} was set back by {seconds_text(by_us)}, to {text_of(ts_us)}",
        )  # fmt: skip
        self._values.shift(source, by_us)
        if source in self._frames:
            self._frames[source].set_back()
        if self._triggers is not None and self._shots is not None:
            self._triggers.shift(source, by_us)
            self._shots.shift(source, by_us)

    def tick(self, now: datetime) -> list[Draft]:
        """Messages that are due as time goes by: settled events, full frames, repeated values."""
        self._tick(us_of(now))
        return self._fetch()

    def _tick(self, now_us: int) -> None:
        for frames in self._frames.values():
            frames.tick(now_us)
        self._advance(now_us)

    def _advance(self, now_us: int) -> None:
        if self._triggers is not None:
            self._triggers.advance(now_us)

    def lost(self, source: str, now: datetime) -> list[Draft]:
        """Messages that follow from a lost link: its values are not repeated, nor read by a pour.

        To be called once when a link is lost, and for each source when the gateway begins. With the
        next sample the link counts as connected.
        """
        now_us = us_of(now)
        if source in self._times:
            self._tick(now_us)
            self._use(source, self._held[source].release(), now_us)
            if source in self._frames:
                self._frames[source].lost(now_us)
            if self._settings.sources[source].kind not in _MISSES_NOTHING:
                self._values.lost(source, self._times[source].newest_us)
                if self._triggers is not None:
                    self._triggers.backlogs.lost(source)
        return self._fetch()

    def resumed(self, source: str) -> None:
        """Let values from before ``lost`` hold: the source goes on and has missed nothing.

        To be called before the samples of such a connection.
        """
        if source in self._times:
            self._values.resumed(source)
            if self._triggers is not None:
                self._triggers.backlogs.is_over(source)

    def next_due(self, now: datetime) -> datetime | None:
        """When ``tick`` has something to do; None while it has not."""
        due = [frames.next_due_us() for frames in self._frames.values()]
        if self._triggers is not None:
            due.append(self._triggers.next_due_us())
        found = min((one for one in due if one is not None), default=None)
        return None if found is None else max(time_of(found), now)

    def state(self) -> dict[str, Any]:
        """State as JSON: a translator that begins with it goes on exactly here."""
        found: dict[str, Any] = {
            "times": {source: time.state() for source, time in self._times.items()},
            "frames": {source: frames.state() for source, frames in self._frames.items()},
            "values": self._values.state(),
        }
        if held := {source: one.state() for source, one in self._held.items() if one}:
            found["held"] = held
        if self._triggers is not None and self._shots is not None:
            found |= {"triggers": self._triggers.state(), "shots": self._shots.state()}
        return found

    def fetch_trace(self) -> list[TraceLine]:
        """Lines of the trace that are new since this was asked last: for the log and the outbox."""
        return self.trace.fetch()

    def _fetch(self) -> list[Draft]:
        found, self._drafts = self._drafts, []
        return found

    def _counted(self, candidate: Candidate) -> None:
        assert self._shots is not None
        if candidate.event == "poured":
            self._note_late_values(candidate)
        self._shots.take(candidate)

    def _note_late_values(self, candidate: Candidate) -> None:
        """Tell of weights and counters that the machine writes only after the pour."""
        shots, ts_us = self._station.shots, candidate.ts_us
        if shots is None or shots.read_after_s:
            return
        tags = sorted(self._of_one_shot)
        for tag, late_us in self._values.changed(tags, ts_us, ts_us + self._settle_us):
            self.trace.add(
                ts_us, NOTE, "poured", "written-later",
                f"{tag} changed {seconds_text(late_us)} after the pour: if the machine writes it "
                "then for this shot, set read_after_s above that",
            )  # fmt: skip

    def _event(self, kind: Kind, message: dict[str, Any], candidate: Candidate) -> None:
        document: dict[str, Any] = {"v": 1, "ts": text_of(candidate.ts_us), **message}
        if candidate.of_arrival:
            document["ts_of_arrival"] = True
        if kind == "shot":
            self._add(self._device, kind, candidate.ts_us, document, candidate.historical)
        else:  # later frames are under way
            self._add(self._device_of(candidate.source), kind, candidate.ts_us, document, True)

    def _frame(self, source: str, readings: dict[str, Any], ts_us: int, historical: bool) -> None:
        document: dict[str, Any] = {"v": 1, "ts": text_of(ts_us)}
        mold_id = self._mold_id(ts_us)
        if mold_id is not None:
            document["mold_id"] = mold_id
        if self._shots is not None:
            shot_id = self._shots.labels(ts_us, mold_id)
            if shot_id is not None:
                document["shot_id"] = shot_id
        document.update(readings)
        self._add(self._device_of(source), "telemetry", ts_us, document, historical)

    def _mold_id(self, ts_us: int) -> str | None:
        given = self._station.mold
        if isinstance(given, str):
            return given
        value, _ = self._values.value_at(given.tag, ts_us)
        if value is None:
            return None
        try:
            return named_id(given, value)
        except NoText as error:
            if repr(value) != self._no_mold:
                self._no_mold = repr(value)
                words = f"{given.tag} {error}: readings are sent without a mold"
                self.trace.add(ts_us, NOTE, "", "no-mold", words)
            return None

    def _device_of(self, source: str) -> str:
        """Device that a frame names: each source has a clock of its own."""
        return self._device if len(self._frames) < 2 else f"{self._device}-{source}"

    def _add(
        self, device: str, kind: Kind, ts_us: int, document: dict[str, Any], historical: bool
    ) -> None:
        self._drafts.append(Draft(self._press, device, kind, time_of(ts_us), document, historical))
