"""assemble: events -> shots. A state machine without clock or disk; time is an argument.

A shot is started, poured, cures, and ends demolded, aborted, superseded by the next shot of its
mold, or timed out. Messages may come twice, late, out of order, or not at all: times decide, not
the order of arrival, and nothing is final against what comes late. Where readings belong is
in ``readings_of_shots``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Literal

from broker.messages import ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.pipeline.readings_of_shots import OfFrame, ReadingsOfShots
from edge_agent.pipeline.shots_in_work import ShotsInWork
from edge_agent.shots.shot import Shot
from edge_agent.shots.shot_key import shot_key
from edge_agent.shots.steps import Group, fingerprint, grouped, step

REACH = timedelta(hours=12)
"""An ended shot takes late messages for this long, then only the history knows it."""
NO_OFFSET = timedelta()
Judged = Literal["new", "repeat", "contradicts", "too-late"]
Horizon = dict[tuple[PressAddress, str], datetime]


class Assembler:
    """Follows all shots of the agent."""

    def __init__(
        self,
        shots: list[Shot],
        signal_age_max_s: float,
        timeout_s: float,
        horizon: Mapping[tuple[PressAddress, str], datetime] | None = None,
    ) -> None:
        """Go on with shots.

        Args:
            shots: those that the spool holds.
            signal_age_max_s: older readings are no inputs of a pour [s].
            timeout_s: a shot that nobody ends is given up after this time [s].
            horizon: by press and mold, the end of the newest shot that was forgotten.
        """
        self.shots = ShotsInWork(shots)
        self.horizon: Horizon = dict(horizon or {})
        self.crowded: list[Shot] = []
        """Shots that were ended because their press has too many; whoever tells it takes them."""
        self.left_over: list[Shot] = []
        """Ended shots that no late message will reach any more; the same."""
        self.readings = ReadingsOfShots(self.shots, timedelta(seconds=signal_age_max_s))
        self.renew(signal_age_max_s, timeout_s)

    def renew(self, signal_age_max_s: float, timeout_s: float) -> None:
        """Go on with other limits."""
        self.readings.age_max = timedelta(seconds=signal_age_max_s)
        self._timeout = timedelta(seconds=timeout_s)
        self._newest: dict[PressAddress, datetime] = {}
        """The press's time, as far as its messages told it."""
        self._quiet: dict[PressAddress, tuple[datetime, datetime]] = {}
        """That time at the last tick, and since when it has not moved."""

    def adopt(self, shot: Shot) -> None:
        """Follow a shot that another agent has followed."""
        self.readings.adopt(shot)
        self.shots.add(shot)

    def judge(self, press: PressAddress, event: ShotEvent, offset: timedelta = NO_OFFSET) -> Judged:
        """Whether an event is new, equal to one before, contradicts one, or comes too late.

        Args:
            press: press that sent it.
            event: the event.
            offset: of the press's clock, where that is wrong.
        """
        for shot in self.shots.of_id(press, event.shot_id):
            for known in shot.events:
                if (known.event, known.ts, known.mold_id) == (event.event, event.ts, event.mold_id):
                    same = fingerprint(known) == fingerprint(event)
                    return "repeat" if same else "contradicts"
        horizon = self.horizon.get((press, event.mold_id))
        return "too-late" if horizon is not None and event.ts - offset <= horizon else "new"

    def event(
        self, press: PressAddress, event: ShotEvent, offset: timedelta = NO_OFFSET
    ) -> list[Shot]:
        """Take a step of a shot, in whatever order steps arrive: the shots that it changes.

        Args:
            press: press that sent it.
            event: the event.
            offset: of the press's clock, where that is wrong.
        """
        self._hear(press, event.ts - offset)
        if self.judge(press, event) == "repeat":
            return []
        of_id = self.shots.of_id(press, event.shot_id)
        groups = grouped([*(known for shot in of_id for known in shot.events), event])
        changed, molds = list[Shot](), {shot.mold_id for shot in of_id}
        begins = [shot.begun_at for shot in of_id]
        for group, shot in self._shots_of(press, groups, of_id):
            if event in group:
                shot.clock_offset_s = offset.total_seconds()
                self.shots.moved(shot)
            if shot.follow(group):
                changed.append(shot)
                self.shots.moved(shot)
        molds |= {shot.mold_id for shot in changed}
        for mold_id in molds:
            changed += [shot for shot in self._ends(press, mold_id) if shot not in changed]
        for shot in changed:
            self.readings.collect_inputs(shot)
        if changed:
            begins += [shot.begun_at for shot in changed]
            since = min((begin for begin in begins if begin is not None), default=event.ts)
            beside = self.readings.beside(press, of_id, molds, since)
            changed += [shot for shot in beside if shot not in changed]
        self.readings.changed_by_event(changed)
        self.readings.settle()
        newest = next((shot for shot in changed if event in shot.events), None)
        if newest is not None:
            changed += self._bound(newest)
            changed.sort(key=lambda shot: shot is newest)
        return changed

    def frame(
        self, press: PressAddress, frame: TelemetryFrame, offset: timedelta = NO_OFFSET
    ) -> OfFrame:
        """Take the readings of a device.

        Args:
            press: press that sent them.
            frame: the readings.
            offset: of the press's clock, where that is wrong.
        """
        self._hear(press, frame.ts - offset)
        return self.readings.frame(press, frame)

    def settle(self) -> None:
        """Compute anew what late readings have changed."""
        self.readings.settle()

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
                    shot.give_up(begun + self._timeout, "timed_out")
                    self.shots.moved(shot)
                    late.append(shot)
            elif shot.closed_at is not None and self._passed(shot, shot.closed_at, now) > REACH:
                old.append(shot)
        for shot in old:
            self._forget(shot)
        return late, old

    def is_newest(self, shot: Shot) -> bool:
        """Is no later pour of its mold known, so that its prediction is the one to show?"""
        assert shot.poured_at is not None
        horizon = self.horizon.get((shot.address, shot.mold_id))
        poured = shot.poured_at - shot.clock_offset
        if horizon is not None and poured <= horizon:
            return False
        of_mold = self.shots.of_mold(shot.address, shot.mold_id)
        return all(
            other.poured_at is None or other.poured_at - other.clock_offset <= poured
            for other in of_mold
        )

    def shot_of_event(self, press: PressAddress, event: ShotEvent) -> Shot | None:
        """The shot that an event was taken for."""
        of_id = self.shots.of_id(press, event.shot_id)
        return next((shot for shot in of_id if event in shot.events), None)

    def _shots_of(
        self, press: PressAddress, groups: list[Group], known: list[Shot]
    ) -> list[tuple[Group, Shot]]:
        """Groups with their shots: the known ones that keep their key, and new ones."""
        marks = [(_mark(shot), shot) for shot in known]
        found = list[tuple[Group, Shot]]()
        for group in groups:
            here = [shot for mark, shot in marks if any(event is mark for event in group)]
            shot = max(here, key=lambda shot: shot.revision, default=None)
            for other in here:
                if other is not shot:  # a start and an end that the pour has joined
                    self.shots.remove(other)
                    self.left_over.append(other)
            if shot is None:
                shot = self._new_shot(press, group)
                self.shots.add(shot)
            found.append((group, shot))
        return found

    def _new_shot(self, press: PressAddress, group: Group) -> Shot:
        """A shot with the key of the first event of its group whose key no other shot has."""
        keys = {
            shot_key(press, event.mold_id, event.shot_id, event.event, event.ts): event
            for event in group
        }
        free = [key for key in keys if key not in self.shots]
        again = shot_key(press, group[0].mold_id, group[0].shot_id, "split", group[0].ts)
        key = free[0] if free else again
        first = keys.get(key, group[0])
        return Shot(
            site=press.site,
            press=press.press,
            shot_id=first.shot_id,
            mold_id=first.mold_id,
            shot_key=key,
            events=[first],
        )

    def _ends(self, press: PressAddress, mold_id: str) -> list[Shot]:
        """Shots of a mold that nobody ended end with the next one: those where that changes."""
        shots = [s for s in self.shots.of_mold(press, mold_id) if s.begun_at is not None]
        since = min((_begun_by_us(shot) for shot in shots if not shot.is_ended), default=None)
        if since is None:
            return []
        shots = [shot for shot in shots if _begun_by_us(shot) >= since]
        shots.sort(key=lambda shot: (_begun_by_us(shot), shot.shot_id))
        changed = list[Shot]()
        for shot, following in zip_longest(shots, shots[1:]):
            if shot.is_ended:
                continue
            begins = None if following is None else _begun_by_us(following)
            if begins is not None and begins > _begun_by_us(shot):
                begins += shot.clock_offset
                if shot.given_up_as == "timed_out" and shot.given_up_at <= begins:  # type: ignore[operator]
                    continue
                assert following is not None
                moved = shot.give_up(begins, "superseded", following.shot_key)
            elif shot.superseded_by is not None:
                moved = shot.give_up(None, None)
            else:
                continue
            if moved:
                self.shots.moved(shot)
                changed.append(shot)
        return changed

    def _passed(self, shot: Shot, since: datetime, now: datetime) -> timedelta:
        """Time since then: by what the press said last, or since it says nothing."""
        since -= shot.clock_offset
        newest, quiet_since = self._quiet.setdefault(shot.address, (since, now))
        return max(newest - since, min(now - since, now - quiet_since))

    def _hear(self, press: PressAddress, ts: datetime) -> None:
        if press not in self._newest or self._newest[press] < ts:
            self._newest[press] = ts

    def _bound(self, shot: Shot) -> list[Shot]:
        """End the oldest of too many open shots; forget ended ones beyond those in reach."""
        for other in self.shots.left_over(shot.address, shot.mold_id):
            if other is not shot:
                self._forget(other)
                self.left_over.append(other)
        oldest = self.shots.too_many(shot.address)
        if oldest is None or oldest is shot:
            return []
        times = [time for time in (shot.begun_at, oldest.begun_at) if time is not None]
        oldest.give_up(max(times, default=None), "superseded")
        self.shots.moved(oldest)
        self.crowded.append(oldest)
        return [oldest]

    def _forget(self, shot: Shot) -> None:
        self.shots.remove(shot)
        self.readings.forget(shot)
        known = (shot.begun_at, shot.closed_at)
        times = [time - shot.clock_offset for time in known if time is not None]
        of_mold = shot.address, shot.mold_id
        self.horizon[of_mold] = max([*times, self.horizon.get(of_mold, times[0])])


def _begun_by_us(shot: Shot) -> datetime:
    """Begin of a shot that has begun, by the agent's clock."""
    assert shot.begun_at is not None
    return shot.begun_at - shot.clock_offset


def _mark(shot: Shot) -> ShotEvent | None:
    """The event that a shot stays with: its pour once that was predicted, else that of its key."""
    poured = step(shot.events, "poured")
    return shot.key_event if poured is None or not shot.revision else poured
