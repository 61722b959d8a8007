"""Test of drift for a level: is the mean of the newest shots another one?

The scatter of a difference of two means is that of independent shots only if shots are. Here it
comes from the baseline in three steps, each over all columns of a check together.

1   Shots in a row. An autoregression of each column gives the variance of a mean of n shots
    (``autoregression``). Columns of one plant often remember alike: what they have in common makes
    the estimate of each better, so each is moved towards their weighted mean as far as their
    scatter allows [1], downwards by at most one standard error.
2   Weeks. Lots of material, a season, wear: levels that stay for hundreds of shots are not in an
    autoregression. The means of blocks of the baseline as long as the current window show them:
    if of a column or of all they scatter more than step 1 says (F tests, 0.2 %), an autoregression
    takes the highest order that is tried, or the weather of the hall lasts, then all columns are
    judged by the scatter of blocks, moderated over the columns [2], with two thirds of a degree of
    freedom for each block.

3   What weather explains (``drift_explained``) is uncertain.

Then t = shift / scatter, with Student's distribution. Outliers count as values at the fence of a
box plot.

References:
    [1] DerSimonian and Laird 1986, Controlled Clinical Trials 7, 177-188; Efron and Morris 1972,
        J. Am. Statist. Assoc. 67, 130-139, for the limit.
    [2] Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3(1), article 3, section 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from twin_core.arrays import Array
from twin_core.learning.autocorrelation import (
    MOST_ORDERS,
    Autoregression,
    autoregression_of,
    share_of_mean,
)
from twin_core.learning.two_sample_tests import Sizes, holm

FEWEST_BLOCKS = 4
FEWEST_IN_A_BLOCK = 8
"""Values, else a block is left out."""
SEEN_RATIO = 3.0
"""Variance of block means over that of shots in a row from which on their order says something."""
SMOOTH = 1.0
"""Squared differences of neighbouring blocks over squared distances from their mean: 2 of blocks
that do not know each other, below this of levels that go on smoothly."""
OWN = 0.67
"""Degrees of freedom for each block: what is slow goes from one block into the next."""
SLOW_RATE = 0.002
"""Chance that step 2 begins without need."""
FENCE = 3.0
"""Widths of the box beyond which a value is an outlier: Tukey's outer fence, 4.7 standard
deviations of a normal distribution."""
DRAWN_IN = 0.05
"""Share of the current values on each side that count as the nearest of the others."""
POWER = 0.9
"""Chance of finding the smallest shift that is stated."""


@dataclass(frozen=True)
class Series:
    """Column of both tables, NaN for missing, with mold and weather taken out."""

    before: Array
    now: Array
    uncertain: float = 0.0
    """Variance of what was taken out of the shift, over that of ``before``."""


@dataclass(frozen=True)
class Level:
    """How far the level of one column moved, and how far it wanders."""

    shift: float
    """Of the mean score: standard deviations of the baseline."""
    variance: float
    """Of ``shift`` where nothing changed."""
    freedom: float
    """Degrees of freedom of ``variance``."""
    sizes: Sizes
    """Independent values that the values are worth."""

    @property
    def p_value(self) -> float:
        """Chance of a shift as large as this where nothing changed."""
        t = abs(self.shift) / np.sqrt(self.variance)
        return float(2.0 * special.stdtr(self.freedom, -t))

    def detectable(self, rate: float) -> float:
        """Shift that is found with a chance of 90 %, standard deviations of the baseline.

        Args:
            rate: largest p-value that alarms.
        """
        t = -float(special.stdtrit(self.freedom, rate / 2.0)) + float(special.ndtri(POWER))
        return t * float(np.sqrt(self.variance))


@dataclass(frozen=True)
class Levels:
    """All columns of a check; None where there is too little to say."""

    levels: tuple[Level | None, ...]
    blocks: int
    """Blocks of the baseline whose scatter counts; 0: shots wander for less than a window."""


@dataclass(frozen=True)
class _Scored:
    before: Array
    now: Array
    memory: Autoregression
    uncertain: float
    block_means: Array
    block_sizes: Array

    @cached_property
    def count(self) -> int:
        return len(self.before) + len(self.now)


def levels_of(series: list[Series | None], fewest: int, slow: bool = False) -> Levels:
    """Levels of columns; None in, or fewer than ``fewest`` values, or a constant: None out.

    Args:
        series: one of each column.
        fewest: values in each table.
        slow: step 2 is needed, whatever the blocks show.
    """
    scored = [None if one is None else _scored(one, fewest) for one in series]
    given = [one for one in scored if one is not None]
    if not given:
        return Levels(tuple(None for _ in series), 0)
    memories = _alike([one.memory for one in given])
    shares = [_shares(one, memory) for one, memory in zip(given, memories, strict=True)]
    ratios, slow = _block_ratios(given, memories, slow)
    beyond = _beyond(given, ratios) if slow else 1.0
    found = iter(
        _level(one, memory, share, ratio if slow else None, beyond)
        for one, memory, share, ratio in zip(given, memories, shares, ratios, strict=True)
    )
    blocks = max((len(one.block_means) for one in given), default=0) if slow else 0
    return Levels(tuple(None if one is None else next(found) for one in scored), blocks)


def _scored(series: Series, fewest: int) -> _Scored | None:
    rows = np.flatnonzero(~np.isnan(series.before))
    before, now = series.before[rows], series.now[~np.isnan(series.now)]
    if min(len(before), len(now)) < fewest or np.ptp(before) == 0.0:
        return None
    a, b = _scores(before, now)
    blocks = _blocks(a, rows, len(series.before), len(series.now))
    means = np.array([block.mean() for block in blocks])
    sizes = np.array([float(len(block)) for block in blocks])
    memory = autoregression_of(a, b)
    return _Scored(a, b, memory, series.uncertain, means, sizes)


def _scores(before: Array, now: Array) -> tuple[Array, Array]:
    """Values in standard deviations of the baseline; those far out are drawn in to the fence."""
    quartiles = np.quantile(before, (0.25, 0.75))
    width = float(quartiles[1] - quartiles[0])
    if width == 0.0:  # more than half of them are one value
        low, high = float(before.min()), float(before.max())
    else:
        low, high = quartiles[0] - FENCE * width, quartiles[1] + FENCE * width
    a = np.clip(before, low, high)
    of_now = np.quantile(now, (0.25, 0.75))
    low, high = min(low, of_now[0] - FENCE * width), max(high, of_now[1] + FENCE * width)
    b = np.clip(now, low, high)
    middle, sd = float(a.mean()), float(a.std())
    return (a - middle) / sd, (b - middle) / sd


def _blocks(scores: Array, rows: NDArray[np.intp], count: int, window: int) -> list[Array]:
    """Parts of the baseline as long as the window, or a quarter of it if that is shorter."""
    edges = np.flatnonzero(np.diff(parts_of(count, window)[:count])) + 1
    parts = np.split(scores, np.searchsorted(rows, edges))
    return [part for part in parts if len(part) >= FEWEST_IN_A_BLOCK]


def parts_of(count: int, window: int) -> NDArray[np.intp]:
    """Number of the block of each row of the baseline; the current rows are in the last."""
    number = max(2 * count // max(window, 1), FEWEST_BLOCKS)
    return np.minimum(np.arange(count + window) * number // count, number - 1)


def _alike(memories: list[Autoregression]) -> list[Autoregression]:
    """Step 1: each moved towards what they have in common."""
    log, variance = (
        np.array([getattr(memory, name) for memory in memories])
        for name in ("log_ratio", "log_variance")
    )
    weight = 1.0 / variance
    total = float(weight.sum())
    mean = float((weight * log).sum()) / total
    excess = float((weight * (log - mean) ** 2).sum()) - (len(log) - 1)
    spread = total - float((weight**2).sum()) / total
    between = max(excess / spread, 0.0) if spread > 0.0 else 0.0
    weight = 1.0 / (variance + between)
    mean = float((weight * log).sum() / weight.sum())
    own = between / (between + variance) if len(log) > 1 else np.ones(1)
    moved = log + np.maximum((mean - log) * (1.0 - own), -np.sqrt(variance))
    return [
        replace(memory, log_ratio=float(value), own=float(share), alike=len(log))
        for memory, value, share in zip(memories, moved, own, strict=True)
    ]


def _shares(one: _Scored, memory: Autoregression) -> tuple[float, float]:
    """Variances of both means over that of a value."""
    return share_of_mean(memory.phi, len(one.before)), share_of_mean(memory.phi, len(one.now))


def _marginal(one: _Scored, memory: Autoregression) -> float:
    """Variance of a value: about its own mean it is too small by that of the mean."""
    n, m = len(one.before), len(one.now)
    before, now = _shares(one, memory)
    return memory.variance / max(1.0 - (n * before + m * now) / (n + m), 0.2)


def _block_ratios(
    given: list[_Scored], memories: list[Autoregression], slow: bool
) -> tuple[list[float], bool]:
    """Step 2: variance of block means over that of step 1, moderated; whether it counts."""
    ratios, p_values, freedoms = [], [], []
    for one, memory in zip(given, memories, strict=True):
        k = len(one.block_means)
        if k < FEWEST_BLOCKS - 1:
            ratios.append(np.nan)
            freedoms.append(np.nan)
            continue
        size = float(one.block_sizes.mean())
        mean = np.average(one.block_means, weights=one.block_sizes)
        scatter = float((one.block_sizes * (one.block_means - mean) ** 2).sum()) / size / (k - 1)
        ratio = scatter / (_marginal(one, memory) * share_of_mean(memory.phi, size))
        ratios.append(ratio)
        freedoms.append(k - 1.0)
        p_values.append(float(stats.f.sf(ratio, k - 1, memory.freedom)))
    if p_values:
        there = ~np.isnan(ratios)
        freedom = float(np.array(freedoms)[there].sum())
        memory_freedom = float(np.median([memory.freedom for memory in memories]))
        of_all = float(stats.f.sf(np.array(ratios)[there].mean(), freedom, memory_freedom))
        slow = slow or min(*holm(p_values), of_all) <= SLOW_RATE
    slow = slow or any(memory.order == MOST_ORDERS for memory in memories)
    slow = slow and bool(p_values)
    if not slow:
        return [1.0] * len(given), False
    return _moderated(np.array(ratios), np.array(freedoms)), True


def _beyond(given: list[_Scored], ratios: list[float]) -> float:
    """Factor on the variance of slow changes: levels that go on smoothly, as through a season, say
    little of where they go. 1 where neighbouring parts differ like any others (von Neumann)."""
    smooth = []
    for one, ratio in zip(given, ratios, strict=True):
        if ratio > SEEN_RATIO and len(one.block_means) >= FEWEST_BLOCKS:
            about = one.block_means - one.block_means.mean()
            smooth.append(float((np.diff(about) ** 2).sum() / (about**2).sum()))
    if not smooth:
        return 1.0
    return max(1.0, SMOOTH / max(float(np.median(smooth)), 0.05)) ** 2


def _moderated(ratios: Array, freedoms: Array) -> list[float]:
    """Each ratio, drawn to a scaled inverse chi-square distribution of all [2]."""
    there = ~np.isnan(ratios)
    own, freedom = np.maximum(ratios[there], 1e-3), freedoms[there]
    logs = np.log(own) - special.digamma(freedom / 2.0) + np.log(freedom / 2.0)
    more = 0.0
    if len(logs) > 1:
        more = float(logs.var(ddof=1) - special.polygamma(1, freedom / 2.0).mean())
    prior = 2.0 * _inverse_trigamma(more) if more > 1e-4 else 1e4
    scale = float(np.exp(logs.mean() + special.digamma(prior / 2.0) - np.log(prior / 2.0)))
    d = np.where(there, freedoms, 0.0)
    return list((prior * scale + d * np.where(there, ratios, 0.0)) / (prior + d))


def _inverse_trigamma(value: float) -> float:
    found = 0.5 + 1.0 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, found))
        step = trigamma * (1.0 - trigamma / value) / float(special.polygamma(2, found))
        found += step
        if abs(step) < 1e-8 * found:
            break
    return found


def _level(
    one: _Scored,
    memory: Autoregression,
    share: tuple[float, float],
    ratio: float | None,
    beyond: float,
) -> Level:
    marginal = _marginal(one, memory)
    freedom, (before, now) = memory.freedom, share
    if ratio is not None and len(one.block_means):  # what is slower than a block stays for a window
        k = max(len(one.block_means), 2)
        slow = max(ratio - 1.0, 0.0) * share_of_mean(memory.phi, float(one.block_sizes.mean()))
        before, now = before + slow / k, now + slow * beyond
        freedom = OWN * (k - 1.0)
    variance = marginal * (before + now) + one.uncertain
    shift = float(one.now.mean() - one.before.mean())
    now += one.uncertain / marginal
    sizes = Sizes(max(1.0 / before, 1.0), max(1.0 / now, 1.0))
    return Level(shift, variance, freedom, sizes)
