"""assemble: frames and events -> shots. A state machine without clock or disk; time is an argument.

A shot is started, poured, cures, and ends demolded, aborted, superseded by the next shot of its
mold, or timed out. Messages may come twice, late, out of order, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from broker.messages import ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.pipeline.shots_in_work import ShotsInWork
from edge_agent.shots.readings import INPUT_SIGNALS, inputs_at
from edge_agent.shots.shot import Reading, Shot
from edge_agent.shots.shot_key import shot_key

LINGER = timedelta(hours=1)
"""An ended shot takes late frames for this long, then only the history knows it."""
READINGS_KEPT = 64


class Assembler:
    """Follows all shots of the agent. Every method returns the shots it changed."""

    def __init__(self, shots: list[Shot], signal_age_max_s: float, timeout_s: float) -> None:
        self.shots = ShotsInWork(shots)
        self.crowded: list[Shot] = []
        """Shots that were ended because their press has too many; whoever tells it takes them."""
        self.left_over: list[Shot] = []
        """Ended shots that no late message will reach any more; the same."""
        self._signals: dict[str, dict[str, list[Reading]]] = {}
        self.renew(signal_age_max_s, timeout_s)

    def renew(self, signal_age_max_s: float, timeout_s: float) -> None:
        """Go on with other limits."""
        self._age_max = timedelta(seconds=signal_age_max_s)
        self._timeout = timedelta(seconds=timeout_s)
        self._newest: dict[PressAddress, datetime] = {}
        """The press's time, as far as its messages told it."""
        self._quiet: dict[PressAddress, tuple[datetime, datetime]] = {}
        """That time at the last tick, and since when it has not moved."""

    def event(self, press: PressAddress, event: ShotEvent) -> list[Shot]:
        """A step of a shot, in whatever order steps arrive."""
        self._hear(press, event.ts)
        shot = self.shots.of_id(press, event.shot_id)
        if shot is None:
            shot = Shot(
                site=press.site,
                press=press.press,
                shot_id=event.shot_id,
                mold_id=event.mold_id,
                shot_key=shot_key(press, event.mold_id, event.shot_id, event.event, event.ts),
            )
            self.shots.add(shot)
        shot.simulated = shot.simulated or event.simulated
        shot.system_id = event.system_id or shot.system_id
        shot.recipe = event.recipe or shot.recipe
        match event.event:
            case "started":
                shot.started_at = event.ts
            case "poured":
                shot.poured_at = event.ts
                shot.cure.poured(event.ts)
                self._collect_inputs(shot)
            case ended:
                shot.closed_at, shot.outcome = event.ts, ended
                self.shots.ended(shot)
        return [*self._supersede(shot), *self._bound(shot), shot]

    def frame(self, press: PressAddress, frame: TelemetryFrame) -> tuple[Shot | None, list[Shot]]:
        """Readings of a device: the shot they belong to, and all shots whose inputs they touch."""
        self._hear(press, frame.ts)
        scope = f"{press}/{frame.mold_id}" if frame.mold_id else str(press)
        signals = self._signals.setdefault(scope, {})
        for name in INPUT_SIGNALS:
            if name in frame.sensors:
                _insert(
                    signals.setdefault(name, []), Reading(ts=frame.ts, value=frame.sensors[name])
                )
        shot = self.shot_of(press, frame)
        touched = self._touched(press, frame)
        if shot is None:
            return None, touched
        shot.frames_count += 1
        for name, value in frame.sensors.items():
            if name not in shot.latest or shot.latest[name].ts <= frame.ts:
                shot.latest[name] = Reading(ts=frame.ts, value=value)
            if not shot.finished:
                shot.cure.read(name, frame.ts, value, shot.poured_at)
        shot.T_core_max_C = _larger(shot.T_core_max_C, frame.sensors.get("T_core_C"))
        shot.p_cavity_max_bar = _larger(shot.p_cavity_max_bar, frame.sensors.get("p_cavity_bar"))
        return shot, [shot, *(other for other in touched if other is not shot)]

    def tick(
        self, now: datetime, holds: Callable[[PressAddress], bool] = lambda _press: True
    ) -> tuple[list[Shot], list[Shot]]:
        """Shots (on these presses) that timed out, and shots to forget, as time goes by.

        What counts is the press's own time: a backlog of yesterday is not late. Only a press that
        says nothing any more is judged by ``now``.
        """
        for press, newest in self._newest.items():
            if self._quiet.get(press, (newest, now))[0] != newest:
                del self._quiet[press]
            self._quiet.setdefault(press, (newest, now))
        late, old = [], []
        for shot in self.shots:
            if not holds(shot.address):
                continue
            begun = shot.begun_at
            if shot.closed_at is None and begun is not None:
                if self._passed(shot, begun, now) > self._timeout:
                    shot.closed_at, shot.outcome = begun + self._timeout, "timed_out"
                    self.shots.ended(shot)
                    late.append(shot)
            elif shot.closed_at is not None and self._passed(shot, shot.closed_at, now) > LINGER:
                old.append(shot)
        for shot in old:
            self.shots.remove(shot)
        return late, old

    def _passed(self, shot: Shot, since: datetime, now: datetime) -> timedelta:
        """Time since then: by what the press said last, or since it says nothing."""
        newest, quiet_since = self._quiet.setdefault(shot.address, (since, now))
        return max(newest - since, min(now - since, now - quiet_since))

    def _hear(self, press: PressAddress, ts: datetime) -> None:
        if press not in self._newest or self._newest[press] < ts:
            self._newest[press] = ts

    def shot_of(self, press: PressAddress, frame: TelemetryFrame) -> Shot | None:
        """The shot that a frame belongs to, if it is known."""
        if frame.shot_id is not None:
            return self.shots.of_id(press, frame.shot_id)
        if frame.mold_id is None:
            return None
        shots = self.shots.of_mold(press, frame.mold_id)
        candidates = [shot for shot in shots if shot.contains(frame.ts)]
        return max(candidates, key=lambda shot: shot.begun_at or frame.ts, default=None)

    def _touched(self, press: PressAddress, frame: TelemetryFrame) -> list[Shot]:
        """Shots that were poured after these readings, which come late: their inputs may change."""
        if frame.sensors.keys().isdisjoint(INPUT_SIGNALS):
            return []
        mold_id = frame.mold_id
        mine = self.shots.open_of(press) if mold_id is None else self.shots.of_mold(press, mold_id)
        touched = []
        for shot in mine:
            if not shot.finished and shot.poured_at is not None and frame.ts <= shot.poured_at:
                before = dict(shot.inputs)
                self._collect_inputs(shot)
                if shot.inputs != before:
                    touched.append(shot)
        return touched

    def _supersede(self, shot: Shot) -> list[Shot]:
        """An older shot that is still open in this mold has ended: nobody said so."""
        begun = shot.begun_at
        if begun is None:
            return []
        ended = []
        for other in self.shots.of_mold(shot.address, shot.mold_id):
            if other is not shot and other.closed_at is None:
                before = other.begun_at
                if before is not None and before < begun:
                    self._end(other, begun)
                    ended.append(other)
        return ended

    def _bound(self, shot: Shot) -> list[Shot]:
        """End the oldest of too many open shots; forget ended ones beyond those in reach."""
        for other in self.shots.left_over(shot.address, shot.mold_id):
            if other is not shot:
                self.shots.remove(other)
                self.left_over.append(other)
        oldest = self.shots.too_many(shot.address)
        if oldest is None or oldest is shot:
            return []
        times = [time for time in (shot.begun_at, oldest.begun_at) if time is not None]
        self._end(oldest, max(times, default=None))
        self.crowded.append(oldest)
        return [oldest]

    def _end(self, shot: Shot, at: datetime | None) -> None:
        shot.closed_at, shot.outcome = at, "superseded"
        self.shots.ended(shot)

    def _collect_inputs(self, shot: Shot) -> None:
        assert shot.poured_at is not None
        scopes = (str(shot.address), f"{shot.address}/{shot.mold_id}")
        signals = [self._signals.get(scope, {}) for scope in scopes]
        shot.inputs |= inputs_at(shot.poured_at, signals, self._age_max)


def _insert(readings: list[Reading], reading: Reading) -> None:
    """Keep readings in order of time, the newest of them."""
    readings.append(reading)
    if len(readings) > 1 and readings[-2].ts > reading.ts:
        readings.sort(key=lambda r: r.ts)
    del readings[:-READINGS_KEPT]


def _larger(known: float | None, value: float | None) -> float | None:
    return known if value is None or (known is not None and known >= value) else value
