"""What an engineer reads off a shot: times, densities, peaks, water; one row of numbers a shot."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.models import foam as f
from twin_core.models import part_properties as part
from twin_core.models import state as s
from twin_core.results import demold_window as demold
from twin_core.units import ZERO_CELSIUS_K

RISE_SHARE = 0.98
"""Rise time: foam volume reaches this share of its largest value."""
SAME_VOLUME = 1e-6
"""Relative; a volume this near to the largest counts as it."""


@dataclass(frozen=True)
class Kpis:
    """Key figures of one shot; times count from the end of injection.

    Taken up to the longest cycle (``quality.t_cycle_max_s``), whatever the output's length.
    """

    rho_moulded_kg_per_m3: float
    """Foam mass over the largest foam volume; in an open cup this is the free-rise density."""
    rho_core_kg_per_m3: float
    """Middle layer, and the outer five per cent of the mass on either side, at the largest volume;
    both are the mean in 0D."""
    rho_skin_kg_per_m3: float
    fill_ratio: float
    p_max_Pa: float
    t_p_max_s: float
    T_core_max_C: float
    t_T_core_max_s: float
    t_cream_s: float | None
    """Foam volume has grown by five per cent."""
    t_gel_s: float | None
    """Mean OH conversion of the layers reaches the gel point."""
    t_rise_s: float | None
    """98 per cent of the largest foam volume."""
    t_tack_free_s: float | None
    """The surface is past gel by the system's margin: ``models.skin``."""
    t_mold_full_s: float | None
    """One per cent of the cavity is air."""
    vent_closure_time_s: float | None
    """Foam has reached the vents and shut them; None: its rise stopped before that."""
    nco_oh_index: float
    X_gel: float
    H_24h_shore: float
    water_from_polyol_kg: float
    water_from_rh_kg: float
    """From the air in the cavity and from a mold wall below the dew point."""
    water_effective_kg: float
    """Water that has reacted to CO2."""
    water_eff_fraction: float
    water_risk_score: float
    """Humidity's share of the water, 1 at ten per cent of the recipe's or more (assumed scale)."""

    @classmethod
    def of(cls, numbers: Array) -> Kpis:
        """From what ``key_figures`` wrote."""
        values = (None if math.isnan(value) else value for value in numbers.tolist())
        return cls(*values)  # type: ignore[arg-type]


KPIS = tuple(item.name for item in fields(Kpis))
"""Columns that ``key_figures`` writes, NaN for what did not happen."""
(RHO, RHO_CORE, RHO_SKIN, FILL, P_MAX, T_P_MAX, T_CORE_MAX, T_T_CORE_MAX) = range(8)
(CREAM, GEL, RISE, TACK_FREE, FULL, VENTS, INDEX, X_GEL, H_24H) = range(8, 17)
(WATER_POLYOL, WATER_RH, WATER_USED, WATER_SHARE, WATER_RISK) = range(17, 22)


@compiled
def _peak(t: Array, value: Array, rows: int) -> tuple[float, float]:
    """Time and value of the largest entry; between rows by a parabola through three of them."""
    i = 0
    for k in range(1, rows):
        if value[k] > value[i]:
            i = k
    if i == 0 or i == rows - 1:
        return t[i], value[i]
    left, right = t[i - 1] - t[i], t[i + 1] - t[i]
    down_l = (value[i - 1] - value[i]) / left
    down_r = (value[i + 1] - value[i]) / right
    bend = (down_r - down_l) / (right - left)
    if bend >= 0.0:
        return t[i], value[i]
    slope = down_l - bend * left
    at = min(max(-0.5 * slope / bend, left), right)
    return t[i] + at, value[i] + (slope + bend * at) * at


@compiled
def key_figures(
    t: Array, y: Array, observables: Array, skin: Array, rows: int, p: Any, events: Array,
    alpha_gel: float, c: Any, out: Array,
) -> None:  # fmt: skip
    """``KPIS`` of the first ``rows`` rows of a run, into ``out``.

    Args:
        skin: conversion of the surface.
        p: parameters of any mode; c: record of limits.
        events: times of ``EVENTS``, NaN where it did not happen.
        alpha_gel: mean degree of cure at gel.
    """
    last = rows - 1
    n = s.layer_count(y.shape[1])
    V_max = _peak(t, observables[:, s.V_], rows)[1]
    largest = 0  # the first time: a full mold keeps its volume but for rounding
    while largest < rows - 1 and observables[largest, s.V_] < (1.0 - SAME_VOLUME) * V_max:
        largest += 1
    W = 0.0
    for i in range(n):
        j = s.LAYER_STATES * i
        W += p.share[i] * y[last, j + s.W]
    out[RHO] = f.mass(p) / V_max
    out[RHO_CORE] = observables[largest, s.RHO_CORE_]
    out[RHO_SKIN] = observables[largest, s.RHO_SKIN_]
    out[FILL] = 1.0 if np.isnan(c.V_cavity) else min(V_max / c.V_cavity, 1.0)
    out[T_P_MAX], out[P_MAX] = _peak(t, observables[:, s.P_], rows)
    out[T_T_CORE_MAX], T_max = _peak(t, observables[:, s.T_CORE_], rows)
    out[T_CORE_MAX] = T_max - ZERO_CELSIUS_K
    out[CREAM], out[GEL], out[FULL] = events[s.CREAM], events[s.GEL], events[s.FULL]
    out[RISE] = demold.first_time(t[:rows], observables[:, s.V_], 0, 1.0, RISE_SHARE * V_max)
    out[TACK_FREE] = np.nan
    if not np.isnan(events[s.GEL]):
        out[TACK_FREE] = demold.first_time(t[:rows], skin, 0, 1.0, c.X_sticky)
    out[VENTS] = np.nan
    if c.has_vents > 0.0:
        out[VENTS] = events[s.CLOSED]
    out[INDEX] = p.n_NCO0 / (p.n_OH0 + 2.0 * p.n_W0)
    out[X_GEL] = p.X_gel
    out[H_24H] = 0.0
    if not np.isnan(events[s.GEL]):
        out[H_24H] = part.hardness_24h(out[RHO_SKIN], alpha_gel, p.mixed, c)
    out[WATER_POLYOL], out[WATER_RH] = c.water_from_polyol, c.water_from_rh
    reacted = 0.0
    if p.n_W0 > 0.0:
        # the tolerance of the solver may pass zero; what is not mixed does not react
        reacted = p.mixed * (1.0 - min(max(W / p.n_W0, 0.0), 1.0))
    out[WATER_USED] = reacted * (c.water_from_polyol + c.water_from_rh)
    out[WATER_SHARE] = reacted
    out[WATER_RISK] = 0.0
    if c.water_from_polyol > 0.0:
        out[WATER_RISK] = min(1.0, 10.0 * c.water_from_rh / c.water_from_polyol)
