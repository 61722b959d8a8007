"""The demold window: from when, best when, until when, and what decides.

A criterion is a margin over time: zero at its limit, positive when met, one tenth when met by ten
per cent. The window opens when the last criterion is met and closes when the first fails again, at
the latest when nobody would wait any longer (``t_cycle_max_s``). An open cup has no window.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import allocating, compiled
from twin_core.models import part_properties as part
from twin_core.models import release as rel
from twin_core.models import state as s

CRITERIA = (
    *("cure", "gel", "skin", "hardness", "strength", "swell", "shrink"),
    *("wall_temperature", "adhesion", "trimming", "pressure"),
)
"""cure: mean degree of cure. gel: every layer is past gel. skin: the colder surface does not stick.
hardness: Shore proxy. strength: pressure of any layer over the share of its strength, at the
opening and after. swell, shrink: of the thickness after the opening, until the part is cold.
wall_temperature: hotter outer layer. adhesion: colder wall. trimming: mean temperature of the part.
pressure: what the mold may hold. Those without a limit are left out."""
CURE, GEL, SKIN, HARDNESS, STRENGTH, SWELL, SHRINK, WALL, ADHESION, TRIMMING, PRESSURE = range(11)
CYCLE = len(CRITERIA)
"""Binding at the late end when no criterion ends the window before the longest cycle."""
COMFORT_MARGIN = 0.1
"""The best time is the first at which every margin has this much in hand."""
STRENGTH_FACTOR = 0.5
"""Share of the collapse stress that the inner pressure may use (a safety of two; assumed)."""
MARGIN_K = 20.0
"""A temperature is met by ten per cent when it is 2 K beyond its limit."""
NONE = -1.0
REFINEMENTS = 8
"""Openings looked at to find where a limit is met, beside those of the curve."""

CURVE = ("opened_s", "swell", "swell_m", "shrink", "shrink_m", "strength_use")
CURVE_POINTS = 12
"""Opening times from gel to the longest cycle, evenly in their logarithm."""

WINDOW = (
    *("t_min", "t_opt", "t_max", "earliest", "latest", "hardness", "alpha"),
    *("gel_layer", "strength_layer"),
    *("swell_at_min", "swell_m_at_min", "shrink_at_min", "shrink_m_at_min"),
    *("swell_at_opt", "swell_m_at_opt", "shrink_at_opt", "shrink_m_at_opt"),
    *CRITERIA,
)
T_MIN, T_OPT, T_MAX, EARLIEST, LATEST, HARDNESS_AT, ALPHA_AT, GEL_LAYER, STRENGTH_LAYER = range(9)
AT_MIN, AT_OPT, MARGINS = 9, 13, 17
"""What ``window`` writes: times [s] or NaN, numbers of the binding criteria or -1, hardness and
mean degree of cure at the best time, the least gelled and the weakest layer at the earliest time,
swell and shrink (ratio, m) of a part opened at the earliest and at the best time; and from
``MARGINS`` on the margins at the best time, NaN where not applied."""


class Run(NamedTuple):
    """A run on the grid of the analysis, as far as the window needs it."""

    t: Array
    y: Array
    observables: Array
    borne: Array
    skin: Array
    """Conversion of the surface."""


@compiled
def _past(X: float, limit: float, reach: float) -> float:
    """Margin of a conversion: ten per cent, or half the way to ``reach`` where that is less."""
    span = limit
    if reach > limit:
        span = min(limit, 0.5 * (reach - limit) / COMFORT_MARGIN)
    return (X - limit) / span


@compiled
def margins_row(
    y: Array, observables: Array, borne: Array, skin: float, p: Any, c: Any, out: Array
) -> None:
    """Margin of every criterion that the moment of the opening decides; else infinite."""
    out[:] = np.inf
    n = s.layer_count(y.size)
    out[CURE] = observables[s.ALPHA_] / c.alpha_min - 1.0
    out[GEL] = _past(observables[s.X_MIN_], c.X_gelled, c.X_reach)
    out[SKIN] = _past(skin, c.X_sticky, c.X_reach)
    if c.H_min > 0.0:
        out[HARDNESS] = borne[part.HARDNESS_] / c.H_min - 1.0
    if c.T_wall_max > 0.0:
        out[WALL] = 1.0 - (observables[s.T_WALL_] - c.T_ambient) / (c.T_wall_max - c.T_ambient)
    end = s.LAYER_STATES * n
    if c.T_wall_min > 0.0:
        out[ADHESION] = (min(y[end + s.WALL_1], y[end + s.WALL_2]) - c.T_wall_min) / MARGIN_K
    if c.T_part_min > 0.0:
        T = 0.0
        for i in range(n):
            T += p.share[i] * y[s.LAYER_STATES * i + s.T]
        out[TRIMMING] = (T - c.T_part_min) / MARGIN_K
    out[PRESSURE] = 1.0 - observables[s.P_] / c.p_limit


@compiled
def released_margins(row: Array, c: Any, out: Array) -> None:
    """Margins of strength, swell and shrink from ``RELEASE``."""
    out[STRENGTH] = 1.0 - row[rel.STRENGTH_USE] / STRENGTH_FACTOR
    out[SWELL] = 1.0 - max(row[rel.SWELL] / c.swell_max, row[rel.SWELL_M] / c.swell_max_m)
    out[SHRINK] = 1.0 - max(row[rel.SHRINK] / c.shrink_max, row[rel.SHRINK_M] / c.shrink_max_m)


@compiled
def _between(a: float, b: float, share: float, floor: float) -> float:
    """Between two values that fall like an exponential."""
    return math.exp((1.0 - share) * math.log(max(a, floor)) + share * math.log(max(b, floor)))


@compiled
def _fill(t: Array, released: Array, row: Array, rows: int, c: Any, each: Array) -> None:
    """Margins of strength, swell and shrink of all rows from those that were looked at."""
    last = -1
    for i in range(rows):
        if not np.isnan(released[i, 0]):
            if last >= 0:
                for k in range(last + 1, i):
                    share = (t[k] - t[last]) / (t[i] - t[last])
                    for m in range(row.size):
                        row[m] = _between(released[last, m], released[i, m], share, 1e-9)
                    released_margins(row, c, each[k])
            released_margins(released[i], c, each[i])
            last = i
        elif last < 0:  # before gel nothing holds
            each[i, STRENGTH], each[i, SWELL], each[i, SHRINK] = -np.inf, -np.inf, -np.inf


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


@compiled
def _worst(each: Array, rows: int, worst: Array) -> None:
    for i in range(rows):
        worst[i] = each[i, _least(each[i])]


@compiled
def _quick(margins: Array) -> float:
    """The least margin but for strength, swell and shrink."""
    least = np.inf
    for k in range(margins.size):
        if k < STRENGTH or k > SHRINK:
            least = min(least, margins[k])
    return least


@allocating
def _look(i: int, run: Run, p: Any, c: Any, alpha_gel: float, released: Array) -> None:
    """Follow the part that is opened at row ``i``."""
    if np.isnan(released[i, 0]):
        rel.release(
            run.t[i], run.y[i], run.observables[i, s.P_CELLS_], p, c, alpha_gel, rel.TOLERANCE,
            False, released[i], np.empty((0, 0)),
        )  # fmt: skip


@allocating
def _refined(
    level: float, run: Run, rows: int, p: Any, c: Any, alpha_gel: float, released: Array,
    each: Array, worst: Array,
) -> None:  # fmt: skip
    """Look at openings where all margins first pass ``level`` until both sides are known."""
    row = np.empty(len(rel.RELEASE))
    for _ in range(REFINEMENTS):
        i = 0
        while i < rows and worst[i] < level:
            i += 1
        if i == rows:
            return
        known = not np.isnan(released[i, 0])
        if known and (i == 0 or _quick(each[i - 1]) < level or not np.isnan(released[i - 1, 0])):
            return
        _look(i - 1 if known else i, run, p, c, alpha_gel, released)
        _fill(run.t, released, row, rows, c, each)
        _worst(each, rows, worst)


@allocating
def _opened(
    t: float, i: int, run: Run, p: Any, c: Any, alpha_gel: float, released: Array, out: Array
) -> None:
    """Swell and shrink of a part that is opened at ``t``, between rows ``i - 1`` and ``i``."""
    _look(i - 1, run, p, c, alpha_gel, released)
    _look(i, run, p, c, alpha_gel, released)
    share = min(max((t - run.t[i - 1]) / (run.t[i] - run.t[i - 1]), 0.0), 1.0)
    a, b = released[i - 1], released[i]
    out[0] = _between(a[rel.SWELL], b[rel.SWELL], share, 1e-9)
    out[1] = _between(a[rel.SWELL_M], b[rel.SWELL_M], share, 1e-12)
    out[2] = a[rel.SHRINK] + share * (b[rel.SHRINK] - a[rel.SHRINK])
    out[3] = a[rel.SHRINK_M] + share * (b[rel.SHRINK_M] - a[rel.SHRINK_M])


@allocating
def window(
    run: Run, rows: int, t_gel: float, p: Any, c: Any, alpha_gel: float, out: Array, curve: Array
) -> None:
    """``WINDOW`` of the first ``rows`` rows of a run, into ``out``; ``CURVE`` into ``curve``.

    Args:
        t_gel: NaN where there is none.
        p: parameters of the last mode.
        alpha_gel: mean degree of cure at gel.
    """
    out[:] = np.nan
    out[EARLIEST], out[LATEST] = NONE, NONE
    curve[:] = np.nan
    if np.isnan(c.V_cavity):
        return
    t = run.t
    each, worst = np.empty((rows, len(CRITERIA))), np.empty(rows)
    released = np.full((rows, len(rel.RELEASE)), np.nan)
    for i in range(rows):
        margins_row(run.y[i], run.observables[i], run.borne[i], run.skin[i], p, c, each[i])
        each[i, STRENGTH], each[i, SWELL], each[i, SHRINK] = -np.inf, -np.inf, -np.inf
    if t_gel < t[rows - 1]:
        i = 0
        for k in range(CURVE_POINTS):
            wanted = t_gel * math.pow(t[rows - 1] / t_gel, k / (CURVE_POINTS - 1.0))
            while i < rows - 1 and t[i] < wanted:
                i += 1
            _look(i, run, p, c, alpha_gel, released)
            r = released[i]
            curve[k, 0], curve[k, 1], curve[k, 2] = t[i], r[rel.SWELL], r[rel.SWELL_M]
            curve[k, 3], curve[k, 4] = r[rel.SHRINK], r[rel.SHRINK_M]
            curve[k, 5] = r[rel.STRENGTH_USE]
        _fill(t, released, np.empty(len(rel.RELEASE)), rows, c, each)
    _worst(each, rows, worst)
    _refined(0.0, run, rows, p, c, alpha_gel, released, each, worst)
    first = 0
    while first < rows and worst[first] < 0.0:
        first += 1
    if first == rows:
        out[EARLIEST] = _least(each[rows - 1])
        return
    _refined(COMFORT_MARGIN, run, rows, p, c, alpha_gel, released, each, worst)
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
    n, least = s.layer_count(run.y.shape[1]), 0
    for i in range(n):
        if run.y[first, s.LAYER_STATES * i] > run.y[first, s.LAYER_STATES * least]:
            least = i
    out[GEL_LAYER] = float(least)
    _opened(t_min, max(first, 1), run, p, c, alpha_gel, released, out[AT_MIN:AT_OPT])
    out[STRENGTH_LAYER] = released[max(first, 1), rel.STRENGTH_LAYER]
    i = 1
    while i < rows - 1 and t[i] < t_opt:
        i += 1
    _opened(t_opt, i, run, p, c, alpha_gel, released, out[AT_OPT:MARGINS])
    share = (t_opt - t[i - 1]) / (t[i] - t[i - 1])
    borne, observables = run.borne, run.observables
    H0, H1 = borne[i - 1, part.HARDNESS_], borne[i, part.HARDNESS_]
    alpha0, alpha1 = observables[i - 1, s.ALPHA_], observables[i, s.ALPHA_]
    out[HARDNESS_AT] = H0 + share * (H1 - H0)
    out[ALPHA_AT] = alpha0 + share * (alpha1 - alpha0)
    for k in range(len(CRITERIA)):
        if each[i, k] < np.inf:
            out[MARGINS + k] = each[i - 1, k] + share * (each[i, k] - each[i - 1, k])
            if not np.isfinite(out[MARGINS + k]):
                out[MARGINS + k] = each[i, k]
