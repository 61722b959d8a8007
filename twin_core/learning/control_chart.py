"""Control chart of a series that should stay at its level: a two-sided CUSUM, without disk.

Each value, standardised, adds to a sum what it is above the level less an allowance k, and to
another what it is below; a sum never falls below zero, and one above the limit h is an alarm [1].
Sums see a small shift that lasts long before a single value shows it. One outlier is no shift: a
value further out than the clip counts as that far, which is less than the limit.

How long until an alarm is the average run length (ARL), in values. It is computed as that of a
Markov chain over the sum [2]. Of the usual chart (k 0.5, h 10, clip 3):

    shift, standard deviations    0         0.5    1     2     3
    average run length            78,000    128    21    7.7   5.3                               (1)

The level and the scatter may be unknown: the chart then starts itself. The first values give a
robust start, and each later one is compared with all before it; its t value, turned into a
normal one of the same probability, is independent of the others where nothing changed [3], so the
run length in control is that of (1) however few values came before. A shift is learned as well:
after 200 values one by 1 is found in 24 values on average, one by 2 in 8, one by 0.5 rarely. A
baseline of n values is known as well as n values say (``known``).

Values that follow each other are alike: with a correlation phi of neighbours the chart takes what
is new in each, x_t - phi x_(t-1). In control (1) holds; a shift counts as ``shift_of_news`` times
as large, 0.23 at phi 0.9.

A state is plain numbers: ``asdict`` writes it, ``ChartState(**fields)`` reads it again.

References:
    [1] Page 1954, Biometrika 41, 100-115.
    [2] Brook and Evans 1972, Biometrika 59, 539-549.
    [3] Hawkins 1987, The Statistician 36, 299-316.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite, sqrt
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from twin_core.errors import InputError

WARM_UP = 12
"""Values from which a chart that starts itself takes its first level and scatter."""
CELLS = 100
"""Cells into which the chain of an average run length divides a sum."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
LONGEST_ARL = 1e8


@dataclass(frozen=True)
class Chart:
    """Design of a chart; lengths in standard deviations."""

    allowance: float = 0.5
    """k: half the shift that is to be found soonest."""
    limit: float = 10.0
    """h."""
    clip: float = 3.0
    """Values further out count as this far."""
    phi: float = 0.0
    """Correlation of neighbours."""

    def __post_init__(self) -> None:
        if not (0.0 < self.allowance < self.clip and self.limit > self.clip - self.allowance):
            raise InputError(
                f"control chart: allowance {self.allowance:g}, limit {self.limit:g}, clip "
                f"{self.clip:g}: the clip must exceed the allowance, and the limit both together, "
                "so that one outlier is no alarm"
            )
        if not 0.0 <= self.phi < 1.0:
            raise InputError(f"control chart: phi {self.phi:g}: give 0 to below 1")


@dataclass(frozen=True)
class ChartState:
    """State of a chart between two values."""

    up: float = 0.0
    down: float = 0.0
    """Sums above and below the level, standard deviations."""
    up_run: int = 0
    down_run: int = 0
    """Values since a sum was last zero: where a shift began, if it is one."""
    worth: float = 0.0
    """Values that level and scatter come from."""
    level: float = 0.0
    scatter: float = 0.0
    """Mean and standard deviation of the values, less phi times the one before."""
    last: float | None = None
    """Value before, if there is one."""
    first: tuple[float, ...] = ()
    """Values of the warm-up."""

    def side(self, chart: Chart) -> Literal["up", "down"] | None:
        """Side on which the chart alarms."""
        if max(self.up, self.down) <= chart.limit:
            return None
        return "up" if self.up >= self.down else "down"

    @property
    def run(self) -> int:
        """Values since the larger sum was last zero."""
        return self.up_run if self.up >= self.down else self.down_run

    def restarted(self) -> ChartState:
        """The same level, its sums at zero: after an alarm that somebody looked at."""
        return replace(self, up=0.0, down=0.0, up_run=0, down_run=0)


def known(mean: float, sd: float, worth: float, chart: Chart | None = None) -> ChartState:
    """State of a chart whose level a baseline gave.

    Args:
        mean: of the values.
        sd: of the values, above 0.
        worth: values that both come from, at least 3; of alike ones the effective number.

    Raises:
        InputError: a number that cannot be.
    """
    if not (isfinite(mean) and isfinite(sd) and sd > 0.0 and worth >= 3.0):
        raise InputError(
            f"control chart: mean {mean:g}, standard deviation {sd:g} of {worth:g} values: give "
            "finite ones, a deviation above 0 and at least 3 values"
        )
    phi = chart.phi if chart else 0.0
    return ChartState(worth=worth, level=(1.0 - phi) * mean, scatter=sd * sqrt(1.0 - phi**2))


def step(chart: Chart, state: ChartState, value: float) -> ChartState:
    """Take one value; NaN is none, and what is new in the value after it is not known."""
    if not isfinite(value):
        return replace(state, last=None)
    last, state = state.last, replace(state, last=value)
    if chart.phi == 0.0:
        return _take(chart, state, value)
    return state if last is None else _take(chart, state, value - chart.phi * last)


def run(chart: Chart, state: ChartState, values: Iterable[float]) -> tuple[ChartState, list[float]]:
    """Take many; the larger sum after each, negative where it is the one below the level."""
    path = []
    for value in values:
        state = step(chart, state, float(value))
        path.append(state.up if state.up >= state.down else -state.down)
    return state, path


def _take(chart: Chart, state: ChartState, news: float) -> ChartState:
    if state.worth == 0.0:
        return _warmed_up(chart, replace(state, first=(*state.first, news)))
    z = _standardised(state, news)
    if z is None:  # constant so far: no measure of what is far
        return _learned(chart, state, news)
    z = min(max(z, -chart.clip), chart.clip)
    up, down = max(state.up + z - chart.allowance, 0.0), max(state.down - z - chart.allowance, 0.0)
    up_run, down_run = (state.up_run + 1 if up else 0), (state.down_run + 1 if down else 0)
    moved = replace(state, up=up, down=down, up_run=up_run, down_run=down_run)
    return _learned(chart, moved, news)


def _warmed_up(chart: Chart, state: ChartState) -> ChartState:
    """First level and scatter, outliers among the first values being drawn in."""
    if len(state.first) < WARM_UP:
        return state
    values = np.array(state.first)
    middle = float(np.median(values))
    reach = chart.clip * MAD_TO_SD * float(np.median(np.abs(values - middle)))
    drawn_in = np.clip(values, middle - reach, middle + reach) if reach > 0.0 else values
    level, scatter = float(drawn_in.mean()), float(drawn_in.std(ddof=1))
    return replace(state, first=(), worth=float(WARM_UP), level=level, scatter=scatter)


def _standardised(state: ChartState, news: float) -> float | None:
    """Normal value as probable as the t value of this one against all before it [3]."""
    if state.scatter <= 0.0:
        return None
    t = (news - state.level) / state.scatter * sqrt(state.worth / (state.worth + 1.0))
    if t > 0.0:  # the tail that numbers resolve
        return -float(ndtri(stdtr(state.worth - 1.0, -t)))
    return float(ndtri(stdtr(state.worth - 1.0, t)))


def _learned(chart: Chart, state: ChartState, news: float) -> ChartState:
    """Level and scatter with this value too, drawn in to the clip."""
    away = news - state.level
    if state.scatter > 0.0:
        reach = chart.clip * state.scatter
        away = min(max(away, -reach), reach)
    n = state.worth + 1.0
    squares = state.scatter**2 * (state.worth - 1.0) + away**2 * state.worth / n
    return replace(state, worth=n, level=state.level + away / n, scatter=sqrt(squares / (n - 1.0)))


def shift_of_news(shift: float, phi: float) -> float:
    """Shift of what is new in each value, for one of the values; both in standard deviations."""
    return shift * sqrt((1.0 - phi) / (1.0 + phi))


@lru_cache(maxsize=256)
def average_run_length(chart: Chart, shift: float = 0.0) -> float:
    """Values until an alarm on average, from sums of zero [2].

    Args:
        chart: the design; ``phi`` is used for the shift alone.
        shift: of the values from the first on, standard deviations; 0 is in control.
    """
    shift = shift_of_news(shift, chart.phi)
    sides = (_one_sided(chart, shift), _one_sided(chart, -shift))
    return 1.0 / sum(1.0 / side for side in sides)


def _one_sided(chart: Chart, shift: float) -> float:
    """Of the sum above the level."""
    width = chart.limit / (CELLS - 0.5)  # cell 0 is half as wide: it is the sum at zero
    centres = np.arange(CELLS) * width
    edges = centres[None, :] + width / 2.0 - centres[:, None] + chart.allowance
    below = np.where(edges < chart.clip, ndtr(edges - shift), 1.0)
    below[edges < -chart.clip] = 0.0
    chance = np.diff(below, axis=1, prepend=0.0)
    try:
        lengths = np.linalg.solve(np.eye(CELLS) - chance, np.ones(CELLS))
    except np.linalg.LinAlgError:
        return LONGEST_ARL
    return float(lengths[0]) if 0.0 < lengths[0] < LONGEST_ARL else LONGEST_ARL


@lru_cache(maxsize=256)
def chart_for(arl: float, allowance: float = 0.5, clip: float = 3.0, phi: float = 0.0) -> Chart:
    """Chart that alarms once in ``arl`` values where nothing changed.

    Raises:
        InputError: no chart has such an average run length.
    """
    low, high = clip - allowance + 1e-6, 60.0
    shortest = average_run_length(Chart(allowance, low, clip))
    if not shortest <= arl <= LONGEST_ARL / 10.0:
        raise InputError(
            f"control chart: average run length {arl:g}: give {shortest:.0f} to "
            f"{LONGEST_ARL / 10.0:g} values"
        )
    while high - low > 1e-4:
        middle = (low + high) / 2.0
        if average_run_length(Chart(allowance, middle, clip)) < arl:
            low = middle
        else:
            high = middle
    return Chart(allowance, high, clip, phi)
