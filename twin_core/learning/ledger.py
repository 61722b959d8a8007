"""Results of one mold or of one press in order of time, and those that were known at a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from twin_core.learning.columns import INPUTS, TARGETS
from twin_core.learning.memory import Memory, remember
from twin_core.learning.residual_features import LONGEST, NAN, NO_INPUTS, KnownOfMold

KEPT = 2 * LONGEST
"""Results that are kept of each kind: twice as many as features use, for those that come late."""


class Result(NamedTuple):
    """One result of a shot, and when it became known."""

    at_s: float
    shot_id: str
    value: float
    inputs: tuple[float, ...] = NO_INPUTS
    """How the shot was poured, see ``columns.INPUTS``."""
    poured_at_s: float = NAN
    """When the shot was poured."""
    until_s: float = math.inf
    """When it became known that it is not so: a later record corrects it."""
    basis: str = ""
    """What its physics rests on: results on another basis tell nothing of it."""


class _Kept(NamedTuple):
    """A memory, from when on all of its results are known [s], and the events that it knows of."""

    memory: Memory
    settled_s: float
    events: Sequence[float]


@dataclass
class Ledger:
    """Results of one mold on a press, or of one press, each kind in order of time."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    """By target; ``defect`` is 1 or 0 for a part that was inspected, ``opened`` when the mold was
    opened [s], ``poured`` 1 at the pour itself."""
    _memories: dict[str, dict[str, _Kept]] = field(default_factory=dict, repr=False)
    """By target and basis, the memory from all results; it holds until there is another."""

    def add(self, name: str, result: Result) -> None:
        """Add a result; another value of the same moment and shot replaces the first.

        Of two parts of one inspection a defect stays.
        """
        if result.until_s <= result.at_s:
            return
        self._memories.pop(name, None)
        known = self.results.setdefault(name, [])
        at = len(known)
        while at > 0 and known[at - 1][:2] > result[:2]:
            at -= 1
        if at > 0 and known[at - 1][:2] == result[:2]:
            stays = name == "defect" and known[at - 1].value > result.value
            known[at - 1] = known[at - 1] if stays else result
            return
        known.insert(at, result)
        del known[:-KEPT]

    def drop(self, name: str, shot_id: str) -> None:
        """Forget one kind of result of a shot."""
        self._memories.pop(name, None)
        if name in self.results:
            self.results[name] = [r for r in self.results[name] if r.shot_id != shot_id]

    def has(self, shot_id: str) -> bool:
        """True if there is a result of this shot."""
        kinds = (results for name, results in self.results.items() if name != "poured")
        return any(r.shot_id == shot_id for results in kinds for r in results)

    def before(self, at_s: float) -> KnownOfMold:
        """What was known of the mold before a moment [s], beside its residuals."""
        opened = [result.value for result in self.results.get("opened", []) if result.at_s < at_s]
        return KnownOfMold(
            defects=[int(result.value) for result in self._latest("defect", at_s)],
            opened_at_s=max(opened, default=None),
        )

    def memory(self, name: str, at_s: float, basis: str, events: Sequence[float]) -> Memory:
        """The memory of a target from results known before a moment.

        Args:
            at_s: the moment [s].
            basis: of the physics that it is for.
            events: what happened to the mold before, see ``remember``.
        """
        kept = self._memories.get(name, {}).get(basis)
        if kept is not None and at_s > kept.settled_s and kept.events == events:
            return kept.memory
        known = [r for r in self._latest(name, at_s) if r.basis == basis]
        known.sort(key=_poured_s)
        found = remember(
            np.array([_poured_s(r) for r in known]),
            np.array([r.at_s for r in known]),
            np.array([r.value for r in known]),
            np.array([r.inputs for r in known]).reshape(-1, len(INPUTS)),
            events,
            TARGETS[name].usual_error,
        )
        times = [time for r in self.results.get(name, []) for time in (r.at_s, r.until_s)]
        settled_s = max((time for time in times if time < math.inf), default=-math.inf)
        if at_s > settled_s:
            self._memories.setdefault(name, {})[basis] = _Kept(found, settled_s, events)
        return found

    def shots_since(self, poured_s: float, at_s: float) -> float:
        """Shots poured from one moment to another [s]; NaN if none is known."""
        poured = [r.at_s for r in self.results.get("poured", []) if poured_s <= r.at_s < at_s]
        return float(len(poured)) if poured else NAN

    def _latest(self, name: str, at_s: float) -> list[Result]:
        """Latest result of each shot before a moment [s], oldest first."""
        latest: dict[str, Result] = {}
        for result in self.results.get(name, []):
            if result.at_s >= at_s:
                break
            if result.until_s < at_s:
                continue
            before = latest.pop(result.shot_id, None)
            # a defective part stays so, even when a second inspection finds nothing
            stays = name == "defect" and before is not None and before.value > result.value
            latest[result.shot_id] = before if stays and before is not None else result
        return list(latest.values())[-LONGEST:]


def _poured_s(result: Result) -> float:
    """When a shot was poured [s], or its result known where nobody said."""
    return result.at_s if math.isnan(result.poured_at_s) else result.poured_at_s
