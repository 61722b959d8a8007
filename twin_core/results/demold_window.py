"""The demould window: from when, best when, until when, and what decides.

A criterion is a margin over time: zero at its limit, positive when met, one tenth when met by ten
per cent. The window opens when the last criterion is met and closes when the first fails again, at
the latest when nobody would wait any longer (``t_cycle_max_s``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import allocating, compiled
from twin_core.models import part_properties as part
from twin_core.models import state as s

CRITERIA = tuple("cure gel hardness strength swell shrink wall_temperature pressure".split())
"""cure, gel: every layer. hardness: Shore proxy. strength: collapse stress with its safety over the
pressure difference. swell, shrink: (P - P_ambient)(1 - 2 nu)/E. wall_temperature: outer layers.
pressure: what the mold may hold. Those without a limit, and the last five in an open cup, are left
out."""
CURE, GEL, HARDNESS, STRENGTH, SWELL, SHRINK, WALL, PRESSURE = range(8)
CYCLE = 8
"""Binding at the late end when no criterion ends the window before the longest cycle."""
COMFORT_MARGIN = 0.1
"""The best time is the first at which every margin has this much in hand."""
STRENGTH_FACTOR = 0.5
"""Share of the collapse stress that the inner pressure may use (a safety of two; assumed)."""
NONE = -1.0

WINDOW = ("t_min", "t_opt", "t_max", "earliest", "latest", "hardness", "alpha", *CRITERIA)
T_MIN, T_OPT, T_MAX, EARLIEST, LATEST, HARDNESS_AT, ALPHA_AT, MARGINS = range(8)
"""What ``window`` writes: times [s] or NaN, numbers of the binding criteria or -1, hardness and
mean degree of cure at the best time, and from ``MARGINS`` on the margins there, NaN where not
applied."""


@dataclass(frozen=True)
class DemoldWindow:
    """Times [s] from the end of injection; None where there is no such time within the run."""

    t_min_s: float | None
    t_opt_s: float | None
    t_max_s: float | None
    binding_earliest: str | None
    """Criterion met last; with no window, the one that fails by most at the end."""
    binding_latest: str | None
    """Criterion that ends the window, or ``cycle`` when none does before the longest cycle."""
    margins_at_opt: dict[str, float]
    hardness_at_opt: float | None
    """Shore proxy."""
    alpha_at_opt: float | None

    @classmethod
    def of(cls, numbers: Array) -> DemoldWindow:
        """From what ``window`` wrote."""
        t_min, t_opt, t_max = (None if math.isnan(t) else t for t in numbers[: T_MAX + 1].tolist())
        earliest, latest = (
            None if k < 0 else (*CRITERIA, "cycle")[int(k)] for k in numbers[EARLIEST : LATEST + 1]
        )
        margins = zip(CRITERIA, numbers[MARGINS:].tolist(), strict=True)
        at_opt = {name: margin for name, margin in margins if not math.isnan(margin)}
        hardness, alpha = (
            None if t_opt is None else float(numbers[k]) for k in (HARDNESS_AT, ALPHA_AT)
        )
        return cls(t_min, t_opt, t_max, earliest, latest, at_opt, hardness, alpha)


@compiled
def margins_row(observables: Array, borne: Array, X_gel: float, c: Any, out: Array) -> None:
    """Margin of every criterion at one time; infinite where it does not apply."""
    out[:] = np.inf
    out[CURE] = observables[s.ALPHA_MIN_] / c.alpha_min - 1.0
    out[GEL] = observables[s.X_MIN_] / (X_gel + c.gel_margin * (1.0 - X_gel)) - 1.0
    if c.H_min > 0.0:
        out[HARDNESS] = borne[part.HARDNESS_] / c.H_min - 1.0
    if np.isnan(c.V_cavity):
        return
    over = observables[s.P_] - c.P_ambient
    strain = over * (1.0 - 2.0 * c.poisson) / borne[part.E_]
    strong = max(STRENGTH_FACTOR * borne[part.STRENGTH_], 1e-9 * c.E_solid)
    out[STRENGTH] = 1.0 - abs(over) / strong
    out[SWELL] = 1.0 - strain / c.swell_max
    out[SHRINK] = 1.0 + strain / c.swell_max
    if c.T_wall_max > 0.0:
        out[WALL] = 1.0 - (observables[s.T_WALL_] - c.T_ambient) / (c.T_wall_max - c.T_ambient)
    out[PRESSURE] = 1.0 - observables[s.P_] / c.p_limit


@compiled
def first_time(t: Array, value: Array, start: int, sign: float, level: float) -> float:
    """First time from row ``start`` on at which sign * (value - level) >= 0, linear between rows;
    NaN if it never is.
    """
    for i in range(start, t.size):
        now = sign * (value[i] - level)
        if now >= 0.0:
            if i == start:
                return float(t[i])
            before = sign * (value[i - 1] - level)
            return float(t[i - 1] - before / (now - before) * (t[i] - t[i - 1]))
    return np.nan


@compiled
def _least(row: Array) -> int:
    best = 0
    for k in range(1, row.size):
        if row[k] < row[best]:
            best = k
    return best


@compiled
def _best_time(t: Array, worst: Array, first: int, last: int, t_min: float) -> float:
    """First time with comfort, else the best there is, between rows ``first`` and ``last``."""
    for i in range(first, last + 1):
        if worst[i] >= COMFORT_MARGIN:
            if i == 0:
                return float(t[0])
            share = (COMFORT_MARGIN - worst[i - 1]) / (worst[i] - worst[i - 1])
            return float(t[i - 1] + share * (t[i] - t[i - 1]))
    best = first
    for i in range(first, last + 1):
        if worst[i] > worst[best]:
            best = i
    return max(float(t[best]), t_min)


@allocating
def window(
    t: Array, observables: Array, borne: Array, rows: int, X_gel: float, c: Any, out: Array
) -> None:
    """``WINDOW`` of the first ``rows`` rows of a run, into ``out``."""
    each, worst = np.empty((rows, len(CRITERIA))), np.empty(rows)
    for i in range(rows):
        margins_row(observables[i], borne[i], X_gel, c, each[i])
        worst[i] = each[i, _least(each[i])]
    out[:] = np.nan
    out[LATEST] = NONE
    first = 0
    while first < rows and worst[first] < 0.0:
        first += 1
    if first == rows:
        out[EARLIEST] = _least(each[rows - 1])
        return
    t_min = first_time(t[:rows], worst, 0, 1.0, 0.0)
    # a criterion may be met at the pour, fail in between and decide at last: look just before
    out[EARLIEST] = _least(each[max(first - 1, 0)])
    after = first
    while after < rows and worst[after] >= 0.0:
        after += 1
    t_max, out[LATEST] = t[rows - 1], CYCLE
    if after < rows:
        t_max, out[LATEST] = first_time(t[:rows], worst, first, -1.0, 0.0), _least(each[after])
    t_opt = _best_time(t, worst, first, after - 1, t_min)
    out[T_MIN], out[T_OPT], out[T_MAX] = t_min, t_opt, t_max
    i = 1
    while i < rows - 1 and t[i] < t_opt:
        i += 1
    share = (t_opt - t[i - 1]) / (t[i] - t[i - 1])
    H0, H1 = borne[i - 1, part.HARDNESS_], borne[i, part.HARDNESS_]
    alpha0, alpha1 = observables[i - 1, s.ALPHA_], observables[i, s.ALPHA_]
    out[HARDNESS_AT] = H0 + share * (H1 - H0)
    out[ALPHA_AT] = alpha0 + share * (alpha1 - alpha0)
    for k in range(len(CRITERIA)):
        if each[i, k] < np.inf:
            out[MARGINS + k] = each[i - 1, k] + share * (each[i, k] - each[i - 1, k])
