"""Features of a shot from results of earlier shots: the ``prev_ press_ site_ dev_`` columns.

Pure functions; which results were known at a pour is the business of ``past_results``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twin_core.learning.columns import INPUTS, RECENT, SHRINK, TARGETS, Target

LONGEST = RECENT[-1]
NAN = math.nan
NO_INPUTS = (NAN,) * len(INPUTS)
"""``INPUTS`` of a shot of whose pour nothing is known."""


@dataclass(frozen=True)
class KnownResults:
    """Results of one mold on a press, or of one press, that were known at some moment."""

    residuals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """The latest residuals of each target, oldest first."""
    inputs: Mapping[str, Sequence[tuple[float, ...]]] = field(default_factory=dict)
    """``INPUTS`` at the pours of the shots that showed them."""
    defects: Sequence[int] = ()
    """1 for each of the latest parts that had a defect, 0 for one that had none."""
    opened_at_s: float | None = None
    """When the mold was opened last; seconds of any clock that counts up."""
    ages: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By target, of the newest shot with a result: shots and seconds since its pour."""


def residual(target: Target, measured: float, physics: float) -> float:
    """Error of the physics beside a measurement; NaN if one is missing or their ratio no log."""
    if target.relative:
        return math.log(measured / physics) if measured > 0.0 and physics > 0.0 else NAN
    return measured - physics


def corrected(target: Target, physics: float, off: float) -> float:
    """Physics with a residual ``off`` on it: the inverse of ``residual``."""
    return physics * math.exp(off) if target.relative else physics + off


def inputs_of(row: Mapping[str, float]) -> tuple[float, ...]:
    """Values of the columns ``INPUTS`` in a row, NaN where it has none."""
    return tuple(row.get(name, NAN) for name in INPUTS)


def residual_features(
    mold: KnownResults,
    press: KnownResults,
    recent: Mapping[str, Sequence[float]],
    poured_at_s: float,
    inputs: tuple[float, ...],
) -> dict[str, float]:
    """Compute the ``prev_``, ``press_``, ``site_`` and ``dev_`` columns of a shot at its pour.

    Args:
        mold: results of its mold on this press.
        press: results of all molds of the press.
        recent: by target, how far the latest results on the site lie above those before.
        poured_at_s: time of the pour [s], by the clock of ``KnownResults.opened_at_s``.
        inputs: ``inputs_of`` the shot.
    """
    row: dict[str, float] = {}
    for name in TARGETS:
        known = mold.residuals.get(name, [])
        row[f"prev_{name}_last"] = known[-1] if known else NAN
        _means(row, f"prev_{name}", known)
        of_press = press.residuals.get(name, [])
        row[f"prev_{name}_expected"] = _drawn(known, _drawn(of_press, 0.0))
        then = zip(*mold.inputs.get(name, [])[-RECENT[0] :], strict=True)
        then_press = zip(*press.inputs.get(name, [])[-RECENT[0] :], strict=True)
        at_mold = list(then) or [()] * len(INPUTS)
        at_press = list(then_press) or [()] * len(INPUTS)
        for column, now, a, b in zip(INPUTS, inputs, at_mold, at_press, strict=True):
            row[f"dev_{name}_{column.removeprefix('proc_')}"] = now - _drawn(a, _drawn(b, 0.0))
        ones = [1.0] * len(known), [1.0] * len(of_press)
        row[f"dev_{name}_share"] = 1.0 - _drawn(ones[0], _drawn(ones[1], 0.0))
        row[f"prev_{name}_std{LONGEST}"] = _std(known)
        shots, age_s = mold.ages.get(name, (NAN, NAN))
        row[f"prev_{name}_age_shots"], row[f"prev_{name}_age_h"] = shots, age_s / 3600.0
        _means(row, f"press_{name}", of_press)
        row[f"site_{name}_news"] = _mean(recent.get(name, ()))
    opened = mold.opened_at_s
    row["prev_pause_s"] = NAN if opened is None else poured_at_s - opened
    row["prev_defect_share"] = _mean(mold.defects)
    return row


def _drawn(known: Sequence[float], towards: float) -> float:
    """Mean of the latest, drawn towards something else the more the fewer there are."""
    latest = known[-RECENT[0] :]
    return (math.fsum(latest) + SHRINK * towards) / (len(latest) + SHRINK)


def _means(row: dict[str, float], stem: str, known: Sequence[float]) -> None:
    for count in RECENT:
        row[f"{stem}_mean{count}"] = _mean(known[-count:])
    row[f"{stem}_trend"] = row[f"{stem}_mean{RECENT[0]}"] - row[f"{stem}_mean{RECENT[1]}"]
    row[f"{stem}_count"] = float(len(known))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def _std(values: Sequence[float]) -> float:
    """Standard deviation of a sample; ``statistics.stdev`` takes a hundred times as long."""
    if len(values) < 2:
        return NAN
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
