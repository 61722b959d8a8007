"""The memory of a mold: a robust running level of its last residuals that learns its own speed.

A level is a weighted mean of the residuals known, in the order of their pours. With speed a the
newest weighs 1, the one before 1 - a, the next (1 - a)^2: an exponentially weighted mean, divided
by the sum of its weights, so that it is right from the first result on (Roberts 1959; for a random
walk under noise it is the Kalman filter's answer, Muth 1960). No speed is right for every press, so
several run side by side, and their shares follow from how well each has foretold the results of the
press so far, from what was known at each pour: exponential weights (Vovk 1990; Cesa-Bianchi and
Lugosi 2006, section 2.1), losses being squares of standardised errors, clipped.

What teaches is looked at twice. A residual ``OUTLIER`` scales from the level waits for a second
one beside it: alone it never counts, two make a step, and what was before a step is forgotten. What
was before an event of the press, a maintenance, another lot, and what was poured of another
material counts as ``BEFORE_EVENT`` of a result from then on. Smaller steps are left to the fast
speeds: to forget at the alarms of a CUSUM made no level better.

Pure functions of the results that were known: late results take their place in the order of the
pours, and a restart changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array

LONGEST = 40
"""Results of a mold that its level rests on."""
SPEEDS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0])
USUAL = 2
"""Number of the speed that outliers and steps are judged by."""
RATE = 1.0
"""Of the exponential weights (assumed; 0.3 to 2 differ by 1 % on virtual plants)."""
LOSS_MAX = 9.0
"""A loss counts as an error of three scales at most."""
OUTLIER = 8.0
"""Scales from the level: alone it does not teach. Lots move opening times by 7 scales at once."""
BEFORE_EVENT = 0.5
"""Weight of all that was before an event, or of another material, together, in results."""
MEDIAN_OF_NORMAL, NINE_IN_TEN_OF_NORMAL = 0.6745, 1.6449
"""Median and 90 % of the absolute value of a normal variable with variance 1."""
OFF = (8, 40)
"""Results that a result is compared with, to tell what is new."""
PRIOR_COUNT = 3.0
"""The prior scale weighs as much as this many errors."""
SIZE_MIN = 0.02
"""Of the prior: errors are never smaller, also where a value only repeats itself (assumed)."""
POWERS: Array = (1.0 - SPEEDS)[:, None] ** np.arange(LONGEST + 1)[None, :]


@dataclass(frozen=True)
class Memory:
    """What the results of a mold say of one target.

    Attributes:
        pours: when they were poured [s], (results,), in this order.
        values: their residuals, (results,).
        inputs: how they were poured, (results, inputs), NaN for what is not known.
        teaches: False for outliers that nothing has confirmed, (results,).
        weights: of each result in the level of each speed now, (speeds, results); rows add up to
            1, or are 0 where nothing teaches.
        levels: of each speed at the pour of each result, as known then, (speeds, results); NaN
            where nothing was known.
        losses: sums over the results, (speeds,): how badly each speed has foretold them.
        scale: size of an error of the usual speed.
        since: results of this material after the last step or event that is known.
    """

    pours: Array
    values: Array
    inputs: Array
    teaches: NDArray[np.bool_]
    weights: Array
    levels: Array
    losses: Array
    scale: float
    since: int

    @property
    def count(self) -> int:
        """Results that the level rests on."""
        return int(np.count_nonzero(self.weights[0])) if len(self.values) else 0

    @cached_property
    def taught(self) -> Array:
        """Residuals that teach, in the order of the pours."""
        found: Array = self.values[self.teaches]
        return found

    @cached_property
    def taught_pours(self) -> Array:
        """When these were poured [s]."""
        found: Array = self.pours[self.teaches]
        return found

    @cached_property
    def off(self) -> dict[int, Array]:
        """How far each of these lies off the mean of so many before it; see ``OFF``."""
        return {count: off_those_before(self.taught, count) for count in OFF}

    def errors(self, shares: Array) -> Array:
        """Errors of the level at the pour of each result that teaches and had one before it."""
        errors: Array = self.values - shares @ self.levels
        found: Array = errors[self.teaches & ~np.isnan(errors)]
        return found


def shares_of(losses: Array) -> Array:
    """Share of each speed, from sums of losses, (speeds,)."""
    weights = np.exp(-0.5 * RATE * (losses - losses.min()))
    found: Array = weights / weights.sum()
    return found


def off_those_before(values: Array, count: int) -> Array:
    """How far each value lies off the mean of at most so many before it, (results,); NaN first."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    number = np.arange(len(values))
    first = np.maximum(number - count, 0)
    before = number - first
    means = (sums[number] - sums[first]) / np.maximum(before, 1)
    found: Array = np.where(before > 0, values - means, np.nan)
    return found


def median_of(values: Array) -> float:
    """Median of a few numbers; ``np.median`` takes ten times as long."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return 0.5 * float(ordered[middle] + ordered[middle - 1 + len(ordered) % 2])


def typical_error(errors: Array, prior: float) -> float:
    """Robust size of errors, one for a normal variable of that standard deviation.

    From the median, and half of what nine in ten say, for values that mostly repeat themselves;
    drawn towards a prior size where there are few: the geometric mean, so that a prior that is far
    too large is soon forgotten, too.
    """
    count = len(errors)
    if not count:
        return prior
    ordered = np.sort(np.abs(errors))
    size = max(
        float(ordered[count // 2]) / MEDIAN_OF_NORMAL,
        0.5 * float(ordered[(9 * (count - 1)) // 10]) / NINE_IN_TEN_OF_NORMAL,
        SIZE_MIN * prior,
    )
    return math.exp(
        (count * math.log(size) + PRIOR_COUNT * math.log(prior)) / (count + PRIOR_COUNT)
    )


def remember(
    pours: Array,
    known: Array,
    values: Array,
    inputs: Array,
    materials: NDArray[np.int64],
    events: Sequence[float],
    prior: float,
) -> Memory:
    """The memory of a mold for one target.

    Args:
        pours: when the shots were poured [s], ascending, (results,), at most ``LONGEST``.
        known: when their results became known [s], (results,).
        values: residuals, (results,).
        inputs: how the shots were poured, (results, inputs).
        materials: number of the material of each, and of the next shot last, (results + 1,).
        events: when something was done that may change the shots after it [s], ascending.
        prior: size of an error before any is known.
    """
    count = len(values)
    if not count:
        none = np.zeros(0)
        empty = np.zeros((len(SPEEDS), 0))
        losses = np.zeros(len(SPEEDS))
        return Memory(none, none, inputs, none.astype(bool), empty, empty, losses, prior, 0)
    scale = typical_error(np.diff(values) / np.sqrt(2.0), prior)
    teaches, steps, latest = _judged_apart(values, materials[:count], scale)
    eras = np.searchsorted(np.asarray(events, dtype=float), pours, side="right")
    now = len(events)
    # rows: the pours of the results, and last: now
    seen = np.ones((count + 1, count), dtype=bool)
    seen[:count] = (known[None, :] < pours[:, None]) & np.tri(count, k=-1, dtype=bool)
    seen &= teaches[None, :]
    seen &= steps[None, :] == latest
    old = eras[None, :] < np.append(eras, now)[:, None]
    old |= materials[None, :count] != materials[:, None]
    weights = _powers(seen & ~old)
    if old.any():
        before = _powers(seen & old)
        mass = before.sum(axis=2)
        few = np.minimum(1.0, BEFORE_EVENT / np.maximum(mass, 1e-9))
        weights += before * few[:, :, None]
    sums = weights.sum(axis=2)
    weights /= np.where(sums > 0.0, sums, 1.0)[:, :, None]
    levels = np.where(sums > 0.0, weights @ values, np.nan)[:, :count]
    errors = values[None, :] - levels
    judged = teaches & ~np.isnan(errors[0])
    usual = errors[USUAL, judged]
    size = typical_error(usual, scale)
    losses = np.minimum((errors[:, judged] / size) ** 2, LOSS_MAX).sum(axis=1)
    since = int(np.count_nonzero((steps == latest[count]) & ~old[count]))
    return Memory(pours, values, inputs, teaches, weights[:, count], levels, losses, size, since)


def _powers(seen: NDArray[np.bool_]) -> Array:
    """Weight of each result for each speed, (speeds, pours, results): by how many newer ones are
    seen."""
    newer = seen[:, ::-1].cumsum(axis=1)[:, ::-1] - seen
    found: Array = np.where(seen[None], POWERS[:, newer], 0.0)
    return found


def _judged_apart(
    values: Array, materials: NDArray[np.int64], scale: float
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Which results teach, steps up to each, (results,) both, judged among those of one material;
    and steps of the material of each result up to each pour and now, (results + 1, results)."""
    count = len(values)
    teaches, steps = np.ones(count, dtype=bool), np.zeros(count, dtype=np.int64)
    latest = np.zeros((count + 1, count), dtype=np.int64)
    for material in set(materials.tolist()):
        own = np.flatnonzero(materials == material)
        teaches[own], steps[own] = _judged(values[own], scale)
        after = np.searchsorted(own, np.arange(count + 1), side="right")
        latest[:, own] = steps[own][np.maximum(after - 1, 0)][:, None]
    return teaches, steps, latest


def _judged(values: Array, scale: float) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which results teach, and the number of steps up to each: (results,) both."""
    far = OUTLIER * scale
    teaches = np.ones(len(values), dtype=bool)
    steps = np.zeros(len(values), dtype=np.int64)
    found: list[float] = values.tolist()
    level, weight, waiting = found[0], 1.0, -1
    is_far = len(found) > 2 and abs(level - median_of(values[:5])) > far
    if is_far and abs(found[1] - level) > far:  # the first is the outlier, not all others
        teaches[0], level = False, found[1]
    for i, value in enumerate(found[1:], start=1):
        if abs(value - level) <= far:
            weight = min(weight + 1.0, 1.0 / float(SPEEDS[USUAL]))
            level += (value - level) / weight
            waiting = -1
        elif waiting >= 0 and abs(value - found[waiting]) <= far:
            teaches[waiting] = True
            steps[waiting:] += 1
            level, weight, waiting = 0.5 * (value + found[waiting]), 2.0, -1
        else:
            teaches[i], waiting = False, i
    return teaches, steps
