"""What earlier shots of a mold or a press showed: residuals, as they became known.

``chronicle`` makes them, over a history when a feature set is built and in the agent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from twin_core.learning.columns import INPUTS, RECENT, SHRINK, TARGETS, Target

LONGEST = RECENT[-1]
NAN = math.nan
NO_INPUTS = (NAN,) * len(INPUTS)
"""Nobody knows how that shot was poured."""


class Memory(BaseModel):
    """Of one mold on a press, or of one press."""

    residuals: dict[str, list[float]] = {}
    """The latest residuals of each target, oldest first."""
    inputs: dict[str, list[tuple[float, ...]]] = {}
    """``INPUTS`` at the pours of the shots that showed them."""
    defects: list[int] = []
    """1 for each of the latest parts that had a defect, 0 for one that had none."""
    opened_at_s: float | None = None
    """When the mold was opened last; seconds of any clock that counts up."""


def residual(target: Target, measured: float, physics: float) -> float:
    """How far the physics was off; NaN where either is missing, or relative to nothing."""
    if target.relative:
        return math.log(measured / physics) if measured > 0.0 and physics > 0.0 else NAN
    return measured - physics


def corrected(target: Target, physics: float, off: float) -> float:
    """The physics with a residual on it: what ``residual`` undoes."""
    return physics * math.exp(off) if target.relative else physics + off


def inputs_of(row: Mapping[str, float]) -> tuple[float, ...]:
    """``INPUTS`` of a row, NaN where it has none."""
    return tuple(row.get(name, NAN) for name in INPUTS)


def remembered(
    mold: Memory,
    press: Memory,
    news: Mapping[str, Sequence[float]],
    poured_at_s: float,
    inputs: tuple[float, ...],
) -> dict[str, float]:
    """The ``prev_``, ``press_``, ``site_`` and ``dev_`` columns of a shot that is poured now.

    Args:
        news: by target, how far the latest results on the site lie above those before.
        inputs: ``inputs_of`` the shot.
    """
    found: dict[str, float] = {}
    for name in TARGETS:
        known = mold.residuals.get(name, [])
        found[f"prev_{name}_last"] = known[-1] if known else NAN
        _means(found, f"prev_{name}", known)
        of_press = press.residuals.get(name, [])
        found[f"prev_{name}_expected"] = _drawn(known, _drawn(of_press, 0.0))
        then = zip(*mold.inputs.get(name, [])[-RECENT[0] :], strict=True)
        then_press = zip(*press.inputs.get(name, [])[-RECENT[0] :], strict=True)
        at_mold = list(then) or [()] * len(INPUTS)
        at_press = list(then_press) or [()] * len(INPUTS)
        for column, now, a, b in zip(INPUTS, inputs, at_mold, at_press, strict=True):
            found[f"dev_{name}_{column.removeprefix('proc_')}"] = now - _drawn(a, _drawn(b, 0.0))
        ones = [1.0] * len(known), [1.0] * len(of_press)
        found[f"dev_{name}_share"] = 1.0 - _drawn(ones[0], _drawn(ones[1], 0.0))
        found[f"prev_{name}_std{LONGEST}"] = _std(known)
        _means(found, f"press_{name}", of_press)
        found[f"site_{name}_news"] = _mean(news.get(name, ()))
    opened = mold.opened_at_s
    found["prev_pause_s"] = NAN if opened is None else poured_at_s - opened
    found["prev_defect_share"] = _mean(mold.defects)
    return found


def _drawn(known: Sequence[float], towards: float) -> float:
    """Mean of the latest, drawn towards something else the more the fewer there are."""
    latest = known[-RECENT[0] :]
    return (math.fsum(latest) + SHRINK * towards) / (len(latest) + SHRINK)


def _means(found: dict[str, float], stem: str, known: list[float]) -> None:
    for count in RECENT:
        found[f"{stem}_mean{count}"] = _mean(known[-count:])
    found[f"{stem}_trend"] = found[f"{stem}_mean{RECENT[0]}"] - found[f"{stem}_mean{RECENT[1]}"]
    found[f"{stem}_count"] = float(len(known))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def _std(values: Sequence[float]) -> float:
    """Of a sample; ``statistics.stdev`` takes a hundred times as long, for exact fractions."""
    if len(values) < 2:
        return NAN
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
