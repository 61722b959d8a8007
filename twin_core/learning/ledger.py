"""Results of one mold or of one press in order of time, and those that were known at a moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from twin_core.learning.columns import TARGETS
from twin_core.learning.residual_features import LONGEST, NAN, NO_INPUTS, KnownResults

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


@dataclass
class Ledger:
    """Results of one mold on a press, or of one press, each kind in order of time."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    """By target; ``defect`` is 1 or 0 for a part that was inspected, ``opened`` when the mold was
    opened [s], ``poured`` 1 at the pour itself."""

    def add(self, name: str, result: Result) -> None:
        """Add a result; another value of the same moment and shot replaces the first.

        Of two parts of one inspection a defect stays.
        """
        if result.until_s <= result.at_s:
            return
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
        if name in self.results:
            self.results[name] = [r for r in self.results[name] if r.shot_id != shot_id]

    def has(self, shot_id: str) -> bool:
        """True if there is a result of this shot."""
        kinds = (results for name, results in self.results.items() if name != "poured")
        return any(r.shot_id == shot_id for results in kinds for r in results)

    def before(self, at_s: float) -> KnownResults:
        """Results known before a moment [s]; a shot that was reported again counts once."""
        opened = [result.value for result in self.results.get("opened", []) if result.at_s < at_s]
        targets = {name: self._latest(name, at_s) for name in TARGETS if name in self.results}
        return KnownResults(
            residuals={name: [r.value for r in latest] for name, latest in targets.items()},
            inputs={name: [r.inputs for r in latest] for name, latest in targets.items()},
            defects=[int(result.value) for result in self._latest("defect", at_s)],
            opened_at_s=max(opened, default=None),
            ages={name: self._age(latest, at_s) for name, latest in targets.items()},
        )

    def _age(self, latest: list[Result], at_s: float) -> tuple[float, float]:
        """Shots and seconds since the pour of the newest shot with a result."""
        newest_s = max((r.poured_at_s for r in latest if r.poured_at_s < at_s), default=NAN)
        poured = [r.at_s for r in self.results.get("poured", []) if newest_s <= r.at_s < at_s]
        return (float(len(poured)) if poured else NAN), at_s - newest_s

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
