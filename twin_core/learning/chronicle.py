"""What became known when, over all molds and presses: the state behind ``prev_`` and ``press_``.

A state machine without clock or disk: the same one walks through a history when a feature set is
built and lives in the agent. Events may come late, twice or slightly out of order: each says when
it became known, and the columns of a pour see what was known before it, whenever it arrived.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from twin_core.learning.columns import INPUTS, RECENT, TARGETS
from twin_core.learning.memory import (
    LONGEST,
    NAN,
    NO_INPUTS,
    Memory,
    inputs_of,
    remembered,
    residual,
)

KEPT = 2 * LONGEST
"""Results that are kept of each kind: twice what is looked at, for those that come late."""
NEWEST = 4
"""Results of one mold that can be news of the site."""
WAITING_MAX = 500
"""Shots of a mold whose physics is kept until the laboratory reports."""


class ShotKey(NamedTuple):
    """Which shot; ``mold_id`` may be empty where only a quality record spoke of it."""

    site: str
    press: str
    mold_id: str
    shot_id: str

    @property
    def address(self) -> str:
        """Its press, as one text."""
        return f"{self.site}/{self.press}"


class Result(NamedTuple):
    """Something that was found on a shot, and when."""

    at_s: float
    shot_id: str
    value: float
    inputs: tuple[float, ...] = NO_INPUTS
    """How the shot was poured, see ``columns.INPUTS``."""


class Ledger(BaseModel):
    """Results of one mold on a press, or of one press, each kind in order of time."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    results: dict[str, list[Result]] = {}
    """By target; ``defect`` is 1 or 0 for a part that somebody looked at, ``opened`` 1."""

    def write(self, name: str, result: Result) -> None:
        """Add a result; the same one again changes nothing, another value of then replaces it."""
        known = self.results.setdefault(name, [])
        at = len(known)
        while at > 0 and known[at - 1][:2] > result[:2]:
            at -= 1
        if at > 0 and known[at - 1][:2] == result[:2]:
            known[at - 1] = result
            return
        known.insert(at, result)
        del known[:-KEPT]

    def has(self, shot_id: str) -> bool:
        """Is there a result of this shot?"""
        return any(r.shot_id == shot_id for results in self.results.values() for r in results)

    def before(self, at_s: float) -> Memory:
        """What was known before this moment; a shot that was reported again counts once."""
        memory = Memory()
        for name, results in self.results.items():
            if name == "opened":
                earlier = [result.at_s for result in results if result.at_s < at_s]
                memory.opened_at_s = earlier[-1] if earlier else None
                continue
            latest: dict[str, Result] = {}
            for result in results:
                if result.at_s >= at_s:
                    break
                before = latest.pop(result.shot_id, None)
                # a part stays defective when a second look finds nothing
                stays = name == "defect" and before is not None and before.value > result.value
                latest[result.shot_id] = before if stays and before is not None else result
            newest = list(latest.values())[-LONGEST:]
            if name in TARGETS:
                memory.residuals[name] = [result.value for result in newest]
                memory.inputs[name] = [result.inputs for result in newest]
            elif name == "defect":
                memory.defects = [int(result.value) for result in newest]
        return memory


class Waiting(BaseModel):
    """A shot of which something is still to come."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    physics: dict[str, float] = {}
    """What was computed of each target."""
    inputs: tuple[float, ...] = NO_INPUTS
    """How it was poured, see ``columns.INPUTS``."""
    measured: list[tuple[float, dict[str, float]]] = []
    """What was measured before the physics came: when, and by target."""


class PressChronicle(BaseModel):
    """Of one press."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    all: Ledger = Ledger()
    molds: dict[str, Ledger] = {}
    waiting: dict[str, dict[str, Waiting]] = {}
    """By mold and shot, in order of the pours."""


class Chronicle(BaseModel):
    """All presses by ``site/press``; JSON keeps it over a restart, whole or a press at a time.

    Times are seconds of any clock that counts up, the same one for all calls.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")

    presses: dict[str, PressChronicle] = {}

    def poured(self, shot: ShotKey, at_s: float, row: Mapping[str, float]) -> dict[str, float]:
        """The shot was poured, and simulated.

        Args:
            row: its ``proc_`` and ``sim_`` columns.

        Returns:
            its ``prev_ press_ site_ dev_`` columns: what was known before ``at_s``.
        """
        self.simulated(shot, row)
        return self.known(shot, at_s, row)

    def known(self, shot: ShotKey, at_s: float, row: Mapping[str, float]) -> dict[str, float]:
        """The same columns, without telling of a pour."""
        press = self.presses.get(shot.address, PressChronicle())
        mold = press.molds.get(shot.mold_id, Ledger())
        news = {name: self._news(shot.site, name, at_s) for name in TARGETS}
        memories = mold.before(at_s), press.all.before(at_s)
        return remembered(*memories, news, at_s, inputs_of(row))

    def _news(self, site: str, name: str, at_s: float) -> list[float]:
        """Latest results of all molds of the site, each less the mean of those before it there."""
        found: list[tuple[float, float]] = []
        for address, press in self.presses.items():
            if not address.startswith(f"{site}/"):
                continue
            for ledger in press.molds.values():
                results = ledger.results.get(name, [])
                end = bisect_left(results, at_s, key=itemgetter(0))
                for i in range(max(end - NEWEST, 1), end):
                    before = [result.value for result in results[max(i - RECENT[0], 0) : i]]
                    found.append((results[i].at_s, results[i].value - sum(before) / len(before)))
        return [value for _, value in sorted(found)[-RECENT[0] :]]

    def closed(self, shot: ShotKey, at_s: float, row: Mapping[str, float], *, opened: bool) -> None:
        """The shot has ended.

        Args:
            row: its ``meas_`` columns of the demolding, and ``sim_`` columns (those of the pour
                count where they are not there).
            opened: the mold was opened then; False when nobody said so.
        """
        if opened:
            self._write(shot, "opened", at_s, 1.0)
        self.simulated(shot, row)
        self._measured(shot, at_s, row, "demold")

    def aborted(self, shot: ShotKey) -> None:
        """The shot was aborted: nothing that is measured of it says how good the physics is."""
        press = self.presses.get(shot.address)
        if press is not None:
            press.waiting.get(shot.mold_id, {}).pop(shot.shot_id, None)

    def lab(self, shot: ShotKey, at_s: float, row: Mapping[str, float]) -> None:
        """A quality record became known.

        Args:
            shot: ``mold_id`` may be empty: the shot's own counts.
            row: its ``qc_`` columns.
        """
        mold_id = self.mold_of(shot)
        if mold_id is not None:
            shot = shot._replace(mold_id=mold_id)
        self._measured(shot, at_s, row, "lab")

    def simulated(self, shot: ShotKey, row: Mapping[str, float]) -> None:
        """Keep the physics, and learn from what was measured before it came."""
        physics = _numbers(row, {name: target.physics for name, target in TARGETS.items()})
        if not physics:
            return
        waiting = self._waiting(shot)
        waiting.physics |= physics
        if any(name in row for name in INPUTS):
            waiting.inputs = inputs_of(row)
        early, waiting.measured = waiting.measured, []
        unknown = self.presses[shot.address].waiting.get("", {})
        if shot.mold_id and shot.shot_id in unknown:  # a record that did not name the mold
            early += unknown.pop(shot.shot_id).measured
        for at_s, measured in early:
            self._learn(shot, at_s, measured)

    def mold_of(self, shot: ShotKey) -> str | None:
        """The mold that a shot was poured into, if it is known; else what is said of it."""
        press = self.presses.get(shot.address)
        of_press = {} if press is None else press.waiting
        if shot.mold_id and shot.shot_id in of_press.get(shot.mold_id, {}):
            return shot.mold_id
        found = (mold for mold, shots in of_press.items() if mold and shot.shot_id in shots)
        return next(found, shot.mold_id or None)

    def counts(self, shot: ShotKey) -> bool:
        """Does any result of the shot still count?"""
        press = self.presses.get(shot.address, PressChronicle())
        mold = press.molds.get(shot.mold_id, Ledger())
        return mold.has(shot.shot_id) or press.all.has(f"{shot.mold_id}/{shot.shot_id}")

    def _measured(self, shot: ShotKey, at_s: float, row: Mapping[str, float], known: str) -> None:
        measured = _numbers(
            row,
            {name: target.measured for name, target in TARGETS.items() if target.known == known},
        )
        looked_at = _numbers(row, {"defect": "qc_any_defect"}) if known == "lab" else {}
        if shot.mold_id:  # a defect needs no physics beside it
            for value in looked_at.values():
                self._write(shot, "defect", at_s, value)
        else:
            measured |= looked_at
        if not measured:
            return
        waiting = self._waiting(shot)
        if waiting.physics:
            self._learn(shot, at_s, measured)
        elif (at_s, measured) not in waiting.measured:
            waiting.measured.append((at_s, measured))
            del waiting.measured[:-8]

    def _learn(self, shot: ShotKey, at_s: float, measured: Mapping[str, float]) -> None:
        physics = self._waiting(shot).physics
        for name, value in measured.items():
            if name == "defect":
                self._write(shot, name, at_s, value)
                continue
            off = residual(TARGETS[name], value, physics.get(name, NAN))
            if not math.isnan(off):
                self._write(shot, name, at_s, off, self._waiting(shot).inputs)

    def _write(
        self,
        shot: ShotKey,
        name: str,
        at_s: float,
        value: float,
        inputs: tuple[float, ...] = NO_INPUTS,
    ) -> None:
        press = self._press(shot)
        result = Result(at_s, shot.shot_id, value, inputs)
        press.all.write(name, result._replace(shot_id=f"{shot.mold_id}/{shot.shot_id}"))
        press.molds.setdefault(shot.mold_id, Ledger()).write(name, result)

    def _press(self, shot: ShotKey) -> PressChronicle:
        return self.presses.setdefault(shot.address, PressChronicle())

    def _waiting(self, shot: ShotKey) -> Waiting:
        of_mold = self._press(shot).waiting.setdefault(shot.mold_id, {})
        if shot.shot_id not in of_mold:
            while len(of_mold) >= WAITING_MAX:
                del of_mold[next(iter(of_mold))]
            of_mold[shot.shot_id] = Waiting()
        return of_mold[shot.shot_id]


def merged(records: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """``qc_`` columns of several records of one shot, oldest first.

    A later number corrects an earlier one; a part stays defective when a second look finds nothing.
    """
    found: dict[str, float] = {}
    for record in records:
        for name, value in record.items():
            before = found.get(name, NAN)
            if math.isnan(value):
                found.setdefault(name, value)
            elif name.startswith(("qc_any_defect", "qc_defect_")) and name != "qc_defect_risk":
                found[name] = value if math.isnan(before) else max(before, value)
            else:
                found[name] = value
    return found


def _numbers(row: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    """Values under other names; what is missing is left out."""
    found = {name: row.get(column, NAN) for name, column in names.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}
