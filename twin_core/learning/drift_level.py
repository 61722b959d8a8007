"""Test of drift for a level: is the mean of the newest shots another one?

The scatter of a difference of two means is that of independent shots only if shots are. Here it
comes from the baseline in three steps, each over all columns of a check together.

1   Shots in a row. An autoregression of each column gives the variance of a mean of n shots
    (``autoregression``). Columns of one plant often remember alike: what they have in common makes
    the estimate of each better, so each is moved towards their weighted mean as far as their
    scatter allows [1], downwards by at most one standard error.
2   Weeks. Lots of material, a season, wear: levels that stay for hundreds of shots are not in an
    autoregression. The means of blocks of the baseline half as long as the current window show
    them: if of a column or of all they scatter more than step 1 says of the baseline (F tests,
    0.2 %), an autoregression takes the highest order that is tried, or the weather of the hall
    lasts, then all columns are judged by the scatter of blocks, moderated over the columns [2],
    with two thirds of a degree of freedom for each block and those of the prior: as many as the
    columns are worth (``moderated_variance``), two at most (``MOST_OF_THE_PRIOR``). All of it comes
    from the baseline alone: what is new in the current window does not hide what moved.
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
from twin_core.learning.moderated_variance import moderated, worth
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
MOST_OF_THE_PRIOR = OWN * (FEWEST_BLOCKS - 1.0)
"""Degrees of freedom that other columns add at most: as many as the fewest blocks have. ASSUMED, by
what plants showed in which nothing was changed: wear and seasons go on beyond what the baseline
holds, in a column of their own, and that no other column tells."""
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
    memory_before: Autoregression
    """Of the baseline alone."""
    uncertain: float
    block_means: Array
    block_sizes: Array


@dataclass(frozen=True)
class _Weeks:
    """What blocks of the baseline say, of all columns."""

    ratios: list[float]
    """Variance of block means over that of step 1, moderated."""
    prior: float
    """Degrees of freedom that the columns lend each other."""
    beyond: float


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
    of_baseline = _alike([one.memory_before for one in given])
    weeks = _weeks(given, of_baseline, slow)
    if weeks is None:
        levels = [_level(*pair) for pair in zip(given, memories, strict=True)]
    else:
        columns = zip(given, of_baseline, weeks.ratios, strict=True)
        levels = [_slow_level(*column, weeks) for column in columns]
    found = iter(levels)
    blocks = max(len(one.block_means) for one in given) if weeks is not None else 0
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
    return _Scored(a, b, memory, autoregression_of(a), series.uncertain, means, sizes)


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


def _weeks(given: list[_Scored], memories: list[Autoregression], slow: bool) -> _Weeks | None:
    """Step 2; None where it does not count."""
    ratios = np.full(len(given), np.nan)
    p_values = []
    for i, (one, memory) in enumerate(zip(given, memories, strict=True)):
        k = len(one.block_means)
        if k < FEWEST_BLOCKS - 1:
            continue
        size = float(one.block_sizes.mean())
        mean = np.average(one.block_means, weights=one.block_sizes)
        scatter = float((one.block_sizes * (one.block_means - mean) ** 2).sum()) / size / (k - 1)
        ratios[i] = scatter / (memory.marginal * share_of_mean(memory.phi, size))
        p_values.append(float(stats.f.sf(ratios[i], k - 1, memory.freedom)))
    if not p_values:
        return None
    there = ~np.isnan(ratios)
    freedoms = np.array([len(one.block_means) - 1.0 for one in given])
    if not slow:
        memory_freedom = float(np.median([memory.freedom for memory in memories]))
        of_all = stats.f.sf(ratios[there].mean(), freedoms[there].sum(), memory_freedom)
        slow = min(*holm(p_values), float(of_all)) <= SLOW_RATE
    if not slow and all(memory.order < MOST_ORDERS for memory in memories):
        return None
    drawn, prior = moderated(ratios, freedoms)
    most = float(freedoms.max())
    whole = [one.block_means for one in given if len(one.block_means) - 1 == most]
    others = OWN * most * (max(worth(whole), 1.0) - 1.0)
    prior = min(OWN * prior, others, MOST_OF_THE_PRIOR)
    return _Weeks(list(drawn), prior, _beyond(given, drawn))


def _beyond(given: list[_Scored], ratios: Array) -> float:
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


def _shares(one: _Scored, memory: Autoregression) -> tuple[float, float]:
    """Variances of both means over that of a value."""
    return share_of_mean(memory.phi, len(one.before)), share_of_mean(memory.phi, len(one.now))


def _level(one: _Scored, memory: Autoregression) -> Level:
    """Step 1 alone."""
    return _moved(one, memory.marginal, *_shares(one, memory), memory.freedom)


def _slow_level(one: _Scored, memory: Autoregression, ratio: float, weeks: _Weeks) -> Level:
    """Step 2: what is slower than a block stays for a window."""
    if not len(one.block_means):
        return _level(one, memory)
    k = max(len(one.block_means), 2)
    slow = max(ratio - 1.0, 0.0) * share_of_mean(memory.phi, float(one.block_sizes.mean()))
    before, now = _shares(one, memory)
    freedom = OWN * (k - 1.0) + weeks.prior
    return _moved(one, memory.marginal, before + slow / k, now + slow * weeks.beyond, freedom)


def _moved(one: _Scored, marginal: float, before: float, now: float, freedom: float) -> Level:
    """Shift, where both means have these shares of the variance of a value."""
    variance = marginal * (before + now) + one.uncertain
    shift = float(one.now.mean() - one.before.mean())
    now += one.uncertain / marginal
    return Level(shift, variance, freedom, Sizes(max(1.0 / before, 1.0), max(1.0 / now, 1.0)))
