"""What earlier shots of a mold or a press showed: residuals, as they became known.

A state machine without clock or disk, as ``assemble`` is: the same one runs over a history when a
feature set is built and in the agent, so both see the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel

from twin_core.learning.columns import RECENT, SHRINK, TARGETS, Target

LONGEST = RECENT[-1]
NAN = math.nan


class Memory(BaseModel):
    """Of one mold on a press, or of one press; JSON keeps it over a restart."""

    residuals: dict[str, list[float]] = {}
    """The latest residuals of each target, oldest first."""
    defects: list[int] = []
    """1 for each of the latest parts that had a defect, 0 for one that had none."""
    opened_at_s: float | None = None
    """When the mold was opened last; seconds of any clock that counts up."""

    def learn(self, name: str, residual: float) -> None:
        """A residual of the target ``name`` has become known; NaN is nothing."""
        if not math.isnan(residual):
            known = self.residuals.setdefault(name, [])
            known.append(residual)
            del known[:-LONGEST]

    def inspected(self, defective: bool) -> None:
        """Somebody has looked at a part."""
        self.defects.append(int(defective))
        del self.defects[:-LONGEST]

    def opened(self, at_s: float) -> None:
        """The mold was opened."""
        self.opened_at_s = at_s


def residual(target: Target, measured: float, physics: float) -> float:
    """How far the physics was off; NaN where either is missing, or relative to nothing."""
    if target.relative:
        return math.log(measured / physics) if measured > 0.0 and physics > 0.0 else NAN
    return measured - physics


def corrected(target: Target, physics: float, off: float) -> float:
    """The physics with a residual on it: what ``residual`` undoes."""
    return physics * math.exp(off) if target.relative else physics + off


def remembered(mold: Memory, press: Memory, poured_at_s: float) -> dict[str, float]:
    """The ``prev_`` and ``press_`` columns of a shot that is poured now."""
    found: dict[str, float] = {}
    for name in TARGETS:
        known = mold.residuals.get(name, [])
        found[f"prev_{name}_last"] = known[-1] if known else NAN
        _means(found, f"prev_{name}", known)
        of_press = press.residuals.get(name, [])
        found[f"prev_{name}_expected"] = _drawn(known, _drawn(of_press, 0.0))
        found[f"prev_{name}_std{LONGEST}"] = _std(known)
        _means(found, f"press_{name}", of_press)
    opened = mold.opened_at_s
    found["prev_pause_s"] = NAN if opened is None else poured_at_s - opened
    found["prev_defect_share"] = _mean(mold.defects)
    return found


def _drawn(known: list[float], towards: float) -> float:
    """Mean of the latest, drawn towards something else the more the fewer there are."""
    latest = known[-RECENT[0] :]
    return (math.fsum(latest) + SHRINK * towards) / (len(latest) + SHRINK)


def _means(found: dict[str, float], stem: str, known: list[float]) -> None:
    for count in RECENT:
        found[f"{stem}_mean{count}"] = _mean(known[-count:])
    found[f"{stem}_count"] = float(len(known))


def _mean(values: list[float] | list[int]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def _std(values: list[float]) -> float:
    """Of a sample; ``statistics.stdev`` takes a hundred times as long, for exact fractions."""
    if len(values) < 2:
        return NAN
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def residuals(row: Mapping[str, float], known: str) -> dict[str, float]:
    """Residuals that a row shows, of targets that are measured at this moment."""
    return {
        name: residual(target, row.get(target.measured, NAN), row.get(target.physics, NAN))
        for name, target in TARGETS.items()
        if target.known == known
    }
