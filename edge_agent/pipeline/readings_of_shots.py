"""readings_of_shots: frames -> the shots that they belong to. Late ones make it be counted anew.

A frame that names its shot belongs to it, one that names its mold to the shot that cures there at
that time, and readings of a part without a name to the shot that cures alone on the press.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from broker.messages import TelemetryFrame
from broker.topics import PressAddress
from edge_agent.pipeline.shots_in_work import ShotsInWork
from edge_agent.shots import shot_readings
from edge_agent.shots.cure_readings import us
from edge_agent.shots.frame_log import FrameLog
from edge_agent.shots.readings import INPUT_SIGNALS, inputs_at
from edge_agent.shots.shot import Shot

NAMELESS_MOLDS = 16
"""A press with more molds has to name them in its readings."""

Homeless = Literal["nameless", "several", "misnamed", "ended"]
"""They name neither mold nor shot and several shots cure; they name a shot id that several molds
have just now; they name a mold or shot that nobody has reported; they name a shot that has ended,
while another one cures in its mold."""


@dataclass
class OfFrame:
    """What became of a frame."""

    shot: Shot | None
    """The shot it belongs to, as far as it is known."""
    changed: list[Shot] = field(default_factory=list)
    """Shots that it changes."""
    repeat: bool = False
    """An equal one has come before."""
    homeless: Homeless | None = None
    """Why readings of a part belong to no shot, though one cures."""


class ReadingsOfShots:
    """Gives readings to shots, and keeps the recent ones to compute shots anew."""

    def __init__(self, shots: ShotsInWork, age_max: timedelta) -> None:
        """Begin without readings.

        Args:
            shots: those in work; frames of the ones that are there now are not in the log.
            age_max: older readings are no inputs of a pour.
        """
        self.age_max = age_max
        self._shots, self._log = shots, FrameLog()
        self._kept = {shot.shot_key for shot in shots}
        """Of these earlier frames are not in the log."""
        self._nameless: set[PressAddress] = set()
        """Presses that have sent readings of a part without a name."""
        self._stale: dict[str, Shot] = {}
        """Shots whose readings must be computed anew."""

    def adopt(self, shot: Shot) -> None:
        """Follow a shot whose earlier frames another agent has had."""
        self._kept.add(shot.shot_key)

    def forget(self, shot: Shot) -> None:
        """Follow a shot no longer."""
        self._kept.discard(shot.shot_key)

    def frame(self, press: PressAddress, frame: TelemetryFrame) -> OfFrame:
        """Take the readings of a device."""
        new = self._log.add(press, frame, shot_readings.logged(frame))
        shot = self.shot_of(press, frame)
        if not new:
            return OfFrame(shot, repeat=True)
        changed = self._poured_after(press, frame)
        if shot is not None:
            in_log = self._is_in_log(shot)
            if not in_log or shot_readings.follows(shot, frame):
                shot_readings.add(shot, frame, in_log=in_log)
            else:
                shot_readings.keep_latest(shot, frame)
                shot_readings.count_beyond_the_log(shot, frame)
                self._make_stale(shot)
            changed = [shot, *(other for other in changed if other is not shot)]
        homeless = self._homeless(press, frame) if shot is None else self._ended(shot, frame)
        return OfFrame(shot, changed, homeless=homeless)

    def shot_of(self, press: PressAddress, frame: TelemetryFrame) -> Shot | None:
        """The shot that a frame belongs to, if it is known."""
        if frame.shot_id is not None:
            of_id = self._shots.of_id(press, frame.shot_id)
            of_id = [shot for shot in of_id if shot.accepts(frame.mold_id)]
            if len(of_id) <= 1:
                return of_id[0] if of_id else None
            begun = [shot for shot in of_id if shot.begun_at is not None]
            if len({shot.mold_id for shot in begun if shot.contains(frame.ts)}) > 1:
                return None  # molds share the id, and nobody knows which of them it is
            before = [shot for shot in begun if shot.begun_at <= frame.ts]  # type: ignore[operator]
            if before:
                return max(before, key=_order)
            return min(begun, key=_order, default=of_id[0])
        if frame.mold_id is not None:
            return self._shots.spans(press, frame.mold_id).at(frame.ts)
        curing = self._curing(press, frame)
        return curing[0] if len(curing) == 1 else None

    def beside(
        self, press: PressAddress, of_id: list[Shot], molds: Iterable[str], since: datetime
    ) -> list[Shot]:
        """Shots whose readings may be another's after an event.

        Those of its id, those that were not over when a shot of their mold, or of a press that
        sends readings without a name, began, and those of other molds that have the id of one.

        Args:
            press: press of the event.
            of_id: shots that had its id before.
            molds: molds of the shots that it changed.
            since: the earliest begin of these shots.
        """
        found = {shot.shot_key: shot for shot in of_id if shot.shot_key in self._shots}
        if press in self._nameless:
            near = self._shots.of_press(press)
        else:
            near = [shot for mold_id in molds for shot in self._shots.of_mold(press, mold_id)]
        for shot in near:
            if shot.closed_at is None or shot.closed_at >= since:
                found[shot.shot_key] = shot
        for shot_id in {shot.shot_id for shot in found.values()}:
            found |= {shot.shot_key: shot for shot in self._shots.of_id(press, shot_id)}
        return list(found.values())

    def changed_by_event(self, shots: Iterable[Shot]) -> None:
        """Have the readings of shots computed anew: their times or molds are others now."""
        for shot in shots:
            self._make_stale(shot)

    def collect_inputs(self, shot: Shot) -> None:
        """Find the inputs: the last possible readings before the pour, of the mold or the press."""
        poured = shot.poured_at
        if poured is None:
            shot.inputs = {}
            return
        scopes = [
            partial(self._log.last_before, shot.address, mold_id, at=poured, age_max=self.age_max)
            for mold_id in (None, shot.mold_id)
        ]
        found = inputs_at(poured, scopes, self.age_max)
        if shot.shot_key in self._kept:  # the log does not hold what came before the start
            for name, known in shot.inputs.items():
                if known.ts <= poured and (name not in found or found[name].ts < known.ts):
                    found[name] = known
        shot.inputs = found

    def settle(self) -> None:
        """Compute anew what late messages have changed."""
        stale, self._stale = self._stale, {}
        for shot in stale.values():
            if shot.shot_key in self._shots:
                press = shot.address
                around = shot_readings.Around(
                    self._shots.of_id(press, shot.shot_id),
                    self._shots.of_mold(press, shot.mold_id),
                    self._shots.of_press(press) if press in self._nameless else [],
                )
                shot_readings.compute(shot, around, self._log)

    def _homeless(self, press: PressAddress, frame: TelemetryFrame) -> Homeless | None:
        """Why a frame without a shot has none, if it has readings of a part and a shot cures."""
        if not shot_readings.is_of_a_part(frame):
            return None
        if frame.mold_id is None and frame.shot_id is None:
            return "nameless" if len(self._curing(press, frame)) > 1 else None
        cures = any(s.contains(frame.ts) and s.poured_at for s in self._shots.open_of(press))
        if not cures:
            return None
        if frame.shot_id is None:
            assert frame.mold_id is not None
            return None if self._shots.of_mold(press, frame.mold_id) else "misnamed"
        of_id = self._shots.of_id(press, frame.shot_id)
        return "several" if any(s.accepts(frame.mold_id) for s in of_id) else "misnamed"

    def _ended(self, shot: Shot, frame: TelemetryFrame) -> Homeless | None:
        """Whether readings of a part name the shot before the one that cures in the mold."""
        if shot.closed_at is None or frame.ts <= shot.closed_at:
            return None
        if frame.shot_id is None or not shot_readings.is_of_a_part(frame):
            return None
        of_id = self._shots.of_id(shot.address, shot.shot_id)
        if any(other.contains(frame.ts) for other in of_id):
            return None
        of_mold = self._shots.of_mold(shot.address, shot.mold_id)
        cures = any(o is not shot and o.poured_at and o.contains(frame.ts) for o in of_mold)
        return "ended" if cures else None

    def _curing(self, press: PressAddress, frame: TelemetryFrame) -> list[Shot]:
        """Shots that readings of a part may be of, which name neither a mold nor a shot."""
        if not shot_readings.is_of_a_part(frame) or self._shots.molds(press) > NAMELESS_MOLDS:
            return []
        self._nameless.add(press)
        return [shot for shot in self._shots.of_press(press) if shot.contains(frame.ts)]

    def _poured_after(self, press: PressAddress, frame: TelemetryFrame) -> list[Shot]:
        """Shots that were poured after these readings, which come late, and whose inputs change."""
        if frame.sensors.keys().isdisjoint(INPUT_SIGNALS):
            return []
        shots = self._shots
        molds = shots.molds_of(press) if frame.mold_id is None else [frame.mold_id]
        found = []
        for mold_id in molds:
            for shot in shots.spans(press, mold_id).poured_within(frame.ts, self.age_max):
                before = dict(shot.inputs)
                self.collect_inputs(shot)
                if shot.inputs != before:
                    found.append(shot)
        return found

    def _is_in_log(self, shot: Shot) -> bool:
        """Are all frames of a shot in the log?"""
        if shot.shot_key in self._kept:
            return False
        begun = None if shot.begun_at is None else us(shot.begun_at)
        lanes = (self._log.lane(shot.address, mold_id) for mold_id in (shot.mold_id, None))
        return all(
            lane is None or begun is None or lane.complete_from_us <= begun for lane in lanes
        )

    def _make_stale(self, shot: Shot) -> None:
        if self._is_in_log(shot):
            self._stale[shot.shot_key] = shot
        elif shot.poured_at is not None:
            shot.cure.poured(shot.poured_at)


def _order(shot: Shot) -> tuple[datetime, str]:
    assert shot.begun_at is not None
    return shot.begun_at, shot.mold_id
