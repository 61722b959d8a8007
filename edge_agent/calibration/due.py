"""Judgement of whether a mold needs a calibration, and why. Pure: shots, events and sets in.

A parameter set is good as long as measured minus predicted stays where it was at the shots that the
set was fitted to (``due_charts``). What was done to a press (maintenance, another sensor) and a new
lot are reasons, too, until a chart has seen enough shots afterwards: as many as it needs on average
to find a shift of one standard deviation. Cleaning is routine, and only named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from edge_agent.calibration.calibration_shot import CalibrationShot
from edge_agent.calibration.due_charts import Charts, Checked, MoldAndSystem, last_poured
from edge_agent.logged_shots.logged_event import LoggedEvent
from twin_core import PHYSICS_HASH
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.learning.drift_charts import FEWEST_VALUES
from twin_core.materials import MaterialSystem

FEWEST_SHOTS = 30
"""Shots from which on a calibration is worth while."""
DONE = {"maintenance": "maintenance", "sensor_replaced": "sensor replaced"}
"""Events that are reasons -> words."""


@dataclass(frozen=True)
class Reason:
    """Reason for a calibration; ``code`` is for programs."""

    code: str
    words: str


@dataclass
class MoldDue:
    """Answer for one mold and system."""

    mold_id: str
    system_id: str
    set_id: str | None
    shots_since: int
    """Shots poured after those that the set was fitted to; without a set all of them."""
    simulated: bool = False
    reasons: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_due(self) -> bool:
        """True if there is a reason."""
        return bool(self.reasons)

    def add(self, code: str, words: str) -> None:
        """Add a reason."""
        self.reasons.append(Reason(code, words))

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain data."""
        return {
            "mold_id": self.mold_id,
            "system_id": self.system_id,
            "parameter_set": self.set_id,
            "due": self.is_due,
            "shots_since_count": self.shots_since,
            "reasons": [{"code": one.code, "words": one.words} for one in self.reasons],
            "notes": self.notes,
            "simulated": self.simulated,
        }


def judge(
    counts: Mapping[MoldAndSystem, int],
    checked: Checked,
    events: Sequence[LoggedEvent],
    systems: Mapping[str, MaterialSystem],
    now: datetime,
    age_max: timedelta,
) -> list[MoldDue]:
    """Say of each mold and system whether a calibration is due, and why.

    Args:
        counts: shots since the set, or of all where there is none, by mold and system.
        events: what was done to presses.
        systems: those in use, by id.
        now: the time.
        age_max: how old the newest shot of a set may be.
    """
    charts = Charts(checked)
    found = []
    for key in sorted(counts):
        own = checked.sets.get(key)
        one = MoldDue(*key, None if own is None else own.set_id, counts[key])
        found.append(one)
        if own is None:
            _never(one)
            continue
        shots = [shot for shot in checked.shots if (shot.mold_id, shot.system_id) == key]
        one.simulated = any(shot.simulated for shot in shots)
        _fits(one, own, systems.get(one.system_id))
        age = now - last_poured(own)
        if age > age_max:
            words = f"its newest shot is {age.days} days old, allowed are {age_max.days}"
            one.add("age", words)
        _moved(one, charts)
        _lots(one, own, shots, charts)
        _events(one, own, shots, events, charts)
    return found


def _never(one: MoldDue) -> None:
    if one.shots_since >= FEWEST_SHOTS:
        one.add("never_calibrated", "no parameter set is in use")
    else:
        one.notes.append(f"no parameter set is in use; a calibration needs {FEWEST_SHOTS} shots")


def _fits(one: MoldDue, own: ParameterSet, system: MaterialSystem | None) -> None:
    if system is None:
        one.add("does_not_fit", f"{one.system_id} is not in the catalogue any more")
    elif problem := own.problem_with(system):
        one.add("does_not_fit", problem)
    elif own.physics_hash != PHYSICS_HASH:
        one.add("does_not_fit", "the program's physics is not the one that it was fitted with")


def _moved(one: MoldDue, charts: Charts) -> None:
    key = one.mold_id, one.system_id
    for alarm in charts.alarms(key):
        one.add(
            "chart",
            f"{alarm.quantity.words}: measured minus predicted has moved by {alarm.shift:+.2g} "
            f"{alarm.quantity.unit} since {alarm.since.name} ({alarm.since.poured_at:%Y-%m-%d})",
        )
    if one.shots_since and not charts.of_mold(key):
        one.notes.append(
            f"no control chart: it needs {FEWEST_VALUES} shots that the set was fitted to, of all "
            "molds, and some since"
        )


def _lots(
    one: MoldDue, own: ParameterSet, shots: Sequence[CalibrationShot], charts: Charts
) -> None:
    """Lots that no shot of the set was poured of."""
    known = {lot for shot in shots if shot.poured_at <= last_poured(own) for lot in _lots_of(shot)}
    new: dict[str, datetime] = {}
    for shot in shots:
        for lot in _lots_of(shot) if shot.poured_at > last_poured(own) else ():
            if lot not in known:
                new.setdefault(lot, shot.poured_at)
    for lot, at in new.items():
        _since(one, "new_lot", f"new lot: {lot}", at, charts)


def _lots_of(shot: CalibrationShot) -> list[str]:
    return shot.lot.split(", ") if shot.lot else []


def _events(
    one: MoldDue,
    own: ParameterSet,
    shots: Sequence[CalibrationShot],
    events: Sequence[LoggedEvent],
    charts: Charts,
) -> None:
    """What was done since to the presses that the mold is in; of each kind the newest."""
    presses = {shot.press for shot in shots}
    newest: dict[tuple[str, str], LoggedEvent] = {}
    for event in events:
        concerns = event.press in presses and event.mold_id in ("", one.mold_id)
        if concerns and event.ts > last_poured(own):
            part = event.part if event.kind == "sensor_replaced" else ""
            before = newest.get((event.kind, part))
            if before is None or before.ts < event.ts:
                newest[event.kind, part] = event
    for (kind, part), event in sorted(newest.items()):
        if kind in DONE:
            words = f"{DONE[kind]} {part}".strip()
            _since(one, kind, words, event.ts, charts, part)
        elif kind == "cleaning":
            one.notes.append(f"cleaned last on {event.ts:%Y-%m-%d}: routine, no reason")


def _since(
    one: MoldDue, code: str, words: str, at: datetime, charts: Charts, sensor: str = ""
) -> None:
    """Take an event as a reason, or note that the charts have seen nothing of it."""
    key = one.mold_id, one.system_id
    words = f"{words} on {at:%Y-%m-%d}"
    if charts.has_seen(key, at, sensor) and not charts.alarms(key):
        one.notes.append(f"{words}: the control charts have seen no change since")
    else:
        one.add(code, words)
