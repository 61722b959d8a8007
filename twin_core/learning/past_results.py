"""Results of past shots over all molds and presses, and when each became known.

A state machine without clock or disk, for the agent and for whoever builds a feature set from a
history. Events may come late, twice or slightly out of order: each says when it became known, and
the features of a pour follow from results that were known before it, whenever they arrived.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from typing import NamedTuple

from twin_core.learning.columns import INPUTS, TARGETS
from twin_core.learning.ledger import Ledger, Result
from twin_core.learning.memory import Memory
from twin_core.learning.press_results import Event, Measured, PressResults, Waiting
from twin_core.learning.residual_features import (
    NAN,
    Remembered,
    inputs_of,
    remembered,
    residual,
    residual_features,
)
from twin_core.learning.teaching import contradiction, in_fahrenheit

USUAL_SHOTS = 20
"""Earlier shots of a mold that tell how it is usually poured."""
EVENTS_MAX = 50
"""Of a press; older ones are forgotten, as the results before them are."""
WAITING_MAX = 500
"""Shots of a mold whose physics is kept until the laboratory reports."""


class ShotKey(NamedTuple):
    """Identity of a shot; ``mold_id`` may be empty where only a quality record spoke of it."""

    site: str
    press: str
    mold_id: str
    shot_id: str
    shot_key: str = ""
    """Tells shots of one ``shot_id`` apart; empty where the source has no such key."""

    @property
    def name(self) -> str:
        """Its name among the shots of its mold."""
        return self.shot_key or self.shot_id

    @property
    def address(self) -> str:
        """Its press, as one text."""
        return f"{self.site}/{self.press}"


@dataclass
class PastResults:
    """Results of all presses, by ``site/press``.

    Times are seconds of any clock that counts up, one clock for all calls.
    """

    presses: dict[str, PressResults] = field(default_factory=dict)
    _kept: dict[tuple[str, str, str, str], tuple[list[Memory], Remembered]] = field(
        default_factory=dict, repr=False
    )
    """By press, mold, target and basis: memories, and what they say of the next shot."""

    def poured(
        self, shot: ShotKey, at_s: float, row: Mapping[str, float], basis: str = ""
    ) -> dict[str, float]:
        """Report a pour that was simulated, and compute the features of its earlier shots.

        Args:
            row: its ``proc_`` and ``sim_`` columns.
            basis: what its physics rests on; see ``basis_of``.

        Returns:
            its ``prev_ press_ site_ dev_`` columns, from results known before ``at_s``.
        """
        self.simulated(shot, row, at_s, basis)
        return self.known(shot, at_s, row, basis)

    def known(
        self, shot: ShotKey, at_s: float, row: Mapping[str, float], basis: str = ""
    ) -> dict[str, float]:
        """Compute the ``prev_ press_ site_ dev_`` columns of a pour at ``at_s`` [s]."""
        press = self.presses.get(shot.address, PressResults())
        mold = press.molds.get(shot.mold_id, Ledger())
        known = {name: self._remembered(shot, name, at_s, basis) for name in TARGETS}
        ages = {name: mold.shots_since(found.newest_s, at_s) for name, found in known.items()}
        return residual_features(known, ages, mold.before(at_s), at_s, inputs_of(row))

    def _remembered(self, shot: ShotKey, name: str, at_s: float, basis: str) -> Remembered:
        """What memories say of a target; made anew where one of them has changed."""
        others = dict[str, Memory]()
        for address, other in self.presses.items():
            if address.startswith(f"{shot.site}/"):
                others |= other.memories(address, name, at_s, basis)
        press = self.presses.get(shot.address, PressResults())
        own = others.pop(f"{shot.address}/{shot.mold_id}", None)
        if own is None:
            events = press.events_of(shot.mold_id, name, at_s)
            own = Ledger().memory(name, at_s, basis, events)
        site = [own, *others.values()]
        key = shot.address, shot.mold_id, name, basis
        before = self._kept.get(key)
        if before is not None and list(map(id, before[0])) == list(map(id, site)):
            return before[1]
        beside = [m for key, m in others.items() if key.startswith(f"{shot.address}/")]
        found = remembered(name, own, [own, *beside], site)
        if shot.mold_id in press.molds:
            self._kept[key] = site, found
        return found

    def happened(self, event: Event) -> None:
        """Report an event of a press: what was done may change the shots after it."""
        press = self.presses.setdefault(event.address, PressResults())
        event = event._replace(at_s=min(event.at_s, event.known_s))  # a clock may be ahead
        if event not in press.events:
            press.events.append(event)
            press.events.sort(key=lambda one: one.known_s)
            del press.events[:-EVENTS_MAX]

    def closed(
        self,
        shot: ShotKey,
        at_s: float,
        row: Mapping[str, float],
        *,
        opened: bool,
        closed_at_s: float | None = None,
    ) -> None:
        """Report the end of a shot.

        Args:
            at_s: when the end became known [s].
            row: its ``meas_`` columns of the demolding, and ``sim_`` columns (those of the pour
                count where they are not there).
            opened: the mold was opened then; False when nobody said so.
            closed_at_s: when it ended [s], if that became known later.
        """
        if opened:
            ended_s = at_s if closed_at_s is None else closed_at_s
            self._add(shot, "opened", Result(at_s, shot.name, ended_s))
        self.simulated(shot, row)
        self._measured(shot, at_s, row, "demold")

    def aborted(self, shot: ShotKey) -> None:
        """Report an abort: no measurement of that shot says how good the physics is."""
        press = self.presses.get(shot.address)
        if press is not None:
            press.waiting.get(shot.mold_id, {}).pop(shot.name, None)
            press.molds.get(shot.mold_id, Ledger()).drop("poured", shot.name)

    def lab(
        self, shot: ShotKey, at_s: float, row: Mapping[str, float], until_s: float = math.inf
    ) -> None:
        """Report a quality record.

        Args:
            shot: ``mold_id`` and ``shot_key`` may be empty: the shot's own count.
            at_s: when it became known [s].
            row: its ``qc_`` columns.
            until_s: when a record became known that corrects it [s].
        """
        self._measured(self.shot_of(shot, at_s), at_s, row, "lab", until_s)

    def forget_lab(self, shot: ShotKey) -> None:
        """Forget what quality records said of a shot, so that all of them are reported anew."""
        press = self._press(shot)
        kinds = ("defect", *(name for name, target in TARGETS.items() if target.known == "lab"))
        for name in kinds:
            press.molds.get(shot.mold_id, Ledger()).drop(name, shot.name)
        waiting = press.waiting.get(shot.mold_id, {}).get(shot.name)
        if waiting is not None:
            waiting.measured = [m for m in waiting.measured if m.values.keys().isdisjoint(kinds)]

    def simulated(
        self,
        shot: ShotKey,
        row: Mapping[str, float],
        poured_at_s: float | None = None,
        basis: str | None = None,
    ) -> None:
        """Keep the physics of a shot, and compare it with measurements that came before it.

        Args:
            row: its ``proc_`` and ``sim_`` columns.
            poured_at_s: time of its pour [s]; None where that was said before.
            basis: what the physics rests on; None where that was said before.
        """
        if poured_at_s is not None:
            poured = Result(poured_at_s, shot.name, 1.0)
            self._press(shot).molds.setdefault(shot.mold_id, Ledger()).add("poured", poured)
        physics = _numbers(row, {name: target.physics for name, target in TARGETS.items()})
        if not physics:
            return
        waiting = self._waiting(shot)
        waiting.physics |= physics
        if poured_at_s is not None:
            waiting.poured_at_s = poured_at_s
        if basis is not None:
            waiting.basis = basis
        if any(name in row for name in INPUTS):
            waiting.inputs = inputs_of(row)
            waiting.is_odd = in_fahrenheit(waiting.inputs, self._usual_inputs(shot))
        early, waiting.measured = waiting.measured, []
        early += self._of_unknown(shot, waiting)
        for measured in early:
            self._add_residuals(shot, measured)

    def shot_of(self, shot: ShotKey, measured_at_s: float = math.inf) -> ShotKey:
        """The shot that a record is about: with its mold and key, if it is known, else as named.

        The key decides; without one the newest shot of the id, in the mold if that is known, which
        was poured before it was measured. Where several molds have one nobody knows which.

        Args:
            shot: as the record names it; ``mold_id`` and ``shot_key`` may be empty.
            measured_at_s: when it was measured, or became known [s].
        """
        press = self.presses.get(shot.address)
        of_press = {} if press is None else press.waiting
        if shot.name in of_press.get(shot.mold_id, {}) and shot.mold_id:
            return shot
        molds = {mold: shots for mold, shots in of_press.items() if mold}
        if shot.shot_key:
            found = (mold for mold, shots in molds.items() if shot.shot_key in shots)
            return shot._replace(mold_id=next(found, shot.mold_id))
        newest = {
            mold: max(names)[1]
            for mold, shots in molds.items()
            if (names := _poured_before(shots, shot.shot_id, measured_at_s))
        }
        if shot.mold_id in newest:
            newest = {shot.mold_id: newest[shot.mold_id]}
        if len(newest) != 1:
            return shot
        ((mold_id, name),) = newest.items()
        return shot._replace(mold_id=mold_id, shot_key="" if name == shot.shot_id else name)

    def counts(self, shot: ShotKey) -> bool:
        """True if any result of the shot still counts."""
        press = self.presses.get(shot.address, PressResults())
        mold = press.molds.get(shot.mold_id, Ledger())
        return mold.has(shot.name)

    def residual_of(self, shot: ShotKey, name: str) -> float | None:
        """The newest residual of a shot that no later record corrects; None if there is none that
        teaches.

        Args:
            name: of ``columns.TARGETS``.
        """
        press = self.presses.get(shot.address, PressResults())
        results = press.molds.get(shot.mold_id, Ledger()).results.get(name, [])
        mine = (r for r in reversed(results) if r.shot_id == shot.name and math.isinf(r.until_s))
        return next((result.value for result in mine), None)

    def _measured(
        self,
        shot: ShotKey,
        at_s: float,
        row: Mapping[str, float],
        known: str,
        until_s: float = math.inf,
    ) -> None:
        values = _numbers(
            row,
            {name: target.measured for name, target in TARGETS.items() if target.known == known},
        )
        looked_at = _numbers(row, {"defect": "qc_any_defect"}) if known == "lab" else {}
        if shot.mold_id:  # a defect needs no physics beside it
            for value in looked_at.values():
                self._add(shot, "defect", Result(at_s, shot.name, value, until_s=until_s))
        else:
            values |= looked_at
        if not values:
            return
        waiting, measured = self._waiting(shot), Measured(at_s, values, until_s)
        if waiting.physics:
            self._add_residuals(shot, measured)
        elif measured not in waiting.measured:
            waiting.measured.append(measured)
            del waiting.measured[:-8]

    def _add_residuals(self, shot: ShotKey, measured: Measured) -> None:
        waiting = self._waiting(shot)
        result = Result(
            measured.at_s,
            shot.name,
            NAN,
            inputs=waiting.inputs,
            poured_at_s=waiting.poured_at_s,
            until_s=measured.until_s,
            basis=waiting.basis,
        )
        for name, value in measured.values.items():
            if name == "defect":
                self._add(shot, name, result._replace(value=value))
                continue
            physics = waiting.physics.get(name, NAN)
            if waiting.is_odd or contradiction(name, value, physics, waiting.inputs):
                continue
            off = residual(TARGETS[name], value, physics)
            if not math.isnan(off):
                self._add(shot, name, result._replace(value=off))

    def _add(self, shot: ShotKey, name: str, result: Result) -> None:
        press = self._press(shot)
        press.molds.setdefault(shot.mold_id, Ledger()).add(name, result)

    def _press(self, shot: ShotKey) -> PressResults:
        return self.presses.setdefault(shot.address, PressResults())

    def _waiting(self, shot: ShotKey) -> Waiting:
        of_mold = self._press(shot).waiting.setdefault(shot.mold_id, {})
        if shot.name not in of_mold:
            while len(of_mold) >= WAITING_MAX:
                del of_mold[next(iter(of_mold))]
            of_mold[shot.name] = Waiting(shot_id=shot.shot_id)
        return of_mold[shot.name]

    def _usual_inputs(self, shot: ShotKey) -> list[tuple[float, ...]]:
        """How the latest shots of the mold were poured, without those in another unit."""
        of_mold = self._press(shot).waiting.get(shot.mold_id, {})
        latest = islice(reversed(of_mold.items()), USUAL_SHOTS)
        return [one.inputs for name, one in latest if name != shot.name and not one.is_odd]

    def _of_unknown(self, shot: ShotKey, waiting: Waiting) -> list[Measured]:
        """Measurements of records that came before the shot, and named no mold or no key."""
        found = list[Measured]()
        lanes = self.presses[shot.address].waiting
        for mold_id, name in product({"", shot.mold_id}, {shot.name, shot.shot_id}):
            other = lanes.get(mold_id, {}).get(name)
            if other is None or other is waiting or other.physics:
                continue
            mine = [
                measured
                for measured in other.measured
                if name == shot.shot_key or not measured.at_s < waiting.poured_at_s
            ]
            other.measured = [measured for measured in other.measured if measured not in mine]
            if not other.measured:
                del lanes[mold_id][name]
            found += mine
        return found


def _poured_before(
    shots: Mapping[str, Waiting], shot_id: str, at_s: float
) -> list[tuple[float, str]]:
    """Shots of an id that were not poured after a moment [s]: pour [s] and name."""
    return [
        (-math.inf if math.isnan(waiting.poured_at_s) else waiting.poured_at_s, name)
        for name, waiting in shots.items()
        if waiting.shot_id == shot_id and not waiting.poured_at_s > at_s
    ]


def _numbers(row: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    """Values under other names; what is missing is left out."""
    found = {name: row.get(column, NAN) for name, column in names.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}
