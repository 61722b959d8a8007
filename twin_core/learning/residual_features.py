"""Features of a shot from results of earlier shots: the ``prev_ press_ site_ dev_`` columns.

Pure functions; which results were known at a pour is the business of ``past_results``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twin_core.arrays import Array
from twin_core.learning.columns import INPUTS, RECENT, SHRINK, TARGETS, Target
from twin_core.learning.memory import (
    SPEEDS,
    USUAL,
    Memory,
    median_of,
    shares_of,
    typical_error,
)

LONGEST = RECENT[-1]
NAN = math.nan
NEWS_SPEED, NEWS_SHRINK, FAR = 0.3, 0.3, 4.0
"""Of the news of a site: speed, weight of zero in results (both tried on virtual plants), and in
median sizes how far off one result can be (assumed)."""
NEWS_POWERS: Array = np.array([(1.0 - NEWS_SPEED) ** n for n in reversed(range(LONGEST))])
_DEVIATIONS = {
    name: [f"dev_{name}_{column.removeprefix('proc_')}" for column in INPUTS] for name in TARGETS
}
NO_INPUTS = (NAN,) * len(INPUTS)
"""``INPUTS`` of a shot of whose pour nothing is known."""


@dataclass(frozen=True)
class Remembered:
    """What memories say of the next shot of a mold, for one target.

    Attributes:
        row: its ``prev_ press_ site_`` columns, but for the age.
        then: how the earlier shots were poured that its level rests on, see ``columns.INPUTS``.
        newest_s: when the newest shot with a result was poured [s]; NaN without one.
    """

    row: Mapping[str, float]
    then: Sequence[float]
    newest_s: float


@dataclass(frozen=True)
class KnownOfMold:
    """What else was known of a mold."""

    defects: Sequence[int] = ()
    """1 for each of the latest parts that had a defect, 0 for one that had none."""
    opened_at_s: float | None = None
    """When the mold was opened last; seconds of any clock that counts up."""


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


def remembered(
    name: str, mold: Memory, press: Sequence[Memory], site: Sequence[Memory]
) -> Remembered:
    """What memories say of the next shot of a mold; the same until there are other results.

    Args:
        name: of the target.
        mold: memory of the mold on its press.
        press: of all molds of the press, this one among them.
        site: of all molds of the site.
    """
    values, inputs = _latest_of(press)
    shares = shares_of(np.sum([one.losses for one in press], axis=0))
    taught: list[float] = mold.taught.tolist()
    of_press: list[float] = values.tolist()
    row = {f"prev_{name}_last": taught[-1] if taught else NAN}
    _means(row, f"prev_{name}", taught)
    _means(row, f"press_{name}", of_press)
    # the level of the press counts as SHRINK / n results beside n of the mold, so that a mold that
    # differs from the others for good is soon taken for what it is; zero as SHRINK of the press
    own, latest = mold.count**2 / (mold.count**2 + SHRINK), of_press[-RECENT[0] :]
    theirs = (1.0 - own) * len(latest) / (len(latest) + SHRINK)
    of_others = theirs * median_of(np.array(latest)) if latest else 0.0
    row[f"prev_{name}_expected"] = own * float(shares @ mold.weights @ mold.values) + of_others
    weights = mold.weights[USUAL]
    row[f"prev_{name}_level"] = own * float(weights @ mold.values) + of_others
    row[f"prev_{name}_lead"] = row[f"prev_{name}_expected"] - row[f"prev_{name}_level"]
    even = np.ones(len(latest)) / max(len(latest), 1)
    then = own * _weighted(weights, mold.inputs)
    then = then + theirs * _weighted(even, inputs[len(of_press) - len(latest) :])
    row[f"dev_{name}_share"] = 1.0 - own - theirs
    errors = np.concatenate([one.errors(shares) for one in press])
    usual = typical_error(errors, TARGETS[name].usual_error)
    row[f"prev_{name}_error"] = typical_error(mold.errors(shares), usual)
    row[f"prev_{name}_speed"] = float(shares @ SPEEDS)
    row[f"prev_{name}_since"] = float(mold.since)
    row[f"prev_{name}_std{LONGEST}"] = _std(taught)
    for kind, before in (("news", RECENT[1]), ("lately", RECENT[0])):
        row[f"site_{name}_{kind}"] = _site(site, before)
    newest = float(mold.pours[-1]) if len(mold.pours) else NAN
    return Remembered(row, then.tolist(), newest)


def residual_features(
    known: Mapping[str, Remembered],
    ages: Mapping[str, float],
    of_mold: KnownOfMold,
    poured_at_s: float,
    inputs: tuple[float, ...],
) -> dict[str, float]:
    """Compute the ``prev_``, ``press_``, ``site_`` and ``dev_`` columns of a shot at its pour.

    Args:
        known: by target.
        ages: by target, shots since the pour of the newest one with a result.
        poured_at_s: time of the pour [s], by the clock of ``KnownOfMold.opened_at_s``.
        inputs: ``inputs_of`` the shot.
    """
    row: dict[str, float] = {}
    for name, found in known.items():
        row.update(found.row)
        for column, now, then in zip(_DEVIATIONS[name], inputs, found.then, strict=True):
            row[column] = now - then
        row[f"prev_{name}_age_shots"] = ages[name]
        row[f"prev_{name}_age_h"] = (poured_at_s - found.newest_s) / 3600.0
    opened = of_mold.opened_at_s
    row["prev_pause_s"] = NAN if opened is None else poured_at_s - opened
    row["prev_defect_share"] = _mean(of_mold.defects)
    return row


def _latest_of(memories: Sequence[Memory]) -> tuple[Array, Array]:
    """Residuals that teach of several molds, the latest in order of their pours, and inputs."""
    pours = np.concatenate([one.taught_pours for one in memories])
    order = np.argsort(pours, kind="stable")[-LONGEST:]
    values = np.concatenate([one.taught for one in memories])
    inputs = np.concatenate([one.inputs[one.teaches] for one in memories])
    return values[order], inputs[order]


def _site(memories: Sequence[Memory], before: int) -> float:
    """How far the newest results of a site lie off what their molds showed before.

    The newest of any mold weighs most, and one that is far off counts as ``FAR`` median sizes.
    """
    pours = np.concatenate([one.taught_pours for one in memories])
    offs = np.concatenate([one.off[before] for one in memories])
    given = ~np.isnan(offs)
    if not given.any():
        return 0.0
    newest: Array = offs[given][np.argsort(pours[given], kind="stable")][-LONGEST:]
    far = FAR * median_of(np.abs(newest))
    weights = NEWS_POWERS[-len(newest) :]
    mean = float(weights @ np.clip(newest, -far, far))
    return mean / (float(weights.sum()) + NEWS_SHRINK)


def _weighted(weights: Array, inputs: Array) -> Array:
    """Weighted mean of each input where it is known; 0 where nothing is."""
    given = ~np.isnan(inputs)
    shares = weights @ given
    sums = weights @ np.where(given, inputs, 0.0)
    found: Array = np.where(shares > 0.0, sums / np.where(shares > 0.0, shares, 1.0), 0.0)
    return found


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
